"""Guessing passwords: counted by address and by name, at every door, and nobody is locked out by it for long."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.core import clock
from apps.workspaces.actions import sweep
from apps.workspaces.models import FailedSignIn, KnownAddress
from apps.workspaces.throttling import KNOWN_FOR, OF_ADDRESS, OF_NAME
from tests.factories import make_user

TOKEN = "/api/v1/auth/token/"
WRONG, RIGHT = "guess", "correct horse"


def sign_in(name="owner-of-acme", password=WRONG, *, address="10.0.0.1", **headers):
    return APIClient().post(TOKEN, {"username": name, "password": password}, REMOTE_ADDR=address, **headers)


def age(**by):
    FailedSignIn.objects.update(at=F("at") - timedelta(**by))


def test_a_name_is_guessed_at_a_few_times_only_from_wherever(cast):
    statuses = [sign_in(address=f"10.0.0.{i}").status_code for i in range(OF_NAME.most + 1)]

    assert statuses == [401] * OF_NAME.most + [429]


def test_one_password_over_many_names_is_counted_by_address(cast):
    statuses = [sign_in(f"name-{i}").status_code for i in range(OF_ADDRESS.most + 1)]

    assert statuses == [401] * OF_ADDRESS.most + [429]
    assert sign_in("name-0", address="10.0.0.2").status_code == 401


def test_a_header_does_not_make_another_address(cast):
    statuses = [sign_in(f"name-{i}", HTTP_X_FORWARDED_FOR=f"192.0.2.{i}").status_code for i in range(OF_ADDRESS.most + 1)]

    assert statuses[-1] == 429


def test_behind_our_own_proxy_the_address_it_adds_counts(cast, settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}

    for i in range(OF_ADDRESS.most):
        sign_in(f"name-{i}", HTTP_X_FORWARDED_FOR=f"spoofed-{i}, 192.0.2.7")

    assert sign_in("another", HTTP_X_FORWARDED_FOR="192.0.2.7").status_code == 429
    assert sign_in("another", HTTP_X_FORWARDED_FOR="192.0.2.8").status_code == 401


def test_an_ipv6_network_is_one_address(cast):
    statuses = [sign_in(f"name-{i}", address=f"2001:db8::{i:x}").status_code for i in range(OF_ADDRESS.most + 1)]

    assert statuses[-1] == 429
    assert sign_in("name-0", address="2001:db8:0:1::1").status_code == 401


def test_ipv4_callers_of_a_server_of_both_families_are_told_apart(cast):
    for i in range(OF_ADDRESS.most):
        sign_in(f"name-{i}", address="::ffff:10.0.0.1")

    assert sign_in("name-0", address="10.0.0.1").status_code == 429
    assert sign_in("name-0", address="::ffff:10.0.0.2").status_code == 401


def test_signing_in_is_not_counted(cast):
    statuses = {sign_in(password=RIGHT).status_code for _ in range(OF_ADDRESS.most + 5)}

    assert statuses == {200}
    assert not FailedSignIn.objects.exists()


def test_others_guesses_do_not_lock_a_user_out_of_the_usual_address(cast):
    sign_in(password=RIGHT, address="10.9.9.9")
    for i in range(OF_NAME.most):
        sign_in(address=f"10.0.0.{i}")

    assert sign_in(password=RIGHT, address="10.9.9.8").status_code == 429
    assert sign_in(password=RIGHT, address="10.9.9.9").status_code == 200


def test_the_wait_that_is_asked_for_is_enough(cast):
    for i in range(OF_NAME.most):
        sign_in(address=f"10.0.0.{i}")
    wait = int(sign_in(password=RIGHT)["Retry-After"])

    assert 0 < wait <= OF_NAME.within.total_seconds()
    age(seconds=wait)
    assert sign_in(password=RIGHT).status_code == 200


def test_refused_tries_do_not_make_the_wait_longer(cast):
    for i in range(OF_NAME.most + 10):
        sign_in(address=f"10.0.0.{i}")

    assert FailedSignIn.objects.count() == OF_NAME.most


def test_spellings_of_a_name_are_one_name(cast):
    for i in range(OF_NAME.most):
        sign_in("Owner-of-ACME" if i % 2 else "owner-of-acme", address=f"10.0.0.{i}")

    assert sign_in("OWNER-OF-ACME").status_code == 429


def test_neither_names_nor_addresses_are_kept_in_clear(cast):
    sign_in()
    sign_in(password=RIGHT)

    kept = str([vars(row) for row in [*FailedSignIn.objects.all(), *KnownAddress.objects.all()]])
    assert "owner-of-acme" not in kept
    assert "10.0.0.1" not in kept


@pytest.mark.django_db(transaction=True)
def test_a_burst_gets_no_more_tries_than_a_patient_guesser():
    make_user("target")
    together, statuses = threading.Barrier(24), []

    def guess(number):
        together.wait()
        try:
            statuses.append(sign_in("target", address=f"10.0.0.{number}").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(statuses) == 24
    assert statuses.count(401) <= OF_NAME.most
    assert set(statuses) <= {401, 429}


def test_the_admin_counts_too(cast):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    address, form = reverse("admin:login"), {"username": boss.username, "password": WRONG}

    for i in range(OF_NAME.most):
        Client(REMOTE_ADDR=f"10.0.0.{i}").post(address, form)
    refused = Client(REMOTE_ADDR="10.0.0.99").post(address, {**form, "password": RIGHT})

    assert refused.status_code == 200
    assert "Too many failed attempts" in refused.content.decode()
    assert "_auth_user_id" not in refused.client.session


def test_old_counts_are_swept(cast):
    sign_in()
    sign_in(password=RIGHT, address="10.0.0.2")
    sweep()
    assert (FailedSignIn.objects.count(), KnownAddress.objects.count()) == (1, 1)

    age(minutes=11)
    KnownAddress.objects.update(seen_at=clock.now() - KNOWN_FOR - timedelta(minutes=1))
    sweep()

    assert not FailedSignIn.objects.exists()
    assert not KnownAddress.objects.exists()
