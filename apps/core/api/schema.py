"""What the OpenAPI document says of refusals: every operation names those it can give, and which bodies are read whole."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension

from apps.core.api.errors import MEDIA_TYPE

_STRING, _INTEGER = {"type": "string"}, {"type": "integer"}
_FAULT = {
    "type": "object",
    "description": "One fault in what was sent.",
    "properties": {"pointer": _STRING, "code": _STRING, "detail": _STRING},
    "required": ["pointer", "code", "detail"],
}
PROBLEM = {
    "type": "object",
    "description": "An RFC 9457 problem document.",
    "properties": {
        "type": _STRING,
        "title": _STRING,
        "status": _INTEGER,
        "code": _STRING,
        "detail": {**_STRING, "description": "What happened and what to do, in words."},
        "instance": _STRING,
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
    "required": ["type", "title", "status", "code", "detail", "instance", "errors"],
}
_WORDS = {
    "400": "The request cannot be read.",
    "401": "The caller is not known: sign in, or send a key.",
    "403": "The caller's role or key does not allow this.",
    "404": "Nothing with this address in the caller's workspaces.",
    "406": "The answer does not come in the media type that was asked for.",
    "409": "The state of the object does not allow this now.",
    "413": "The body is too large.",
    "415": "The body's media type is not read here.",
    "422": "Understood but invalid; `errors` names each fault.",
    "429": "Too many requests or too much queued work; `Retry-After` says how long to wait.",
    "503": "A part of the platform is down; `Retry-After` says how long to wait.",
    "507": "No space left for what must be written.",
}
_WAITS = {"429", "503"}
_METHODS = {"get", "post", "put", "patch", "delete"}


def add_problems(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Add to every operation the refusals of its kind; a view names one of its own as `404: None` (a hook of drf-spectacular)."""
    result["components"]["schemas"] |= {"ProblemDocument": PROBLEM, "Fault": _FAULT}
    result["components"]["responses"] = {_name(status): _response(status) for status in _WORDS}
    for path, operations in result["paths"].items():
        for method in _METHODS & operations.keys():
            summarize(operations[method])
            answers = operations[method]["responses"]
            declared = {status for status in answers if status in _WORDS}
            for status in sorted(declared | _refusals(path, method, operations[method])):
                answers[status] = {"$ref": f"#/components/responses/{_name(status)}"}
    return result


def summarize(operation: dict[str, Any]) -> None:
    """Give an operation the first paragraph of its docstring as its summary, and what follows as its description."""
    first, _, more = operation.get("description", "").partition("\n\n")
    if first:
        operation["summary"] = first.rstrip(".")
        operation["description"] = more or first


def _refusals(path: str, method: str, operation: dict[str, Any]) -> set[str]:
    """Return the statuses that an operation may refuse with."""
    found = {"406", "503"}
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    if any(operation.get("security", [])):
        found |= {"400", "401", "403", "422"}
    if "path" in places or any(parameter["name"] == "page" for parameter in operation.get("parameters", [])):
        found.add("404")
    if method != "get":
        found |= {"409", "422"}
    if method == "get" and "{" in path:
        found.add("409")
    if "requestBody" in operation:
        found |= {"400", "413", "415"}
    if method == "post":
        found |= {"429"}
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
        found.add("507")
    return found


def _name(status: str) -> str:
    return HTTPStatus(int(status)).phrase.replace(" ", "").replace("-", "")


def _response(status: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": _WORDS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
    if status in _WAITS:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "required": True, "description": "Seconds."}}
    return answer


class KnownFieldsOnlyExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # not typed
    """A body with another field is refused; answers may get fields later."""

    target_class = "apps.core.api.serializers.KnownFieldsOnly"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Describe the serializer as it is, closed where it is sent."""
        described: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # noqa: SLF001  (as its own extensions do)
        return {**described, "additionalProperties": False} if direction == "request" else described


class MetricsTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How Prometheus says who it is."""

    target_class = "apps.core.api.metrics.MetricsToken"
    name = "metricsToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN of the platform's environment."}
