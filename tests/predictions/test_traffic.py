"""A challenger beside the champion on live requests: whose answer it is, and that nobody is hurt by the comparison."""

from pathlib import Path
from uuid import uuid4

import pytest

from apps.core.errors import InvalidInput, Problem
from apps.feedback.actions import Verdict, give_many
from apps.predictions import actions
from apps.predictions.actions import start_split
from apps.predictions.cache import Split, champions, open_split, predictors, unit_of
from apps.predictions.models import TrafficSplit
from apps.predictions.recorder import recorder
from apps.registry.actions import promote_version, rollback_model
from apps.registry.models import ModelVersion
from apps.registry.selectors import champion_of
from apps.retraining import tasks
from apps.retraining.actions import start_judgement
from apps.training.actions import start_campaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import AuditEntry
from tests.factories import make_model
from tests.forecasts.conftest import few_origins, stores, trained_campaign, upload  # noqa: F401  (fixtures)
from tests.monitoring.conftest import as_csv, rows_of


@pytest.fixture
def model(cast, stores):  # noqa: F811
    """Return a model with a champion and a challenger."""
    data = upload(cast, as_csv(rows_of(300, seed=0)), name="clients.csv")
    model = make_model(cast.acme, target="late", algorithm="random_forest", parameters={"n_estimators": 10, "max_depth": 3})
    for seed in (1, 2):
        campaign = trained_campaign(start_campaign(model=model, dataset_version=data, seed=seed, actor=SYSTEM).pk)
        assert campaign.status == "completed", campaign.error
    return model


def address(model, more=""):
    return f"/api/v1/models/{model.pk}/traffic/{more}"


def begin(api, user, model, **asked):
    return api(user).post(address(model), {"mode": "ab", "share": 0.5, **asked}, format="json")


def versions_of(model, rows, **more):
    return [actions.predict(model_id=model.pk, rows=[row], actor=SYSTEM, **more).version for row in rows]


def test_a_comparison_from_before_another_version_was_live_is_over(model):
    start_split(model=model, actor=SYSTEM, mode="ab", share=0.5)
    first, second = ModelVersion.objects.filter(model=model).order_by("number")
    assert open_split(model.pk, first.pk) is not None

    promote_version(version=second, actor=SYSTEM)
    rollback_model(model=model, actor=SYSTEM)

    assert champion_of(model) == first
    assert open_split(model.pk, first.pk) is None
    tasks.weigh_traffic()
    split = TrafficSplit.objects.get()
    assert split.ended_at is not None
    assert split.standing["sentence"] == "Another version was live meanwhile: the comparison ends."


def test_a_unit_goes_the_same_way_always_and_of_many_the_share_does():
    split = Split(uuid4(), uuid4(), 0.2)
    units = [f"client {i}".encode() for i in range(20_000)]
    taken = [split.takes(unit) for unit in units]

    assert taken == [split.takes(unit) for unit in units]
    assert 0.19 < sum(taken) / len(taken) < 0.21
    assert taken != [Split(uuid4(), split.challenger_id, 0.2).takes(unit) for unit in units]


def test_a_unit_is_the_subject_or_what_the_first_row_holds():
    row = {"b": 1, "a": 2}

    assert unit_of([row], "client-7") == unit_of([{"a": 9}], "client-7")
    assert unit_of([row], " client-7") == unit_of([row], "client-7")
    assert unit_of([row], None) == unit_of([dict(reversed(row.items())), {"a": 5}], None)
    assert unit_of([row], None) != unit_of([{**row, "a": 3}], None)
    assert unit_of("no rows", None) == unit_of("no rows", None)


def test_the_traffic_is_shared_by_subject_and_each_answer_names_its_version(cast, api, model):
    begun = begin(api, cast.approver, model)
    row, rows = rows_of(1, seed=3)[0], rows_of(60, seed=4)

    found = versions_of(model, rows)
    of_one = {actions.predict(model_id=model.pk, rows=[one], actor=SYSTEM, subject="client-7").version for one in rows[:20]}
    asked = api(cast.viewer).post(f"/api/v1/models/{model.pk}/predict/", {"data": [row], "subject": "x"}, format="json")

    assert begun.status_code == 201, begun.json()
    assert set(found) == {1, 2}
    assert found == versions_of(model, rows)
    assert len(of_one) == 1
    assert asked.json()["version"] in (1, 2)


