"""What Grafana shows and Prometheus warns of is really told: every name in every query, after real work."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import override_settings
from django.urls import resolve
from django_celery_beat.models import PeriodicTask
from prometheus_client.parser import text_string_to_metric_families

from apps.core import clock, health
from apps.core.metrics import forget_figures
from apps.retraining import actions as retraining
from apps.workspaces.access import SYSTEM
from mlplatform.schedule import upsert_schedule
from tests.core.test_system import broker, on_broker  # noqa: F401  (fixtures)
from tests.monitoring.conftest import ask, few_origins, rows_of, run_waiting, stores, watched  # noqa: F401  (fixtures)

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))}
ALERTS = [
    rule for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
CONFIG = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
_OF_PROMQL = {
    *("rate", "increase", "sum", "by", "topk", "histogram_quantile", "on", "group_left", "time"),
    *("up", "bool", "or", "and", "unless"),
}


def names_in(query: str) -> set[str]:
    """Return the metrics of a query: its words, but for functions, and labels in braces and behind `by`, `on`, `group_left`."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(by|on|group_left)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", bare)) - _OF_PROMQL


def labels_in(query: str) -> set[str]:
    within = re.findall(r"\{([^}]*)\}", query) + re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", query)
    return {word for text in within for word in re.findall(r"[a-z_]+", re.sub(r'"[^"]*"', "", text))}


def queries() -> dict[str, str]:
    found = {
        f"{board}: {panel['title']} {target['refId']}": target["expr"]
        for board, whole in BOARDS.items()
        for panel in whole["panels"]
        for target in panel["targets"]
    }
    return {**found, **{f"alert {rule['alert']}": rule["expr"] for rule in ALERTS}}


@pytest.fixture
def told(cast, client, watched, on_broker, monkeypatch) -> dict[str, set[str]]:  # noqa: F811
    """Return the names of all samples with their labels, once there was something to tell of each."""
    upsert_schedule()
    PeriodicTask.objects.update(last_run_at=clock.now())
    retraining.set_policy(model=watched, settings={}, actor=SYSTEM)
    client.force_login(cast.trainer)
    ask(watched, rows_of(300, seed=1))
    client.post(f"/api/v1/models/{watched.pk}/detect_drift/")
    run_waiting()
    retraining.retrain_what_is_due()
    client.post(f"/api/v1/models/{watched.pk}/predict/", {"data": rows_of(1, seed=4)}, "application/json")
    monkeypatch.setattr(health, "_recent", health._Recent())
    forget_figures()
    with override_settings(METRICS_TOKEN="told"):
        answer = client.get(resolve_path(), headers={"authorization": "Bearer told"})
    assert answer.status_code == 200
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def resolve_path() -> str:
    path: str = CONFIG["scrape_configs"][0]["metrics_path"]
    assert resolve(path).url_name == "metrics"
    return path


def test_every_name_and_label_of_every_panel_and_alert_is_told(told):
    wrong = []
    for place, query in queries().items():
        names = names_in(query)
        known = set().union(*(told.get(name, set()) for name in names))
        wrong += [f"{place}: nobody tells {name}" for name in names - told.keys()]
        wrong += [f"{place}: no label {label}" for label in labels_in(query) - known - {"job"}]

    assert not wrong, "\n".join(wrong)
    assert len(queries()) > 55


def test_what_is_told_is_shown_somewhere(told):
    shown = set().union(*(names_in(query) for query in queries().values()))
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in told}

    assert {name for name in families if not any(one.startswith(name) for one in shown)} == set()


def test_names_in_a_query_are_found():
    query = 'sum by (name) (rate(a_total{x="b_c"}[5m]) * on (model) group_left (name) info) / time() > 0'

    assert names_in(query) == {"a_total", "info"}
    assert labels_in(query) == {"name", "x", "model"}


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_one_that_grafana_takes(name: str):
    board: dict[str, Any] = BOARDS[name]
    panels = board["panels"]
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][0]

    assert board["uid"] == f"mlplatform-{name}"
    assert board["schemaVersion"] >= 36
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {source["uid"]}
    taken = [
        (x, y) for panel in panels for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
    ]  # fmt: skip
    assert len(taken) == len(set(taken))
    assert max(x for x, _y in taken) < 24


def test_prometheus_finds_the_platform_and_its_rules_as_compose_has_them():
    job = CONFIG["scrape_configs"][0]
    service = COMPOSE["services"]["prometheus"]
    mounted = {Path(one["target"]).name: COMPOSE["configs"][one["source"]]["file"] for one in service["configs"]}

    assert set(CONFIG["rule_files"]) < mounted.keys()
    assert job["static_configs"][0]["targets"] == ["web:8000"]
    assert "--port=8000" in COMPOSE["services"]["web"]["command"]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{service['secrets'][0]}"
    assert COMPOSE["x-platform"]["environment"]["ALLOWED_HOSTS"].endswith(",web")


def test_each_alert_says_what_to_do():
    assert len(ALERTS) > 10
    assert [rule["alert"] for rule in ALERTS if not {"summary", "what_to_do"} <= rule["annotations"].keys()] == []
    assert {rule["labels"]["severity"] for rule in ALERTS} == {"page", "ticket"}


def test_grafana_finds_its_source_and_its_dashboards_as_compose_mounts_them():
    places = dict(text.split(":")[:2] for text in COMPOSE["services"]["grafana"]["volumes"])
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/mlplatform.yml").read_text())["providers"][0]

    assert places["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert places["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
