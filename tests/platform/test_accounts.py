"""The first account: made once, then its people's."""

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from apps.workspaces.models import ApiKey
from mlplatform.supervisor.accounts import Account, first_account, write_facts
from mlplatform.supervisor.box import box
from mlplatform.supervisor.plan import Addresses

pytestmark = pytest.mark.django_db
ADDRESSES = Addresses(web="http://127.0.0.1:1", flower="http://127.0.0.1:2")


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    return tmp_path / "quickstart.json"


def start(facts: Path) -> Account:
    account = first_account(facts)
    write_facts(facts, url=ADDRESSES.web, flower_url=ADDRESSES.flower, account=account, processes={})
    return account


def test_a_second_start_has_the_same_account(facts: Path):
    assert start(facts) == start(facts)
    assert User.objects.count() == ApiKey.objects.count() == 1


def test_a_password_that_people_chose_stays(facts: Path):
    start(facts)
    user = User.objects.get()
    user.set_password("our own and longer")
    user.save()

    account = start(facts)

    user.refresh_from_db()
    assert user.check_password("our own and longer")
    assert account.password == ""
    assert "the one you chose" in box(ADDRESSES, account, Path("logs"))


def test_a_revoked_key_is_not_made_again(facts: Path):
    start(facts)
    ApiKey.objects.all().delete()

    account = start(facts)

    assert account.api_key == ""
    assert not ApiKey.objects.exists()
    assert "revoked" in box(ADDRESSES, account, Path("logs"))
    assert start(facts) == account


def test_a_new_database_beside_old_facts_gets_a_new_account(facts: Path):
    before = start(facts)
    User.objects.all().delete()

    after = start(facts)

    assert after.password
    assert after.password != before.password
    assert json.loads(facts.read_text())["password"] == after.password
