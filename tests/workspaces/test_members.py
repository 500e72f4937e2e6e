"""Members over the API and in the admin: no write without its audit entry, no workspace without an owner."""

import threading

import pytest
from django.db import connection, transaction
from django.urls import reverse

from apps.core import clock
from apps.core.api.errors import describe
from apps.core.errors import Conflict, NotFound
from apps.core.permissions import Role
from apps.registry.models import RegisteredModel
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import add_member, change_role, issue_key, remove_member
from apps.workspaces.models import ApiKey, AuditEntry, Membership, Workspace
from tests.factories import make_member, make_model, make_user, make_workspace


def members(cast):
    return f"/api/v1/workspaces/{cast.acme.pk}/members/"


def of(user):
    return Membership.objects.get(user=user)


def verbs():
    return list(AuditEntry.objects.order_by("id").values_list("verb", flat=True))


@pytest.fixture
def admin(client, cast):
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return client


def test_the_last_owner_neither_leaves_nor_steps_down_over_the_api(cast, api):
    client, address = api(cast.owner), f"{members(cast)}{of(cast.owner).pk}/"

    left, stepped_down = client.delete(address), client.patch(address, {"role": "trainer"})

    assert (left.status_code, stepped_down.status_code) == (409, 409)
    assert "make another member owner first" in left.json()["detail"]
    assert of(cast.owner).role == Role.OWNER
    assert verbs() == []


def test_an_owner_leaves_once_there_is_another(cast, api):
    client = api(cast.owner)
    client.patch(f"{members(cast)}{of(cast.trainer).pk}/", {"role": "owner"})

    assert client.delete(f"{members(cast)}{of(cast.owner).pk}/").status_code == 204
    assert verbs() == ["member.role", "member.remove"]


def test_a_new_role_revokes_nothing_and_holds_at_once(cast, api):
    key, clear = issue_key(user=cast.trainer, workspace=cast.acme, name="x", scope="write", actor=SYSTEM)
    bearer, train = {"Authorization": f"Bearer {clear}"}, f"/api/v1/models/{make_model(cast.acme).pk}/train/"
    assert api().post(train, {}, headers=bearer).status_code == 422

    api(cast.owner).patch(f"{members(cast)}{of(cast.trainer).pk}/", {"role": "viewer"})

    assert api().post(train, {}, headers=bearer).status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None
    entry = AuditEntry.objects.get(verb="member.role")
    assert entry.details == {"username": cast.trainer.username, "from": "trainer", "to": "viewer"}


def test_what_a_removal_revokes_is_in_the_trail(cast, api):
    key, _ = issue_key(user=cast.trainer, workspace=cast.acme, name="nightly", actor=SYSTEM)
    elsewhere, _ = issue_key(user=cast.trainer, workspace=None, name="sign-in", actor=SYSTEM)

    api(cast.owner).delete(f"{members(cast)}{of(cast.trainer).pk}/")

    assert verbs()[-2:] == ["key.revoke", "member.remove"]
    entry = AuditEntry.objects.get(verb="key.revoke")
    assert (entry.target_id, entry.details["name"]) == (str(key.pk), "nightly")
    elsewhere.refresh_from_db()
    assert elsewhere.revoked_at is None


def test_a_member_who_has_just_left_cannot_be_changed(cast):
    member = of(cast.trainer)
    remove_member(member=of(cast.trainer), actor=SYSTEM)

    with pytest.raises(NotFound):
        change_role(member=member, role=Role.VIEWER, actor=SYSTEM)
    with pytest.raises(NotFound):
        remove_member(member=member, actor=SYSTEM)


def test_adding_a_member_twice_is_a_conflict_in_words(cast, api):
    answer = api(cast.owner).post(members(cast), {"username": cast.trainer.username, "role": "viewer"})

    assert answer.status_code == 409
    assert "is a member already" in answer.json()["detail"]


