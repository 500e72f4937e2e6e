"""HTTP doors of predictions."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import FileResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.algorithms.results import Explanation
from apps.core.api.queries import ChoiceFilter, chosen
from apps.core.errors import Conflict, InvalidInput, NotFound, Problem
from apps.core.names import LONGEST, words_for_unknown
from apps.core.permissions import Act
from apps.datasets.selectors import datasets_of, latest_ready_version
from apps.predictions import actions, selectors
from apps.predictions.api import scoring
from apps.predictions.api.serializers import (
    INVOCATIONS,
    BatchRequestSerializer,
    BatchSerializer,
    ExplainedSerializer,
    PredictedSerializer,
    PredictionSerializer,
    RowsSerializer,
)
from apps.predictions.cache import champions
from apps.predictions.models import BatchPrediction
from apps.predictions.selectors import RESULTS, result_file
from apps.registry.models import RegisteredModel
from apps.registry.selectors import is_forecast, workspace_id_of
from apps.workspaces.api.viewsets import ScopedViewSet

_MOST_NAMED = 20  # unknown fields that one answer names


class ModelPredictionViewSet(ScopedViewSet):
    """Answer and explain rows by a model's champion."""

    queryset = RegisteredModel.objects.filter(archived_at__isnull=True)
    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {
        "predict": Act.PREDICT,
        "invocations": Act.PREDICT,
        "explain": Act.PREDICT,
        "start_batch": Act.PREDICT,
    }

    repeatable: ClassVar[frozenset[str]] = frozenset({"predict", "invocations", "explain"})

    def _model_id(self, pk: UUID) -> UUID:
        workspace_id = workspace_id_of(pk)
        if workspace_id is None:
            raise NotFound
        self.access.require(self.acts[self.action], workspace_id)
        return pk

    @extend_schema(request=RowsSerializer, responses=PredictedSerializer)
    def predict(self, request: Request, pk: UUID) -> Response:
        """Answer rows: one prediction a row, with probabilities or an interval, and the version that made it.

        A forecast takes `horizon`, `series` and `data`, all optional: steps ahead, names of series, rows that extend what it
        knows. It answers one prediction a step of each series. While a challenger shares the traffic, requests of one `subject`
        (without one, of the same first row) are answered by the same version. The log holds a pseudonym of it, by which they are
        exported and erased.
        """
        model_id = self._model_id(pk)
        rows, ahead = asked_of(request, is_forecast=is_forecast(model_id), more=["subject"])
        subject = request.data.get("subject") if isinstance(request.data, dict) else None
        done = actions.predict(model_id=model_id, rows=rows, actor=self.access.actor, ahead=ahead, subject=subject)
        champions.remember(model_id)
        return Response(done.as_json())

    @extend_schema(request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT}, examples=INVOCATIONS)
    def invocations(self, request: Request, pk: UUID) -> Response:
        """Answer the MLflow scoring protocol (`dataframe_split`, `dataframe_records`, `instances`, `inputs`)."""
        model_id = self._model_id(pk)
        rows, ahead = scoring.asked_of_invocation(request.data, is_forecast=is_forecast(model_id))
        done = actions.predict(model_id=model_id, rows=rows, actor=self.access.actor, ahead=actions.Ahead(**ahead))
        return Response({"predictions": done.predictions})

    @extend_schema(request=RowsSerializer, responses=ExplainedSerializer)
    def explain(self, request: Request, pk: UUID) -> Response:
        """Attribute each row's answer to its columns."""
        model_id = self._model_id(pk)
        rows, ahead = asked_of(request, is_forecast=is_forecast(model_id))
        loaded = actions.live_predictor(model_id)
        explanations, answers = actions.explain_with(loaded, rows, ahead)
        of = rows if answers.asked is None else answers.asked
        shown = [
            explanation_as_json(explanation, row, answer)
            for explanation, row, answer in zip(explanations, of, answers.values, strict=True)
        ]
        return Response({"explanations": shown, "model": model_id, "version": loaded.number})

    @extend_schema(request=BatchRequestSerializer, responses={202: BatchSerializer})
    def start_batch(self, request: Request, pk: UUID) -> Response:
        """Score every row of a data set in a worker."""
        model = self.get_object()
        given = BatchRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        dataset = datasets_of([model.workspace_id]).filter(pk=given.validated_data["dataset"]).first()
        if dataset is None:
            problem = Problem("/dataset", "unknown_dataset", "The model's workspace has no such data set.")
            raise InvalidInput("No such data set.", [problem])
        version = latest_ready_version(dataset)
        if version is None:
            raise Conflict("The data set has no version that is ready.")
        batch = actions.start_batch(model=model, dataset_version=version, actor=self.access.actor)
        location = {"Location": f"/api/v1/batch_predictions/{batch.pk}/"}
        return Response(BatchSerializer(batch).data, status.HTTP_202_ACCEPTED, headers=location)


