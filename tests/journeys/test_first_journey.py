"""Upload, train, watch, predict, explain, compare, promote, roll back: the way a newcomer goes, over HTTP alone."""

import datetime as dt
import math
import threading
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.journeys.running import RunningPlatform, wait_for
from tests.journeys.story import assert_one_story
from tests.journeys.tables import as_csv, as_french_csv, invoices, without_answer
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
HEAVY = ("/pandas/", "/scipy/", "/sklearn/", "/xgboost/", "/pyarrow/", "/tensorflow/")


def test_from_a_file_to_a_promoted_and_rolled_back_model(visitor: Visitor):
    dataset = visitor.upload(as_csv(invoices(600, seed=1)))
    kinds = {column["name"]: column["dtype"] for column in dataset["columns"]}
    assert dataset["status"] == "ready"
    assert dataset["rows"] == 600
    assert (kinds["amount"], kinds["days"], kinds["since"]) == ("number", "integer", "date")

    model = visitor.model("Late payers", parameters={"n_estimators": 60})
    first = visitor.train(model, dataset["id"])
    ended = visitor.completed(first)
    assert ended["version"] == 1
    assert ended["metrics"]["roc_auc"] > 0.8
    assert ended["history"]

    rows = [without_answer(row) for row in invoices(200, seed=99)]
    truth = [row["late"] for row in invoices(200, seed=99)]
    answer = visitor.post(f"models/{model}/predict/", {"data": rows})
    assert sum(a == b for a, b in zip(answer["predictions"], truth, strict=True)) > 150
    assert answer["version"] == 1
    for detail, label in zip(answer["details"], answer["predictions"], strict=True):
        assert abs(sum(detail["probabilities"].values()) - 1) < 1e-6
        assert max(detail["probabilities"], key=detail["probabilities"].get) == label
    one = visitor.get(f"predictions/{answer['prediction_ids'][3]}/")
    assert (one["prediction"], one["version"]) == (answer["predictions"][3], 1)

    second = visitor.train(model, dataset["id"], parameters={"n_estimators": 80, "max_depth": 5}, seed=7)
    assert visitor.completed(second)["version"] == 2
    assert (visitor.get(f"models/{model}/")["champion"], visitor.get(f"models/{model}/")["challenger"]) == (1, 2)
    before = dt.datetime.now(dt.UTC).isoformat()
    visitor.post(f"models/{model}/versions/2/promote/", {"reason": "better"})
    assert visitor.post(f"models/{model}/predict/", {"data": rows[:3]})["version"] == 2
    assert_one_story(visitor, model)
    visitor.post(f"models/{model}/rollback/", {"reason": "worse after all"})
    assert visitor.post(f"models/{model}/predict/", {"data": rows[:3]})["predictions"] == answer["predictions"][:3]
    assert visitor.get(f"models/{model}/champion/?at={quote(before)}")["version"] == 1
    assert_one_story(visitor, model)


def test_why_a_row_got_its_answer_adds_up(visitor: Visitor, clients: str):
    model = visitor.model("Explained", algorithm="xgboost", parameters={"n_estimators": 50})
    visitor.completed(visitor.train(model, clients))
    rows = [without_answer(row) for row in invoices(20, seed=5)]

    told = visitor.post(f"models/{model}/explain/", {"data": rows})["explanations"]

    answers = visitor.post(f"models/{model}/predict/", {"data": rows})
    for explanation, label, detail in zip(told, answers["predictions"], answers["details"], strict=True):
        log_odds = explanation["base"] + sum(part["contribution"] for part in explanation["contributions"])
        assert explanation["prediction"] == label
        assert abs(1 / (1 + math.exp(-log_odds)) - detail["probabilities"][label]) < 1e-5
    importance = visitor.get(f"models/{model}/feature_importance/")["features"]
    assert importance[0]["name"] in {"amount", "days", "sector"}
    performance = visitor.get(f"models/{model}/performance/")
    assert performance["metrics"]["roc_auc"] > performance["baseline"]["metrics"]["roc_auc"]
    assert_one_story(visitor, model)


def test_everyone_who_watches_sees_the_same_log_and_can_come_back_to_it(visitor: Visitor, clients: str):
    model = visitor.model("Watched", algorithm="patient_forest", parameters={"seconds": 4, "n_estimators": 60})
    campaign = visitor.train(model, clients)
    seen: dict[str, Any] = {}
    watchers = [
        threading.Thread(target=lambda: seen.update(stream=Visitor(visitor.running).stream(campaign))),
        threading.Thread(target=lambda: seen.update(socket=Visitor(visitor.running).watch(campaign))),
    ]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join(150)

    numbers, bodies = [number for number, _ in seen["stream"]], [body for _, body in seen["stream"]]
    assert len(numbers) > 4
    assert numbers == sorted(set(numbers))
    assert [body["seq"] for body in bodies] == numbers
    assert bodies[-1]["status"] == seen["socket"][-1]["status"] == "completed"
    shown = visitor.campaign(campaign)
    for key in ("status", "progress", "metrics", "history", "version", "attempt"):
        assert bodies[-1][key] == seen["socket"][-1][key] == shown[key]
    last = visitor.events(campaign)[-1]["seq"]
    assert numbers[-1] == seen["socket"][-1]["seq"] == last
    assert [number for number, _ in visitor.stream(campaign, last_seen=numbers[1])] == [last]
    assert visitor.stream(campaign, last_seen=last) == []
    assert [body["seq"] for body in visitor.watch(campaign, after=numbers[1])] == [last]
    assert_one_story(visitor, model)


