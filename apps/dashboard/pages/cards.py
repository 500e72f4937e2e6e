"""The card of a version, for people: what its Markdown says, from the same facts, in the reader's language."""

from uuid import UUID

from django.http import Http404, HttpResponseBase

from apps.dashboard.pages.access import Visit, page
from apps.dashboard.selectors import named_parameters, scores_of
from apps.dashboard.words import TASKS
from apps.registry.models import ModelVersion
from apps.registry.selectors import learned_and_erased

_SHOWN_FEATURES = 10


@page
def version_card(visit: Visit, pk: UUID, number: int) -> HttpResponseBase:
    """Show what a reader must know before trusting a version; those of an archived model too."""
    versions = ModelVersion.objects.in_workspaces(visit.access.workspace_ids)
    version = versions.select_related("model", "dataset_version__dataset").filter(model_id=pk, number=number).first()
    if version is None:
        raise Http404
    model = version.model
    visit.turn_to(model.workspace_id)
    ranked = version.importance.get("features", [])[:_SHOWN_FEATURES]
    return visit.render(
        "card.html",
        model=model,
        version=version,
        task=TASKS.get(model.task, model.task),
        scores=scores_of(version),
        ranked=ranked,
        strongest=max((feature["importance"] for feature in ranked), default=0),
        evaluation=version.evaluation,
        erased=learned_and_erased(version),
        parameters=named_parameters(version.algorithm, version.parameters),
    )
