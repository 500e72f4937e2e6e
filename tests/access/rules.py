"""Who may do what, said once for each route and method: a route that is not named here fails the suite."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import Enum
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from apps.core.permissions import Role
from tests.access.routes import ROUTES, Route
from tests.access.world import ROWS, Things, as_file, without_target

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
SAFE = {"GET", "HEAD", "OPTIONS"}
UNKNOWN = ["anonymous", "revoked"]
CALLERS = [*UNKNOWN, "stranger", *Role.values]
_ROW = without_target(ROWS[0])
Named = Callable[[Any], dict[str, Any]]


class Reach(Enum):
    """Whose a thing is that a door opens."""

    ANYBODY = "open to all"
    CALLER = "the caller's own"
    OBJECT = "its workspace's"
    OPERATORS = "the platform's"


class Form(dict[str, Any]):
    """A body that is sent as a form; any other is sent as JSON."""


@dataclass(frozen=True)
class Door:
    """What one method of a route asks for (`lowest`, or `only` these), and what it answers to who may."""

    answers: int = 200
    sends: Callable[[Any], dict[str, Any]] | None = None
    lowest: str = Role.VIEWER
    reach: Reach = Reach.OBJECT
    only: frozenset[str] = frozenset()
    stranger: int = 404

    def lets_in(self, caller: str) -> bool:
        """Say whether this member may."""
        order = list(Role.values)
        return caller in self.only if self.only else order.index(caller) >= order.index(self.lowest)

    def status_for(self, caller: str) -> int:
        """Return what a caller who is known gets."""
        if self.reach is Reach.ANYBODY:
            return self.answers
        if self.reach is Reach.OPERATORS:
            return 403  # none of the cast is staff
        if caller == "stranger":
            return self.answers if self.reach is Reach.CALLER else self.stranger
        if self.lets_in(caller):
            return self.answers
        return 404 if self.only else 403


@dataclass(frozen=True)
class Rule:
    """The doors of a route by method, and which object its address names."""

    doors: dict[str, Door]
    named: Named = field(default=lambda _things: {})

    def door(self, method: str) -> Door | None:
        return self.doors.get("GET" if method == "HEAD" else method)

    @property
    def is_public(self) -> bool:
        return all(door.reach is Reach.ANYBODY for door in self.doors.values())


def ghost() -> Any:
    """Return things that nobody has."""
    every = {field.name: SimpleNamespace(pk=uuid4()) for field in fields(Things)}
    version, member = SimpleNamespace(pk=uuid4(), dataset_id=uuid4()), SimpleNamespace(pk=999_999_999)
    return SimpleNamespace(**{**every, "version": version, "member": member, "prediction": f"{uuid4().hex}-0"})


def ids_of(things: Any) -> list[str]:
    """Return the ids of things that no other text can hold by chance."""
    owned = [getattr(things, field.name) for field in fields(Things) if field.name not in {"prediction", "member"}]
    return [things.prediction, str(things.version.dataset_id), *(str(one.pk) for one in owned)]


def needs(lowest: str, answers: int = 200, sends: Any = None, **more: Any) -> Door:
    return Door(answers, sends if callable(sends) or sends is None else lambda _things: sends, lowest, **more)


def only(*holders: str, answers: int) -> Door:
    return Door(answers, only=frozenset(holders))


VIEWER, ANNOTATOR, TRAINER, APPROVER, OWNER = Role
READ = needs(VIEWER)
MINE = Door(reach=Reach.CALLER)
OPEN = Door(reach=Reach.ANYBODY)
READ_PAGE = {"GET": READ, "POST": READ}  # a page that takes nothing answers a POST as a GET
MY_PAGE = {"GET": MINE, "POST": MINE}


def _model(things: Things) -> dict[str, Any]:
    return {"pk": things.model.pk}


def _judgement(things: Things) -> dict[str, Any]:
    return {"model_id": things.model.pk, "pk": things.gate.pk}


def _of_model(things: Things) -> dict[str, Any]:
    return {"model_id": things.model.pk}


def _version(things: Things) -> dict[str, Any]:
    return {"model_id": things.model.pk, "number": 2}


def _dataset(things: Things) -> dict[str, Any]:
    return {"pk": things.version.dataset_id}


def _campaign(things: Things) -> dict[str, Any]:
    return {"pk": things.campaign.pk}


def _batch(things: Things) -> dict[str, Any]:
    return {"pk": things.batch.pk}


def _workspace(things: Things) -> dict[str, Any]:
    return {"workspace_id": things.workspace.pk}


def _member(things: Things) -> dict[str, Any]:
    return {"workspace_id": things.workspace.pk, "pk": things.member.pk}


def _key(things: Things) -> dict[str, Any]:
    return {"workspace_id": things.workspace.pk, "pk": things.key.pk}


def _export(things: Things) -> dict[str, Any]:
    return {"workspace_id": things.workspace.pk, "pk": things.export.pk}


def _erasure(things: Things) -> dict[str, Any]:
    return {"workspace_id": things.workspace.pk, "pk": things.erasure.pk}


def _sample(things: Things) -> dict[str, Any]:
    return {"model_id": things.model.pk, "pk": things.sample.pk}


def _labels(things: Things) -> dict[str, Any]:
    return {"model_id": things.model.pk, "pk": things.labels.pk}


def _trained_on(things: Things) -> dict[str, Any]:
    return {"dataset": str(things.version.dataset_id)}


def _train(things: Things) -> dict[str, Any]:
    return {**_trained_on(things), "name": "New"}


def _verdict(things: Things) -> dict[str, Any]:
    return {"prediction": things.prediction, "correct": True}


def _detection(things: Things) -> dict[str, Any]:
    return {"pk": things.detection.pk}


def _suppression(things: Things) -> dict[str, Any]:
    return {"model_id": things.model.pk, "pk": things.suppression.pk}


def _review(things: Things) -> dict[str, Any]:
    return {"ids": [str(things.detection.pk)], "status": "confirmed"}


def _suppression_form(things: Things) -> Form:
    return Form(workspace=str(things.workspace.pk), model=str(things.model.pk), most_score="0.1", reason="New")


def _new_model(things: Things) -> dict[str, Any]:
    asked = {"name": "New", "description": "", "algorithm": "random_forest", "task": "classification", "target": "late"}
    return {"workspace": str(things.workspace.pk), **asked}


def _alert(things: Things) -> dict[str, Any]:
    return {"pk": things.alert.pk}


def _channel(things: Things) -> dict[str, Any]:
    return {"pk": things.channel.pk}


def _new_channel(things: Things) -> dict[str, Any]:
    asked = {"kind": "webhook", "name": "New", "address": "https://example.org/hook"}
    return {"workspace": str(things.workspace.pk), **asked}


def _channel_form(things: Things) -> Form:
    chosen = {"kinds": ["drift"], "least_severity": "info", "time_zone": "UTC", "budget": "5", "enabled": "1"}
    return Form(**_new_channel(things), **chosen)


def _upload(things: Things) -> Form:
    return Form(workspace=str(things.workspace.pk), name="New", file=as_file())


_API = {
    "index": Rule({"GET": MINE}),
    "auth-token": Rule({"POST": Door(422, reach=Reach.ANYBODY), "OPTIONS": OPEN}),
    "me": Rule({"GET": MINE}),
    "my-key-list": Rule({"GET": MINE}),
    "my-key-detail": Rule({"DELETE": only("viewer", answers=204)}, lambda things: {"pk": things.key.pk}),
    "workspace-list": Rule({"GET": MINE, "POST": Door(201, lambda _: {"name": "New"}, reach=Reach.CALLER)}),
    "workspace-detail": Rule(
        {"GET": READ, "PATCH": needs(OWNER, 200, {"name": "New"})}, lambda things: {"pk": things.workspace.pk}
    ),
    "member-list": Rule({"GET": READ, "POST": needs(OWNER, 201, {"username": "nobody", "role": "viewer"})}, _workspace),
    "member-detail": Rule({"PATCH": needs(OWNER, 200, {"role": "trainer"}), "DELETE": needs(OWNER, 204)}, _member),
    "key-list": Rule({"GET": READ, "POST": needs(VIEWER, 201, {"name": "New"})}, _workspace),
    "key-detail": Rule({"DELETE": only("viewer", "owner", answers=204)}, _key),
    "audit-list": Rule({"GET": needs(OWNER)}, _workspace),
    "audit-verify": Rule({"GET": needs(OWNER)}, _workspace),
    "alert-list": Rule({"GET": MINE}),
    "alert-detail": Rule({"GET": READ}, _alert),
    "alert-acknowledge": Rule({"POST": needs(ANNOTATOR, 200)}, _alert),
    "channel-list": Rule({"GET": MINE, "POST": needs(OWNER, 201, _new_channel)}),
    "channel-detail": Rule(
        {"GET": READ, "PATCH": needs(OWNER, 200, {"name": "New"}), "DELETE": needs(OWNER, 204)}, _channel
    ),
    "channel-test": Rule({"POST": needs(OWNER, 202)}, _channel),
    "algorithm-list": Rule({"GET": MINE}),
    "algorithm-detail": Rule({"GET": MINE}, lambda _: {"name": "random_forest"}),
    "dataset-list": Rule({"GET": MINE, "POST": needs(TRAINER, 202, _upload)}),
    "dataset-detail": Rule(
        {"GET": READ, "PATCH": needs(TRAINER, 200, {"subject_column": "days"}), "DELETE": needs(OWNER, 204)}, _dataset
    ),
    "dataset-versions": Rule({"GET": READ, "POST": needs(TRAINER, 202, lambda _: Form(file=as_file()))}, _dataset),
    "dataset-preview": Rule({"GET": READ}, _dataset),
    "dataset-download": Rule({"GET": READ}, _dataset),
    "model-dashboard": Rule({"GET": MINE}),
    "system": Rule({"GET": Door(lowest=OWNER, reach=Reach.CALLER)}),
    "model-train": Rule({"POST": needs(TRAINER, 202, _train)}, _model),
    "campaign-list": Rule({"GET": MINE}),
    "campaign-detail": Rule({"GET": READ}, _campaign),
    "campaign-cancel": Rule({"POST": needs(TRAINER, 200)}, _campaign),
    "campaign-events": Rule({"GET": READ}, _campaign),
    "campaign-trials": Rule({"GET": READ}, _campaign),
    "model-predict": Rule({"POST": needs(VIEWER, 200, {"data": [_ROW]})}, _model),
    "model-invocations": Rule({"POST": needs(VIEWER, 200, {"dataframe_records": [_ROW]})}, _model),
    "model-explain": Rule({"POST": needs(VIEWER, 200, {"data": [_ROW]})}, _model),
    "model-batch": Rule({"POST": needs(VIEWER, 202, _trained_on)}, _model),
    "detection-list": Rule({"GET": MINE}),
    "detection-recent": Rule({"GET": MINE}),
    "detection-next": Rule({"GET": MINE}),
    "detection-review": Rule({"POST": needs(ANNOTATOR, 200, _review)}),
    "detection-detail": Rule(
        {"GET": READ, "PATCH": needs(ANNOTATOR, 200, {"status": "confirmed", "note": "New"})}, _detection
    ),
    "detection-statistics": Rule({"GET": READ}, _model),
    "detection-rule": Rule({"GET": READ, "PUT": needs(TRAINER, 200, {"labels": ["yes"]})}, _model),
    "suppression-list": Rule({"GET": READ, "POST": needs(TRAINER, 201, {"least_score": 0.1, "reason": "New"})}, _of_model),
    "suppression-detail": Rule(
        {"GET": READ, "PATCH": needs(TRAINER, 200, {"reason": "New"}), "DELETE": needs(TRAINER, 204)}, _suppression
    ),
    "feedback-list": Rule({"GET": READ, "POST": needs(ANNOTATOR, 201, _verdict)}, _of_model),
    "feedback-many": Rule({"POST": needs(ANNOTATOR, 200, lambda things: {"verdicts": [_verdict(things)]})}, _of_model),
    "feedback-summary": Rule({"GET": READ}, _of_model),
    "feedback-suggestions": Rule({"GET": READ}, _of_model),
    "label-file-list": Rule({"GET": READ, "POST": needs(ANNOTATOR, 202, lambda _: Form(file=as_file()))}, _of_model),
    "label-file-detail": Rule({"GET": READ}, _labels),
    "sample-list": Rule(
        {"GET": READ, "POST": needs(ANNOTATOR, 201, lambda things: Form(prediction=things.prediction, consent="true"))},
        _of_model,
    ),
    "sample-detail": Rule({"DELETE": needs(ANNOTATOR, 204)}, _sample),
    "sample-download": Rule({"GET": needs(ANNOTATOR)}, _sample),
    "policy-detail": Rule({"GET": READ, "PUT": needs(TRAINER, 200, {"feedback": 50})}, _model),
    "policy-evaluate": Rule({"POST": READ}, _model),
    "policy-retrain": Rule({"POST": needs(TRAINER, 200)}, _model),
    "decision-list": Rule({"GET": READ}, _of_model),
    "traffic-list": Rule({"GET": READ, "POST": needs(APPROVER, 409, {"mode": "shadow"})}, _of_model),  # one is open
    "traffic-end": Rule({"POST": needs(APPROVER)}, lambda things: {"model_id": things.model.pk, "pk": things.traffic.pk}),
    "gate-judge": Rule({"POST": needs(TRAINER, 202)}, _model),
    "gate-list": Rule({"GET": READ}, _of_model),
    "gate-detail": Rule({"GET": READ}, _judgement),
    "gate-approve": Rule({"POST": needs(APPROVER, 409)}, _judgement),  # it was refused
    "gate-decline": Rule({"POST": needs(APPROVER, 409)}, _judgement),  # as above
    "drift-check-every": Rule({"POST": Door(202, lowest=TRAINER, reach=Reach.CALLER)}),
    "drift-check": Rule({"POST": needs(TRAINER, 202)}, _model),
    "drift-list": Rule({"GET": READ}, _of_model),
    "drift-detail": Rule({"GET": READ}, lambda things: {"model_id": things.model.pk, "pk": things.drift.pk}),
    "subject-pseudonym": Rule({"POST": needs(OWNER, 200, {"subject": "somebody"})}, _workspace),
    "subject-export": Rule({"POST": needs(OWNER, 202, {"subject": "somebody"})}, _workspace),
    "subject-erase": Rule({"POST": needs(OWNER, 202, {"subject": "somebody", "dry_run": True})}, _workspace),
    "subject-request-list": Rule({"GET": needs(OWNER)}, _workspace),
    "subject-request-detail": Rule({"GET": needs(OWNER)}, _export),
    "subject-request-download": Rule({"GET": needs(OWNER)}, _export),
    "subject-request-certificate": Rule({"GET": needs(OWNER)}, _erasure),
    "retention": Rule({"GET": READ, "PUT": needs(OWNER, 200, {"sample_days": 90})}, _workspace),
    "prediction-detail": Rule({"GET": READ}, lambda things: {"pk": things.prediction}),
    "batch-list": Rule({"GET": MINE}),
    "batch-detail": Rule({"GET": READ}, _batch),
    "batch-download": Rule({"GET": READ}, _batch),
    "model-list": Rule({"GET": MINE, "POST": needs(TRAINER, 201, _new_model)}),
    "model-detail": Rule(
        {"GET": READ, "PATCH": needs(TRAINER, 200, {"description": "New"}), "DELETE": needs(OWNER, 204)}, _model
    ),
    "model-rollback": Rule({"POST": needs(APPROVER, 409, {"reason": "New"})}, _model),  # there is no champion before
    "model-champion": Rule({"GET": READ}, _model),
    "model-performance": Rule({"GET": READ}, _model),
    "model-importance": Rule({"GET": READ}, _model),
    "version-list": Rule({"GET": READ}, _of_model),
    "version-detail": Rule({"GET": READ}, _version),
    "version-promote": Rule({"POST": needs(APPROVER, 200, {"reason": "New"})}, _version),
    "version-card": Rule({"GET": READ}, _version),
    "version-artifacts": Rule({"GET": READ}, _version),
    "version-artifact": Rule({"GET": READ}, lambda things: {**_version(things), "path": "card.md"}),
    "schema": Rule({"GET": OPEN, "OPTIONS": OPEN}),
    "docs": Rule({"GET": OPEN}),
    "v2-server": Rule({"GET": OPEN, "OPTIONS": OPEN}),
    "v2-live": Rule({"GET": OPEN, "OPTIONS": OPEN}),
    "v2-ready": Rule({"GET": OPEN, "OPTIONS": OPEN}),
    "v2-model": Rule({"GET": READ}, _model),
    "v2-model-ready": Rule({"GET": READ}, _model),
    "v2-infer": Rule({"POST": needs(VIEWER, 422)}, _model),
    "healthz": Rule({"GET": OPEN, "OPTIONS": OPEN}),
    "readyz": Rule({"GET": Door(503, reach=Reach.ANYBODY), "OPTIONS": OPEN}),  # no worker runs here
    "metrics": Rule({"GET": Door(reach=Reach.OPERATORS)}),
    "set_language": Rule({method: Door(302, reach=Reach.ANYBODY) for method in METHODS if method != "HEAD"}),
}
_PAGES = {
    "home": Rule(MY_PAGE),
    "sign_in": Rule({"GET": OPEN, "POST": OPEN, "PUT": OPEN, "OPTIONS": OPEN}),  # Django reads a PUT as a form without fields
    "sign_out": Rule({"POST": Door(302, reach=Reach.ANYBODY), "OPTIONS": OPEN}),
    "datasets": Rule(MY_PAGE),
    "upload": Rule({"POST": needs(TRAINER, 302, _upload)}),
    "dataset": Rule(READ_PAGE, _dataset),
    "new_version": Rule({"POST": needs(TRAINER, 302, lambda _: Form(file=as_file()))}, _dataset),
    "subject_column": Rule({"POST": needs(TRAINER, 302, lambda _: Form(subject_column=""))}, _dataset),
    "archive_dataset": Rule({"POST": needs(OWNER, 302)}, _dataset),
    "discard_upload": Rule({"POST": needs(TRAINER, 302)}, _dataset),
    "models": Rule(MY_PAGE),
    "new_model": Rule(
        {
            "GET": needs(TRAINER, reach=Reach.CALLER),
            "POST": needs(TRAINER, 302, lambda things: Form(_new_model(things), start="1", **_trained_on(things)), stranger=422),
        }
    ),
    "model": Rule(READ_PAGE, _model),
    "edit_model": Rule({"GET": needs(TRAINER), "POST": needs(TRAINER, 302, Form(name="New", description=""))}, _model),
    "archive_model": Rule({"POST": needs(OWNER, 302)}, _model),
    "try_model": Rule({"POST": READ}, _model),
    "watch": Rule({"GET": READ, "POST": needs(TRAINER, 302)}, _model),
    "policy": Rule({"GET": needs(TRAINER), "POST": needs(TRAINER, 302, Form(mode="any", feedback="50"))}, _model),
    "judge": Rule({"POST": needs(TRAINER, 302)}, _model),
    "traffic": Rule({"POST": needs(APPROVER, 302, Form(mode="shadow"))}, _model),
    "approve": Rule({"POST": needs(APPROVER, 302)}, lambda things: {"pk": things.model.pk, "report_id": things.gate.pk}),
    "decline": Rule({"POST": needs(APPROVER, 302, Form(reason="New"))}, lambda things: {"pk": things.model.pk, "report_id": things.gate.pk}),
    "verdict": Rule({"POST": needs(ANNOTATOR, 200, lambda things: Form(prediction=things.prediction, correct="true"))}, _model),
    "to_review": Rule({"GET": READ, "POST": needs(ANNOTATOR, 302, lambda things: Form(prediction=things.prediction, correct="true"))}, _model),
    "train": Rule({"GET": needs(TRAINER), "POST": needs(TRAINER, 302, lambda things: Form(_trained_on(things), seed="7"))}, _model),
    "rollback": Rule({"POST": needs(APPROVER, 302, Form(reason="New"))}, _model),
    "promote": Rule({"POST": needs(APPROVER, 302, Form(reason="New"))}, lambda things: {"pk": things.model.pk, "number": 2}),
    "batches": Rule({"GET": READ, "POST": needs(VIEWER, 302, lambda things: Form(dataset=str(things.version.pk)))}, _model),
    "batch_list": Rule(READ_PAGE, _model),
    "compare": Rule(READ_PAGE, _model),
    "version": Rule(READ_PAGE, lambda things: {"pk": things.model.pk, "number": 2}),
    "version_card": Rule(READ_PAGE, lambda things: {"pk": things.model.pk, "number": 2}),
    "detections": Rule(MY_PAGE),
    "review_detections": Rule(
        {"POST": needs(ANNOTATOR, 302, lambda things: Form(_review(things), workspace=str(things.workspace.pk)))}
    ),
    "suppressions": Rule({"GET": MINE, "POST": needs(TRAINER, 302, _suppression_form)}),
    "delete_rule": Rule({"POST": needs(TRAINER, 302)}, lambda things: {"pk": things.suppression.pk}),
    "campaigns": Rule(MY_PAGE),
    "campaign": Rule(READ_PAGE, _campaign),
    "cancel_campaign": Rule({"POST": needs(TRAINER, 302)}, _campaign),
    "continue_search": Rule({"POST": needs(TRAINER, 302, lambda _: Form(seconds="60"))}, _campaign),
    "alerts": Rule(MY_PAGE),
    "acknowledge_alert": Rule({"POST": needs(ANNOTATOR, 302)}, _alert),
    "new_channel": Rule({"GET": needs(OWNER, reach=Reach.CALLER), "POST": needs(OWNER, 302, _channel_form)}),
    "edit_channel": Rule({"GET": needs(OWNER), "POST": needs(OWNER, 302, _channel_form)}, _channel),
    "channel_secret": Rule({"POST": needs(OWNER)}, _channel),
    "try_channel": Rule({"POST": needs(OWNER, 302)}, _channel),
    "delete_channel": Rule({"POST": needs(OWNER, 302)}, _channel),
    "account": Rule({"GET": MINE, "POST": Door(422, lambda _: Form(old="wrong", new="New", again="New"), reach=Reach.CALLER)}),
    "settings": Rule(
        {"GET": MINE, "POST": needs(VIEWER, 200, lambda things: Form(workspace=str(things.workspace.pk), name="New", scope="read"))}
    ),
    "system": Rule({method: Door(lowest=OWNER, reach=Reach.CALLER) for method in ("GET", "POST")}),
    "members": Rule(MY_PAGE),
    "add_member": Rule(
        {"POST": needs(OWNER, 302, lambda things: Form(workspace=str(things.workspace.pk), name="nobody", role="viewer"))}
    ),
    "member_role": Rule({"POST": needs(OWNER, 302, Form(role="trainer"))}, lambda things: {"pk": things.member.pk}),
    "remove_member": Rule({"POST": needs(OWNER, 302)}, lambda things: {"pk": things.member.pk}),
    "privacy": Rule(
        {"GET": needs(OWNER), "POST": needs(OWNER, 302, Form(what="count", subject="somebody"))}, lambda things: {"pk": things.workspace.pk}
    ),
    "revoke_key": Rule({"POST": only("viewer", "owner", answers=302)}, lambda things: {"pk": things.key.pk}),
}  # fmt: skip
RULES = {**_API, **{f"dashboard:{name}": rule for name, rule in _PAGES.items()}}
OPEN_IN_ADMIN = {"admin:login", "admin:logout"}
RULED = [route for route in ROUTES if route.name in RULES]  # a test says that these are all


def called(name: str) -> Route:
    return next(route for route in RULED if route.name == name)


def rule_of(route: Route) -> Rule:
    return RULES[route.name]


def sent_to(route: Route, method: str, things: Any) -> dict[str, Any] | None:
    """Return a good body for a door, about these things."""
    door = rule_of(route).door(method)
    return door.sends(things) if door and door.sends else None


def address_of(route: Route, things: Any) -> str:
    """Return where a route stands for these things."""
    return route.address(rule_of(route).named(things))


def doors(*, of_api: bool = False, writing: bool = False) -> list[tuple[Route, str]]:
    """Return every door that is not open to all: those of the API alone, or those that write alone."""
    return [
        (route, method)
        for route in RULED
        for method, door in rule_of(route).doors.items()
        if door.reach not in {Reach.ANYBODY, Reach.OPERATORS}
        and (route.is_api or not of_api)
        and (method not in SAFE or not writing)
    ]


def reads() -> list[Route]:
    """Return every route that can be read by those who may."""
    return [route for route, method in doors() if method == "GET"]
