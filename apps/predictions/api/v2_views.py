"""The Open Inference Protocol, version 2, over the same predictors, keys and log."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.algorithms.results import Answers
from apps.algorithms.schema import Task
from apps.core.health import recent_findings
from apps.core.permissions import Act
from apps.predictions import actions
from apps.predictions.api import scoring
from apps.predictions.api.views import ModelPredictionViewSet

_NEEDED = ("database", "storage")
_TENSORS = [
    {"name": "amount", "datatype": "FP64", "shape": [1], "data": [1200.5]},
    {"name": "city", "datatype": "BYTES", "shape": [1], "data": ["Lyon"]},
]


class ServerView(APIView):
    """What serves here; open to all, like the health routes."""

    permission_classes = [AllowAny]
    authentication_classes = []

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Return name, version and extensions."""
        return Response({"name": "mlplatform", "version": "1", "extensions": []})


class LiveView(ServerView):
    """Whether the process answers."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Return 200 while the process answers."""
        return Response({"live": True})


class ServerReadyView(ServerView):
    """Whether predictions can be made: that takes a database and the stored models, no worker."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Return 200 when both are there, else 503."""
        is_ready = all(finding.is_well for finding in recent_findings() if finding.part in _NEEDED)
        return Response({"ready": is_ready}, status=200 if is_ready else 503)


class InferenceViewSet(ModelPredictionViewSet):
    """Metadata, readiness and inference of one model."""

    acts: ClassVar[dict[str, Act]] = {"metadata": Act.READ, "ready": Act.READ, "infer": Act.PREDICT}
    repeatable: ClassVar[frozenset[str]] = frozenset({"infer"})

    def known_queries(self) -> set[str]:
        """Return whatever is asked with: this protocol is not ours to narrow."""
        return set(self.request.query_params)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def metadata(self, request: Request, pk: UUID) -> Response:
        """Return the model's tensors."""
        loaded = actions.live_predictor(self._model_id(pk))
        schema, task = loaded.predictor.schema, Task(loaded.predictor.task)
        return Response(
            {
                "name": str(pk),
                "versions": [str(loaded.number)],
                "platform": "mlplatform",
                "inputs": scoring.input_metadata(schema, task),
                "outputs": scoring.output_metadata(schema, task),
            }
        )

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def ready(self, request: Request, pk: UUID) -> Response:
        """Return 200 once a version can answer."""
        loaded = actions.live_predictor(self._model_id(pk))
        return Response({"name": str(pk), "ready": True, "version": str(loaded.number)})

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses=OpenApiTypes.OBJECT,
        examples=[OpenApiExample("A tensor a column", {"inputs": _TENSORS}, request_only=True)],
    )
    def infer(self, request: Request, pk: UUID) -> Response:
        """Answer tensors."""
        model_id = self._model_id(pk)
        loaded = actions.live_predictor(model_id)
        schema, task = loaded.predictor.schema, Task(loaded.predictor.task)
        if loaded.forecaster is None:
            rows, ahead = scoring.rows_of_tensors(request.data, schema), actions.Ahead()
        else:
            rows, ahead = None, actions.Ahead(scoring.horizon_of_tensors(request.data))
        done = actions.predict_with(loaded, model_id=model_id, rows=rows, actor=self.access.actor, ahead=ahead)
        outputs = scoring.tensors_of_answers(Answers(done.predictions, done.details), schema, task)
        given = request.data.get("id") if isinstance(request.data, dict) else None
        body = {"model_name": str(pk), "model_version": str(done.version), "outputs": outputs}
        return Response({**body, "id": given or done.id.hex})