def test_a_french_file_is_read_to_the_cell_and_trained_on(visitor: Visitor):
    rows = invoices(500, seed=3)

    dataset = visitor.upload(as_french_csv(rows), name="Factures", file="factures été.csv")

    columns = {column["name"]: column for column in dataset["columns"]}
    amounts = [row["amount"] for row in rows if row["amount"] is not None]
    assert list(columns) == ["Montant HT", "Délai", "Secteur", "Ville", "Créé le", "En retard"]
    assert (columns["Montant HT"]["dtype"], columns["Créé le"]["dtype"]) == ("number", "date")
    assert (columns["Montant HT"]["min"], columns["Montant HT"]["max"]) == (min(amounts), max(amounts))
    assert columns["Montant HT"]["missing"] == 500 - len(amounts)
    model = visitor.model("Retards", target="En retard", parameters={"n_estimators": 40})
    assert visitor.completed(visitor.train(model, dataset["id"]))["metrics"]["roc_auc"] > 0.8
    row = {"Montant HT": 9000.5, "Délai": 80, "Secteur": "building", "Ville": "Besançon", "Créé le": "2020-02-29"}
    answer = visitor.post(f"models/{model}/predict/", {"data": [row]})
    assert answer["predictions"] == ["Oui"]
    assert any("Besançon" in warning for warning in answer["details"][0]["warnings"])
    assert_one_story(visitor, model)


def test_anomalies_and_numbers_have_their_journey_too(visitor: Visitor, clients: str):
    odd = visitor.model(
        "Odd ones", algorithm="isolation_forest", task="anomaly", target="", features=["amount", "days", "sector"]
    )
    price = visitor.model("Amount", task="regression", target="days", parameters={"n_estimators": 60})
    first, second = visitor.train(odd, clients), visitor.train(price, clients)

    visitor.completed(first)
    visitor.completed(second)

    row = without_answer(invoices(1, seed=8)[0])
    told = visitor.post(f"models/{odd}/predict/", {"data": [{k: row[k] for k in ("amount", "days", "sector")}]})
    assert told["predictions"][0] in {-1, 1}
    assert 0 <= told["details"][0]["tail_probability"] <= 1
    number = visitor.post(f"models/{price}/predict/", {"data": [{**without_answer(row, "days"), "late": "no"}]})
    low, high = number["details"][0]["interval"]
    assert low <= number["predictions"][0] <= high
    assert_one_story(visitor, odd, price)


def test_a_whole_data_set_is_scored_in_a_worker(visitor: Visitor, clients: str):
    model = visitor.model("Batch", parameters={"n_estimators": 40})
    visitor.completed(visitor.train(model, clients))
    batch = visitor.post(f"models/{model}/batch_predictions/", {"dataset": clients}, 202)["id"]

    def ended() -> Any:
        found = visitor.get(f"batch_predictions/{batch}/")
        return found if found["status"] in {"completed", "failed"} else None

    done = wait_for(ended, seconds=90, what="the batch")
    assert (done["status"], done["rows"]) == ("completed", 400), done
    lines = visitor.http.get(f"batch_predictions/{batch}/download/").text.strip().splitlines()
    assert len(lines) == 401


def test_an_untrained_model_says_the_way_out_and_an_unreadable_file_its_rows(visitor: Visitor):
    model = visitor.model("Nothing yet")

    refused = visitor.post(f"models/{model}/predict/", {"data": [{"amount": 1}]}, 409)
    ragged = visitor.upload(b"a,b\n1,2\n3,4,5\n", 422)

    assert "train" in refused["detail"]
    assert ragged["problems"][0]["row"] == 3


def test_the_web_process_holds_no_ml_library_after_all_this(visitor: Visitor, running: RunningPlatform, clients: str):
    model = visitor.model("Light", parameters={"n_estimators": 40})
    visitor.completed(visitor.train(model, clients))
    row = without_answer(invoices(1)[0])
    visitor.post(f"models/{model}/predict/", {"data": [row]})
    visitor.post(f"models/{model}/explain/", {"data": [row]})
    web = running.process_of("web")

    loaded = {line.path for process in [web, *web.children(recursive=True)] for line in process.memory_maps()}

    assert any("numpy" in path for path in loaded)
    assert not [path for path in loaded if any(name in path for name in HEAVY)]


def test_a_retry_with_the_same_key_starts_one_training(visitor: Visitor, clients: str):
    model = visitor.model("Once", parameters={"n_estimators": 20})
    key = {"Idempotency-Key": f"once-{time.time()}"}

    answers = [visitor.post(f"models/{model}/train/", {"dataset": clients}, 202, headers=key) for _ in range(3)]

    assert len({answer["id"] for answer in answers}) == 1
    visitor.completed(answers[0]["id"])
    assert visitor.get("campaigns/", params={"model": model})["count"] == 1
    assert_one_story(visitor, model)