def test_the_short_way_shares_it_alike(model, cast):
    actions.start_split(model=model, actor=SYSTEM, mode="ab", share=0.5)
    champions.remember(model.pk)
    remembered = champions.get(model.pk)
    rows = rows_of(40, seed=5)
    numbers = {version.pk: version.number for version in ModelVersion.objects.filter(model=model)}

    assert [numbers[remembered.version_for([row], None)] for row in rows] == versions_of(model, rows)


def test_after_its_end_and_beside_another_champion_the_champion_answers_alone(cast, api, model):
    from apps.registry.actions import promote_version

    begun = begin(api, cast.approver, model).json()
    ended = api(cast.approver).post(address(model, f"{begun['id']}/end/"))
    rows = rows_of(30, seed=6)
    alone = versions_of(model, rows)
    again = api(cast.approver).post(address(model, f"{begun['id']}/end/"))
    begin(api, cast.approver, model)
    promote_version(version=ModelVersion.objects.get(model=model, number=2), actor=SYSTEM)

    assert (ended.status_code, again.status_code) == (200, 409)
    assert set(alone) == {1}
    assert set(versions_of(model, rows)) == {2}
    assert [entry.verb for entry in AuditEntry.objects.filter(verb__startswith="traffic").order_by("id")] == [
        "traffic.start", "traffic.end", "traffic.start",
    ]  # fmt: skip


def test_a_challenger_that_cannot_answer_hurts_nobody(model, settings):
    actions.start_split(model=model, actor=SYSTEM, mode="ab", share=0.5)
    challenger = ModelVersion.objects.get(model=model, number=2)
    file = next((Path(settings.ML_MODELS_DIR) / challenger.folder / "predictor").glob("*"))
    file.write_bytes(b"x")
    predictors.clear()

    assert set(versions_of(model, rows_of(30, seed=7))) == {1}


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [({"share": 0.9}, "/share"), ({"mode": "half"}, "/mode"), ({"max_days": 0}, "/max_days"), ({"why": 1}, "/why")],
)
def test_bad_requests_are_refused_by_name(asked, pointer, cast, api, model):
    refused = begin(api, cast.approver, model, **asked)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert not TrafficSplit.objects.exists()


def test_one_comparison_at_a_time_and_none_without_a_challenger(cast, api, model):
    first, second = begin(api, cast.approver, model), begin(api, cast.approver, model)
    lonely = begin(api, cast.approver, make_model(cast.acme, target="late", name="lonely"))

    assert (first.status_code, second.status_code, lonely.status_code) == (201, 409, 409)
    assert begin(api, cast.trainer, model).status_code == 403
    assert "train another version" in lonely.json()["detail"]


def test_a_subject_that_is_none_is_refused(cast, api, model):
    for subject in (7, "", "   ", "a\tb", "a\u200db", "x" * 201):
        refused = api(cast.viewer).post(
            f"/api/v1/models/{model.pk}/predict/", {"data": rows_of(1, seed=1), "subject": subject}, format="json"
        )

        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/subject")


@pytest.fixture
def wider(cast, stores):  # noqa: F811
    """Return a model whose challenger reads a column that the champion does not."""
    text = as_csv(rows_of(300, seed=0))
    header, *lines = text.splitlines()
    floors = [f"floor,{header}", *(f"{i % 7},{line}" for i, line in enumerate(lines))]
    narrow, wide = upload(cast, text, name="clients.csv"), upload(cast, "\n".join(floors) + "\n", name="wider.csv")
    model = make_model(cast.acme, target="late", algorithm="random_forest", parameters={"n_estimators": 10, "max_depth": 3})
    for data in (narrow, wide):
        campaign = trained_campaign(start_campaign(model=model, dataset_version=data, seed=1, actor=SYSTEM).pk)
        assert campaign.status == "completed", campaign.error
    return model


def told(api, user, model):
    recorder.flush()
    return api(user).get(address(model)).json()["results"][0]["so_far"]


