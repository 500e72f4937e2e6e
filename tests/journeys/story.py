"""One story, told three times: by the bytes on disk, by the rows, by the API. Read without any of the platform's code."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.journeys.visitor import Visitor
from tests.journeys.witness import Row, Witness

_AFTER = {
    "pending": {"training", "cancelled", "pending"},
    "training": {"training", "completed", "failed", "cancelled", "pending"},
    "completed": set(),
    "failed": set(),
    "cancelled": set(),
}


def assert_one_story(visitor: Visitor, *models: str, may_have_orphans: bool = False) -> None:
    """Walk these models: their campaigns, versions, aliases, files and data.

    A process killed between moving files into place and committing their row leaves an orphan, which a later sweep removes.
    """
    with visitor.running.witness() as witness:
        for model in models:
            versions = witness.rows(
                "SELECT * FROM registry_modelversion WHERE model_id = ? ORDER BY number", UUID(model).hex
            )
            campaigns = witness.rows("SELECT * FROM training_trainingcampaign WHERE model_id = ?", UUID(model).hex)
            _campaigns_agree(visitor, witness, campaigns, versions)
            _versions_agree(visitor, model, versions, campaigns)
            _aliases_agree(visitor, witness, model, versions)
            _folders_agree(visitor, model, versions, may_have_orphans=may_have_orphans)
            for row in {row["dataset_version_id"] for row in campaigns}:
                _data_agree(visitor, witness, row)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _campaigns_agree(visitor: Visitor, witness: Witness, campaigns: list[Row], versions: list[Row]) -> None:
    numbers = {row["id"]: row["number"] for row in versions}
    for row in campaigns:
        shown = visitor.campaign(str(UUID(row["id"])))
        made = [v for v in versions if v["campaign_id"] == row["id"]]
        assert shown["status"] == row["status"]
        assert shown["attempt"] == row["attempt"]
        assert shown["version"] == numbers.get(row["version_id"])
        assert len(made) == (1 if row["status"] == "completed" else 0), f"{len(made)} versions of a {row['status']} campaign"
        assert (row["finished_at"] is not None) == (row["status"] in {"completed", "failed", "cancelled"})
        if row["status"] == "completed":
            assert made[0]["id"] == row["version_id"]
            assert shown["progress"] == 1.0
            assert shown["metrics"] == json.loads(made[0]["metrics"])
        assert bool(row["error"]) == (row["status"] == "failed")
        if row["status"] != "training":
            assert row["token"] is None
        _log_agrees(visitor, witness, row)


def _log_agrees(visitor: Visitor, witness: Witness, campaign: Row) -> None:
    query = "SELECT * FROM training_trainingevent WHERE campaign_id = ? ORDER BY seq"
    events = witness.rows(query, campaign["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "the log has a gap or a double"
    assert events[0]["status"] == "pending"
    assert events[-1]["status"] == campaign["status"]
    assert events[-1]["attempt"] == campaign["attempt"]
    for before, after in pairwise(events):
        assert after["status"] in _AFTER[before["status"]], f"{before['status']} was followed by {after['status']}"
        assert after["attempt"] >= before["attempt"]
        if after["attempt"] == before["attempt"] and after["status"] == before["status"] == "training":
            assert after["progress"] >= before["progress"], "progress went back within an attempt"
    shown = visitor.events(str(UUID(campaign["id"])))
    assert [(e["seq"], e["status"], e["stage"]) for e in shown] == [(e["seq"], e["status"], e["stage"]) for e in events]


def _versions_agree(visitor: Visitor, model: str, versions: list[Row], campaigns: list[Row]) -> None:
    shown = {v["version"]: v for v in visitor.get(f"models/{model}/versions/", params={"page_size": 200})["results"]}
    assert [row["number"] for row in versions] == list(range(1, len(versions) + 1))
    assert sorted(shown) == [row["number"] for row in versions]
    ended_well = {row["id"] for row in campaigns if row["status"] == "completed"}
    for row in versions:
        assert row["campaign_id"] in ended_well
        told = shown[row["number"]]
        assert told["manifest_sha256"] == row["manifest_sha256"]
        assert told["metrics"] == json.loads(row["metrics"])
        _files_agree(visitor, model, row)


def _files_agree(visitor: Visitor, model: str, row: Row) -> None:
    folder = visitor.running.models / row["folder"]
    manifest = json.loads(row["manifest"])
    assert _sha256(folder / "manifest.json") == row["manifest_sha256"]
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    on_disk = {
        p.relative_to(folder).as_posix(): _sha256(p) for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"
    }
    assert on_disk == manifest["files"]
    told = {line["path"]: line["sha256"] for line in visitor.get(f"models/{model}/versions/{row['number']}/artifacts/")}
    assert told == on_disk
    assert row["size_bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert manifest["version"] == row["number"]
    assert UUID(manifest["campaign"]).hex == row["campaign_id"]


def _aliases_agree(visitor: Visitor, witness: Witness, model: str, versions: list[Row]) -> None:
    spans = witness.rows("SELECT * FROM registry_alias WHERE model_id = ? ORDER BY since, id", UUID(model).hex)
    numbers = {row["id"]: row["number"] for row in versions}
    now = {span["name"]: numbers[span["version_id"]] for span in spans if span["until"] is None}
    live = [span for span in spans if span["until"] is None and span["name"] == "champion"]
    assert len(live) == (1 if versions else 0), f"{len(live)} champions"
    champions = [span for span in spans if span["name"] == "champion"]
    for before, after in pairwise(champions):
        assert before["until"] == after["since"], "the champion's history has a hole or an overlap"
    told = visitor.get(f"models/{model}/")
    assert (told["champion"], told["challenger"]) == (now.get("champion"), now.get("challenger"))


def _folders_agree(visitor: Visitor, model: str, versions: list[Row], *, may_have_orphans: bool) -> None:
    found = {path.relative_to(visitor.running.models).as_posix() for path in visitor.running.models.glob(f"*/{model}/*")}
    named = {row["folder"] for row in versions}
    assert named <= found, "a version whose folder is not there"
    assert may_have_orphans or found == named, "a folder that no version names"


def _data_agree(visitor: Visitor, witness: Witness, version_id: str) -> None:
    (row,) = witness.rows("SELECT * FROM datasets_datasetversion WHERE id = ?", version_id)
    assert row["status"] == "ready"
    root = visitor.running.var / "datasets"
    assert _sha256(root / row["table_path"]) == row["table_sha256"]
    assert _sha256(root / row["upload_path"]) == row["upload_sha256"]
    told: dict[str, Any] = visitor.get(f"datasets/{UUID(row['dataset_id'])}/versions/")
    one = next(v for v in told["results"] if UUID(v["id"]).hex == version_id)
    assert (one["content_hash"], one["rows"], one["status"]) == (row["content_hash"], row["rows"], "ready")