def in_threads(*deeds):
    together, outcomes = threading.Barrier(len(deeds)), []

    def run(deed):
        together.wait()
        try:
            outcomes.append(deed())
        except Exception as error:  # noqa: BLE001  (whatever comes is what the test looks at)
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_adding_a_member_at_the_same_moment_is_a_conflict():
    workspace = make_workspace()
    make_user("newcomer")

    def add():
        return add_member(workspace=workspace, username="newcomer", role=Role.VIEWER, actor=SYSTEM)

    outcomes = in_threads(*[add] * 6)

    assert Membership.objects.count() == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 5


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_the_same_moment_leave_one():
    workspace = make_workspace()
    owners = [of(make_member(workspace, Role.OWNER)) for _ in range(2)]

    outcomes = in_threads(*[lambda member=member: remove_member(member=member, actor=SYSTEM) for member in owners])

    assert Membership.objects.filter(role=Role.OWNER).count() == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 1


def broken(*writes):
    with pytest.raises(Exception) as caught, transaction.atomic():  # noqa: PT011, PT012  (its kind is what is looked at)
        for write in writes:
            write()
    return caught.value


def test_what_is_there_already_is_a_conflict_wherever_it_is_written(cast):
    member = of(cast.viewer)
    again = broken(lambda: Membership.objects.create(workspace=cast.acme, user=member.user, role=Role.VIEWER))
    slug = broken(lambda: Workspace.objects.create(name="Copy", slug=cast.acme.slug))
    name = broken(lambda: make_model(cast.acme, name="same"), lambda: make_model(cast.acme, name="same"))

    assert describe(again)[0] == describe(slug)[0] == describe(name)[0] == 409
    assert describe(again)[3] == "This user is a member already; change the role instead."
    assert "at the same moment" in describe(slug)[3]
    assert RegisteredModel.objects.count() == 0


def test_a_constraint_of_another_kind_is_our_own_fault(cast):
    error = broken(lambda: Membership.objects.create(workspace=cast.acme, user=cast.nobody, role="king"))

    assert describe(error) is None


def test_the_admin_adds_changes_and_removes_by_the_verbs(admin, cast):
    form = {"user": cast.nobody.pk, "workspace": cast.acme.pk, "role": "viewer"}
    admin.post(reverse("admin:workspaces_membership_add"), form)
    member = of(cast.nobody)
    admin.post(reverse("admin:workspaces_membership_change", args=[member.pk]), {"role": "trainer"})
    issue_key(user=cast.nobody, workspace=cast.acme, name="x", actor=SYSTEM)
    admin.post(reverse("admin:workspaces_membership_delete", args=[member.pk]), {"post": "yes"})

    assert verbs() == ["member.add", "member.role", "key.issue", "key.revoke", "member.remove"]
    assert AuditEntry.objects.get(verb="member.role").details["from"] == "viewer"
    assert not Membership.objects.filter(user=cast.nobody).exists()
    assert ApiKey.objects.get(user=cast.nobody).revoked_at <= clock.now()


def test_the_admin_keeps_the_last_owner_and_says_why(admin, cast):
    owner = of(cast.owner)
    one = reverse("admin:workspaces_membership_delete", args=[owner.pk])
    change = reverse("admin:workspaces_membership_change", args=[owner.pk])
    listed = reverse("admin:workspaces_membership_changelist")
    several = {"action": "delete_selected", "_selected_action": [str(owner.pk), str(of(cast.viewer).pk)], "post": "yes"}

    for address, form in [(one, {"post": "yes"}), (change, {"role": "viewer"}), (listed, several)]:
        answer = admin.post(address, form, follow=True)
        assert "make another member owner first" in answer.content.decode()

    assert of(cast.owner).role == Role.OWNER
    assert Membership.objects.filter(user=cast.viewer).exists()
    assert verbs() == []


def test_the_admin_makes_and_renames_workspaces_by_the_verbs(admin):
    admin.post(reverse("admin:workspaces_workspace_add"), {"name": "Fresh"})
    made = Workspace.objects.get(name="Fresh")
    admin.post(reverse("admin:workspaces_workspace_change", args=[made.pk]), {"name": "Fresher"})

    assert verbs() == ["workspace.create", "workspace.rename"]
    assert Membership.objects.get(workspace=made).user.username == "boss"
    assert Workspace.objects.get(pk=made.pk).name == "Fresher"
