"""Values that mean something to the server: put into most of the made-up requests, so that more than 404s are seen."""

from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from schemathesis import Case

from apps.core.permissions import Role, Scope
from apps.datasets.models import Dataset, DatasetVersion
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from apps.workspaces.models import Membership
from tests.access.world import ROWS, World, make_world, without_target
from tests.factories import make_campaign, make_model
from tests.journeys.tables import as_csv

_SPARE = 100  # objects that may be taken away
_ROWS = [without_target(row) for row in ROWS[:3]]
_TENSORS = [{"name": name, "datatype": "BYTES", "shape": [3], "data": [row[name] for row in _ROWS]} for name in _ROWS[0]]


class Known:
    """The world, and for each place of a request the values that fit there."""

    def __init__(self) -> None:
        self.world: World = make_world()
        acme, rival = self.world.acme, self.world.rival
        models = [make_model(acme.workspace) for _ in range(_SPARE)]
        waiting = [make_campaign(model, dataset_version=acme.version) for model in models]
        finished = TrainingCampaign.objects.filter(status=TrainingCampaign.Status.COMPLETED, model=acme.model)
        done = [campaign.pk for campaign in finished]
        self._ids: list[tuple[str, list[Any]]] = [  # the first that fits an operation is meant
            ("/campaigns/{id}/events/", done),  # the stream of one that waits has no end
            ("/campaigns/{id}/cancel/", [campaign.pk for campaign in waiting]),
            ("/campaigns/", [acme.campaign.pk, *done, rival.campaign.pk]),
            ("/batch_predictions/{id}/", [acme.batch.pk, rival.batch.pk]),
            ("/predictions/", [acme.prediction, rival.prediction]),
            ("/gate_reports/{", [acme.gate.pk, rival.gate.pk]),
            ("/traffic/{", [acme.traffic.pk, rival.traffic.pk]),
            ("/suppression_rules/{", [acme.suppression.pk]),
            ("/samples/{", [acme.sample.pk, rival.sample.pk]),
            ("/feedback/file/{", [acme.labels.pk]),
            ("/subjects/requests/", [acme.export.pk, acme.erasure.pk]),
            ("/drift/{", [acme.drift.pk]),
            ("/detections/{", [acme.detection.pk, rival.detection.pk]),
            ("/members/", self._members()),
            ("/keys/", self._keys()),
            ("/workspaces/", [acme.workspace.pk]),
            ("/alerts/", [acme.alert.pk, rival.alert.pk]),
            ("/channels/", [acme.channel.pk, rival.channel.pk]),
            ("DELETE /api/v1/datasets/", self._datasets()),
            ("/datasets/", [acme.version.dataset_id]),
            ("DELETE /api/v1/models/", [model.pk for model in models]),
            ("/models/", [acme.model.pk]),
        ]
        self._newcomers = [self._user().username for _ in range(_SPARE)]

    def _user(self) -> User:
        return User.objects.create(username=f"user-{uuid4().hex}")  # nobody signs in as one

    def _members(self) -> list[Any]:
        workspace, role = self.world.acme.workspace, Role.TRAINER
        return [Membership.objects.create(workspace=workspace, user=self._user(), role=role).pk for _ in range(_SPARE)]

    def _keys(self) -> list[Any]:
        cast = self.world.cast
        given = {"user": cast.owner, "workspace": cast.acme, "name": "spare", "scope": Scope.READ, "actor": SYSTEM}
        return [issue_key(**given)[0].pk for _ in range(_SPARE)]

    def _datasets(self) -> list[Any]:
        made = [Dataset.objects.create(workspace=self.world.acme.workspace, name=f"spare {n}") for n in range(_SPARE)]
        for dataset in made:
            DatasetVersion.objects.create(
                dataset=dataset, number=1, status=DatasetVersion.Status.CHECKING, original_name="x.csv",
                upload_path="none.csv", upload_bytes=1, upload_sha256="0" * 64,
            )  # fmt: skip
        return [dataset.pk for dataset in made]

    def put_into(self, case: Case, which: int, *, whole: bool) -> None:
        """Replace what a request names by what there is, in its address or on the whole; one in five stays as made up."""
        which, kind = divmod(which, 5)
        if kind == 0:
            return
        acme, label = self.world.acme, case.operation.label
        fits = {
            "workspace_id": acme.workspace.pk,
            "model_id": acme.model.pk,
            "number": 1 + which % 2,
            "path": ["card.md", "manifest.json", "schema.json"][which % 3],
            "name": ["random_forest", "xgboost", "isolation_forest"][which % 3],
        }
        for name in case.path_parameters or {}:
            case.path_parameters[name] = str(fits[name] if name in fits else self._id_for(label, which))
        if not whole:
            return
        for name, value in {"workspace": acme.workspace.pk, "model": acme.model.pk}.items():
            if name in (case.query or {}):
                case.query[name] = str(value)
        if isinstance(case.body, dict):
            self._put_into_body(case.body, label, which)

    def _put_into_body(self, body: dict[str, Any], label: str, which: int) -> None:
        fits: dict[str, Any] = {
            "workspace": str(self.world.acme.workspace.pk),
            "dataset": str(self.world.acme.version.dataset_id),
            "algorithm": "random_forest",
            "task": "classification",
            "target": "late",
            "username": self._newcomers[which % _SPARE],
        }
        if which % 3 == 0:
            fits |= {"data": _ROWS, "parameters": {"n_estimators": 20}, "file": as_csv(ROWS)}
            if "/auth/" in label:
                fits |= {"username": self.world.cast.viewer.username, "password": "correct horse"}
            if "/invocations/" in label or "/infer" in label:
                body |= {"dataframe_records": _ROWS} if "/invocations/" in label else {"inputs": _TENSORS}
        body.update({name: value for name, value in fits.items() if name in body})

    def _id_for(self, label: str, which: int) -> Any:
        found = next(ids for part, ids in self._ids if part in label or ("{" in part and label.endswith(part)))
        return found[which % len(found)]