def test_what_the_challenger_cannot_answer_is_counted_with_the_reason(cast, api, client, wider):
    begun = begin(api, cast.approver, wider)
    versions_of(wider, rows_of(30, seed=9))
    passed = told(api, cast.viewer, wider)
    tasks.weigh_traffic()
    versions_of(wider, rows_of(10, seed=10))
    more = told(api, cast.viewer, wider)
    client.force_login(cast.viewer)
    page = client.get(f"/models/{wider.pk}/watch/").content.decode()
    ended = api(cast.approver).post(address(wider, f"{begun.json()['id']}/end/")).json()

    assert "reads the column 'floor', which the champion does not" in begun.json()["so_far"]["notes"][0]
    assert (passed["champion"]["requests"], passed["challenger"]["requests"]) == (30, 0)
    assert passed["passed_on"][0]["reason"] == "the column 'floor' is missing"
    assert 5 <= passed["passed_on"][0]["requests"] <= 25
    assert more["champion"]["requests"] == 40
    assert f"{more['passed_on'][0]['requests']} requests could not be answered by the challenger" in page
    assert ended["so_far"] == more


def test_rows_with_what_only_the_challenger_reads_are_answered_by_both(cast, api, wider):
    rows = [{**row, "floor": 3} for row in rows_of(40, seed=9)]
    with pytest.raises(InvalidInput, match="no column 'floor'"):
        versions_of(wider, rows[:1])
    begin(api, cast.approver, wider)

    answered = versions_of(wider, rows)

    assert set(answered) == {1, 2}
    with pytest.raises(InvalidInput, match="no column 'florr'"):
        versions_of(wider, [{**row, "florr": 1} for row in rows])


def test_the_gate_says_which_columns_only_the_challenger_reads_and_decides_nothing_by_it(wider):
    report = start_judgement(model=wider, actor=SYSTEM)
    tasks.run_judgement(str(report.pk))
    report.refresh_from_db()

    (told,) = report.verdict["notes"]
    assert "reads the column 'floor', which the champion does not" in told
    assert told not in report.verdict["reasons"]
    assert "columns" not in {one["name"] for one in report.verdict["checks"]}


def test_both_sides_are_counted_as_they_answer_and_as_labels_come(cast, api, model):
    begin(api, cast.approver, model)
    done = [actions.predict(model_id=model.pk, rows=[row], actor=SYSTEM) for row in rows_of(40, seed=11)]
    recorder.flush()
    said = [Verdict(one.prediction_ids[0], label="yes") for one in done[:12]]
    give_many(model=model, verdicts=said, source="api", actor=SYSTEM)

    found = told(api, cast.viewer, model)

    of_each = [sum(one.version == number for one in done) for number in (1, 2)]
    labels = [sum(one.version == number for one in done[:12]) for number in (1, 2)]
    assert [found[side]["requests"] for side in ("champion", "challenger")] == of_each
    assert [found[side]["rows"] for side in ("champion", "challenger")] == of_each
    assert [found[side]["labels"] for side in ("champion", "challenger")] == labels
    assert (found["passed_on"], found["notes"]) == ([], [])


def test_in_the_shadow_the_champion_answers_and_labels_are_of_both(cast, api, model):
    begin(api, cast.approver, model, mode="shadow")
    row = rows_of(1, seed=12)[0]
    done = actions.predict(model_id=model.pk, rows=[row], actor=SYSTEM)
    recorder.flush()
    give_many(model=model, verdicts=[Verdict(done.prediction_ids[0], label="yes")], source="api", actor=SYSTEM)

    found = told(api, cast.viewer, model)

    assert found["champion"] == {"requests": 1, "rows": 1, "labels": 1}
    assert found["challenger"] == {"requests": 0, "rows": 0, "labels": 1}


@pytest.mark.parametrize(
    ("code", "pointer", "said"),
    [
        ("missing_column", "/data/0/a~1b", "the column 'a/b' is missing"),
        ("unknown_column", "/data/0/x", "it has no column 'x'"),
        ("wrong_type", "/data/3/x", "the column 'x' holds another kind of values"),
        ("bad_form", "", "it does not take such rows"),
    ],
)
def test_why_rows_are_passed_on_names_the_column_and_no_value(code, pointer, said):
    assert actions.why_passed_on([Problem(pointer, code, "holds 'secret'")]) == said
