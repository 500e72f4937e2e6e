"""The audit trail is a chain: what is altered or removed shows, and writers at once do not part it."""

import json
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from apps.workspaces import audit_chain, audit_lock
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import record_audit, rename_workspace
from apps.workspaces.audit_chain import canonical, chain_of, next_hash, seal, seal_left_behind, verify
from apps.workspaces.models import AuditEntry, AuditHead, AuditLink, Workspace
from tests.factories import make_workspace


@pytest.fixture
def committed(db, django_capture_on_commit_callbacks):
    """Return a context that ends as a commit does."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def chained(committed):
    """Return a workspace with five chained entries; the suite has taken the triggers away."""
    workspace = make_workspace()
    for number in range(5):
        did, details = f"it.did.{number}", {"n": number}
        with committed():
            record_audit(actor=SYSTEM, workspace_id=workspace.pk, verb=did, target=workspace, details=details)
    return workspace


def codes(workspace):
    return [(fault.code, fault.place) for fault in verify(chain_of(workspace.pk)).faults]


def test_each_entry_is_chained_as_its_verb_commits(chained):
    entries = list(AuditEntry.objects.filter(workspace=chained).order_by("pk"))
    links = list(AuditLink.objects.filter(chain=str(chained.pk)).order_by("place"))

    assert [link.entry_id for link in links] == [entry.pk for entry in entries]
    before = audit_chain.FIRST
    for entry, link in zip(entries, links, strict=True):
        assert link.hash == next_hash(before, entry)
        before = link.hash
    found = verify(str(chained.pk))
    assert (found.is_intact, found.entries, found.looked_at, found.waiting, found.hash) == (True, 5, 5, 0, before)


def test_entries_of_no_workspace_have_a_chain_of_their_own(chained, committed):
    with committed():
        record_audit(actor=SYSTEM, workspace_id=None, verb="password.change", target=object())

    assert (verify("").entries, verify("").is_intact, codes(chained)) == (1, True, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verb", "nothing"),
        ("details", {"n": 3}),
        ("user_id", 7),
        ("target_id", "x"),
        ("at", "2020-01-01T00:00:00Z"),
        ("api_key_prefix", "ab"),
    ],
)
def test_an_altered_entry_is_named_and_no_other(field, value, chained):
    third = AuditEntry.objects.get(verb="it.did.2")

    AuditEntry.objects.filter(pk=third.pk).update(**{field: value})

    assert codes(chained) == [("altered", 3)]


def test_an_entry_moved_to_another_workspace_is_named(chained):
    other = make_workspace("Other")

    AuditEntry.objects.filter(verb="it.did.2").update(workspace=other)

    assert codes(chained) == [("altered", 3)]


@pytest.mark.parametrize("place", [1, 3, 5])
def test_a_removed_entry_is_named(place, chained):
    AuditEntry.objects.filter(verb=f"it.did.{place - 1}").delete()

    assert codes(chained) == [("removed", place)]


def test_with_their_links_taken_too_a_gap_or_the_end_shows(chained):
    AuditEntry.objects.filter(verb="it.did.1").delete()
    AuditLink.objects.filter(place=2).delete()
    gap = codes(chained)
    AuditEntry.objects.filter(verb="it.did.4").delete()
    AuditLink.objects.filter(place=5).delete()

    assert gap == [("link_removed", 2)]
    assert codes(chained) == [("link_removed", 2), ("end_differs", 4)]


def test_a_link_of_another_hash_is_named(chained):
    AuditLink.objects.filter(place=2).update(hash="f" * 64)

    assert ("altered", 2) in codes(chained)


def test_only_so_many_of_the_newest_are_looked_at(chained):
    AuditEntry.objects.filter(verb="it.did.0").update(verb="x")
    AuditEntry.objects.filter(verb="it.did.3").update(verb="x")

    found = verify(str(chained.pk), newest=2)

    assert (found.looked_at, [fault.place for fault in found.faults]) == (2, [4])


def test_numbers_are_hashed_alike_however_a_database_gives_them_back():
    one = AuditEntry(pk=1, at=AuditEntry(at=None).at, details={})
    one.at = audit_chain.clock.now()
    for same, other in [(1e16, 10**16), (1.0, 1), (0.1, 0.1), (-0.0, 0)]:
        one.details = {"a": [same], "b": True}
        first = canonical(one)
        one.details = {"b": True, "a": [other]}
        assert canonical(one) == first
    one.details = {"a": [1], "b": 1}
    assert canonical(one) != first


def test_what_was_rolled_back_is_in_no_chain(chained, committed):
    with committed(), transaction.atomic():
        record_audit(actor=SYSTEM, workspace_id=chained.pk, verb="undone", target=chained)
        transaction.set_rollback(True)

    assert verify(str(chained.pk)).entries == 5


def test_a_verb_that_died_before_its_entry_was_chained_is_made_good(chained, committed):
    left = AuditEntry.objects.create(workspace=chained, verb="left", target_type="x", target_id="x")
    waiting = verify(str(chained.pk))

    with committed():
        rename_workspace(workspace=chained, name="New", actor=SYSTEM)  # the next verb takes it along

    assert (waiting.is_intact, waiting.waiting) == (True, 1)
    assert AuditLink.objects.get(place=6).entry_id == left.pk
    again = AuditEntry.objects.create(workspace=None, verb="left", target_type="x", target_id="x")
    assert (seal_left_behind(), seal_left_behind()) == (1, 0)
    assert AuditLink.objects.get(entry_id=again.pk).chain == ""


def test_an_entry_that_commits_after_one_with_a_larger_id_is_chained_too(chained):
    late = AuditEntry.objects.create(workspace=chained, verb="late", target_type="x", target_id="x")
    AuditHead.objects.update(last_entry=late.pk + 10)

    assert seal(str(chained.pk)) == 0
    assert seal(str(chained.pk), late.pk) == 1
    assert codes(chained) == []


def test_writers_at_once_make_one_chain(transactional_db):
    workspaces = [make_workspace(), make_workspace()]
    faults = []

    def write(number):
        try:
            for turn in range(6):
                rename_workspace(workspace=workspaces[turn % 2], name=f"{number} {turn}", actor=SYSTEM)
        except Exception as error:  # noqa: BLE001  (the main thread looks at all of them)
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal_left_behind()

    assert faults == []
    for workspace in workspaces:
        found = verify(str(workspace.pk))
        assert (found.is_intact, found.entries, found.waiting) == (True, 18, 0)


def test_the_command_prints_heads_and_names_what_is_wrong(chained, committed, tmp_path):
    out = StringIO()
    call_command("verify_audit", stdout=out)
    heads = [json.loads(line) for line in out.getvalue().splitlines()]
    anchor = tmp_path / "heads"
    anchor.write_text(out.getvalue())
    with committed():
        record_audit(actor=SYSTEM, workspace_id=chained.pk, verb="later", target=chained)
    call_command("verify_audit", against=anchor, stdout=StringIO())

    AuditEntry.objects.filter(verb="it.did.3").update(verb="other")
    told = StringIO()
    with pytest.raises(CommandError, match="1 faults"):
        call_command("verify_audit", stdout=StringIO(), stderr=told)

    assert [(head["chain"], head["entries"]) for head in heads] == [(str(chained.pk), 5)]
    assert "place 4" in told.getvalue()
    assert "other" in told.getvalue()


def test_a_trail_written_anew_shows_beside_a_head_kept_elsewhere(chained, tmp_path):
    out, told = StringIO(), StringIO()
    call_command("verify_audit", stdout=out)
    (tmp_path / "heads").write_text(out.getvalue())
    AuditEntry.objects.filter(verb="it.did.3").update(verb="other")
    AuditLink.objects.all().delete()
    AuditHead.objects.all().delete()
    seal_left_behind()
    assert codes(chained) == []  # of itself it looks whole

    with pytest.raises(CommandError):
        call_command("verify_audit", against=tmp_path / "heads", stdout=StringIO(), stderr=told)

    assert "written anew" in told.getvalue()


def test_a_file_that_holds_no_heads_is_refused_in_words(db, tmp_path):
    (tmp_path / "heads").write_text("nothing")

    with pytest.raises(CommandError, match="holds no heads"):
        call_command("verify_audit", against=tmp_path / "heads")


def test_an_owner_asks_over_http(cast, api, committed):
    with committed():
        rename_workspace(workspace=cast.acme, name="New", actor=SYSTEM)
    address = f"/api/v1/workspaces/{cast.acme.pk}/audit/"

    good = api(cast.owner).get(f"{address}verify/").json()
    listed = api(cast.owner).get(address).json()["results"]
    AuditEntry.objects.update(verb="other")
    bad = api(cast.owner).get(f"{address}verify/").json()

    assert (good["intact"], good["entries"], good["faults"]) == (True, 1, [])
    assert listed[0]["hash"] == good["hash"]
    assert (bad["intact"], bad["faults"][0]["code"]) == (False, "altered")


def test_the_links_cannot_be_changed_either(chained, committed):
    audit_lock.install_anew(connection)
    try:
        for attack in (lambda: AuditLink.objects.update(hash="0"), lambda: AuditLink.objects.all().delete()):
            with pytest.raises(Exception, match="append-only"), transaction.atomic():
                attack()
        with committed():
            record_audit(actor=SYSTEM, workspace_id=chained.pk, verb="grows", target=chained)
    finally:
        audit_lock.remove(connection)

    assert verify(str(chained.pk)).entries == 6


def test_what_an_earlier_release_wrote_is_chained_by_the_migration(transactional_db):
    from django.db.migrations.executor import MigrationExecutor

    before = [("workspaces", "0003_count_sign_ins_keep_answers_lock_truncate")]
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    executor.migrate(before)
    try:
        workspace = Workspace.objects.create(name="Old", slug="old")
        for number in range(3):
            AuditEntry.objects.create(workspace=workspace, verb=f"old.{number}", target_type="x", target_id="x")
        AuditEntry.objects.create(workspace=None, verb="old", target_type="x", target_id="x")
    finally:
        MigrationExecutor(connection).migrate(newest)
        audit_lock.remove(connection)

    found = verify(str(workspace.pk))
    assert (found.is_intact, found.entries, verify("").entries) == (True, 3, 1)
