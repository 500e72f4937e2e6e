"""Values that mean something to the server: put into some of the made-up requests, so that more than 404s are seen."""

from typing import Any

from schemathesis import Case

from apps.core.permissions import Role, Scope
from apps.datasets.models import Dataset, DatasetVersion
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from apps.workspaces.models import ApiKey
from tests.access.world import ROWS, World, make_world, without_target
from tests.factories import make_campaign, make_member, make_model, make_user

_SPARE = 40  # objects that may be taken away
_ROWS = [without_target(row) for row in ROWS[:3]]


class Known:
    """The world, and for each place of a request the values that fit there."""

    def __init__(self) -> None:
        self.world: World = make_world()
        acme = self.world.acme
        spare_models = [make_model(acme.workspace) for _ in range(_SPARE)]
        campaigns = [make_campaign(model, dataset_version=acme.version) for model in spare_models]
        finished = TrainingCampaign.objects.filter(status=TrainingCampaign.Status.COMPLETED)
        self._ids: list[tuple[str, list[Any]]] = [  # the first that fits a path is meant
            ("/campaigns/{id}/events/", list(finished.values_list("pk", flat=True))),
            ("/campaigns/{id}/cancel/", [campaign.pk for campaign in campaigns]),
            ("/campaigns/", [acme.campaign.pk, *finished.values_list("pk", flat=True)]),
            ("/batch_predictions/{id}/", [acme.batch.pk]),
            ("/predictions/", [acme.prediction]),
            ("/members/", [make_member(acme.workspace, Role.TRAINER).memberships.get().pk for _ in range(_SPARE)]),
            ("/keys/", self._keys()),
            ("/workspaces/", [acme.workspace.pk]),
            ("DELETE /api/v1/datasets/", self._datasets()),
            ("/datasets/", [acme.version.dataset_id]),
            ("DELETE /api/v1/models/", [model.pk for model in spare_models]),
            ("/models/", [acme.model.pk]),
        ]
        self._newcomers = [make_user().username for _ in range(_SPARE)]

    def _keys(self) -> list[Any]:
        cast, made = self.world.cast, []
        for _ in range(_SPARE):
            key, _clear = issue_key(user=cast.owner, workspace=cast.acme, name="x", scope=Scope.READ, actor=SYSTEM)
            made.append(key.pk)
        assert ApiKey.objects.filter(pk__in=made).count() == _SPARE
        return made

    def _datasets(self) -> list[Any]:
        acme, made = self.world.acme, []
        for number in range(_SPARE):
            dataset = Dataset.objects.create(workspace=acme.workspace, name=f"spare {number}")
            DatasetVersion.objects.create(
                dataset=dataset, number=1, status=DatasetVersion.Status.CHECKING, original_name="x.csv",
                upload_path="none.csv", upload_bytes=1, upload_sha256="0" * 64,
            )  # fmt: skip
            made.append(dataset.pk)
        return made

    def put_into(self, case: Case, which: int) -> None:
        """Replace what a request names by what there is."""
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
        for name, value in {"workspace": acme.workspace.pk, "model": acme.model.pk}.items():
            if name in (case.query or {}):
                case.query[name] = str(value)
        if isinstance(case.body, dict):
            self._into_body(case.body, which)

    def _into_body(self, body: dict[str, Any], which: int) -> None:
        fits: dict[str, Any] = {
            "workspace": str(self.world.acme.workspace.pk),
            "dataset": str(self.world.acme.version.dataset_id),
            "algorithm": "random_forest",
            "task": "classification",
            "target": "late",
            "username": self._newcomers[which % _SPARE],
        }
        body.update({name: value for name, value in fits.items() if name in body})
        if "data" in body and which % 3 == 0:
            body["data"] = _ROWS

    def _id_for(self, label: str, which: int) -> Any:
        found = next(ids for part, ids in self._ids if part in label or ("{" in part and label.endswith(part)))
        return found[which % len(found)]