def asked_of(request: Request, *, is_forecast: bool, more: list[str] | None = None) -> tuple[Any, actions.Ahead]:
    """Return the body's `data`, and what is asked ahead; refuse a body that is not an object, and fields that nothing reads."""
    if not isinstance(request.data, dict):
        raise InvalidInput("Send an object.", [Problem("", "not_an_object", 'Send {"data": [{column: value, …}, …]}.')])
    known = [*(["data", "horizon", "series"] if is_forecast else ["data"]), *(more or [])]
    if unknown := [name for name in request.data if name not in known][:_MOST_NAMED]:
        words = [words_for_unknown(name, "field", known) for name in unknown]
        problems = [Problem(f"/{name[:LONGEST]}", "unknown_field", text) for name, text in zip(unknown, words, strict=True)]
        raise InvalidInput(words[0], problems)
    return request.data.get("data"), actions.Ahead(request.data.get("horizon"), request.data.get("series"))


def explanation_as_json(explanation: Explanation, row: dict[str, Any], answer: Any) -> dict[str, Any]:
    """Return an explanation, the strongest contribution first; a part of a forecast that is no column has no value."""
    ranked = sorted(explanation.contributions.items(), key=lambda item: -abs(item[1]))
    return {
        "prediction": answer,
        "base": explanation.base,
        "output": explanation.output,
        "method": explanation.method,
        "contributions": [{"name": name, "value": row.get(name), "contribution": part} for name, part in ranked],
    }


class PredictionViewSet(ScopedViewSet):
    """Read single predictions."""

    queryset = RegisteredModel.objects.all()
    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {"retrieve": Act.READ}

    @extend_schema(responses=PredictionSerializer, parameters=[OpenApiParameter("pk", str, OpenApiParameter.PATH)])
    def retrieve(self, request: Request, pk: str) -> Response:
        """Show one prediction by its id."""
        return Response(selectors.prediction(pk, self.access.workspace_ids))


class BatchFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?model=`, `?status=`, `?workspace=`."""

    model = filters.UUIDFilter(field_name="model_id")
    workspace = filters.UUIDFilter(field_name="model__workspace_id")
    status = ChoiceFilter(choices=BatchPrediction.Status.choices)

    class Meta:
        model = BatchPrediction
        fields: ClassVar[list[str]] = ["model", "workspace", "status"]


class BatchViewSet(ScopedViewSet):
    """Read batches and download their results."""

    queryset = BatchPrediction.objects.select_related("version", "dataset_version", "model")
    serializer_class = BatchSerializer
    filterset_class = BatchFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "finished_at"]
    queries: ClassVar[dict[str, tuple[str, ...]]] = {"download": ("form",)}
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "retrieve": Act.READ, "download": Act.READ}

    def list(self, request: Request) -> Response:
        """List batches, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one batch."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        parameters=[OpenApiParameter("form", str, enum=[*RESULTS])],
        responses={(200, kind): OpenApiTypes.BINARY for kind in ("text/csv", "application/octet-stream")},
    )
    def download(self, request: Request, pk: UUID) -> FileResponse:
        """Download the result: the data set's rows with their predictions.

        `form=semicolons` is CSV with `;` and decimal commas, for a data set that was sent with `;`.
        """
        batch = self.get_object()
        if not batch.result_path:
            raise Conflict(f"The batch is {batch.status}; its result is there once it is completed.")
        form = chosen(request, "form", tuple(RESULTS))
        path = result_file(batch, form)
        if path is None and form == "semicolons":
            raise NotFound("This result is not written with semicolons. Take csv or parquet.")
        if path is None:
            raise NotFound("The result is no longer there.")
        kind = "application/octet-stream" if form == "parquet" else "text/csv; charset=utf-8"
        return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type=kind)
