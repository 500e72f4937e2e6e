"""What the committed description of the API says, by the shape of an address."""

import json
import re
from pathlib import Path
from typing import Any

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "openapi.json").read_text())


def shape(path: str) -> str:
    """Return an address without the names of what stands in it: the resolver and the description name them apart."""
    return re.sub(r"<[^>]*>|{[^}]*}", "{}", path)


def _properties(schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        schema = SCHEMA["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema.get("properties", {}))


def _body(operation: dict[str, Any]) -> set[str]:
    content = operation.get("requestBody", {}).get("content", {})
    return {name for body in content.values() for name in _properties(body["schema"])}


# The query parameters that a GET takes, and the fields of the body that each writing method takes.
PARAMETERS = {
    shape(path): [given["name"] for given in operations["get"].get("parameters", []) if given["in"] == "query"]
    for path, operations in SCHEMA["paths"].items()
    if "get" in operations
}
WRITABLE = {
    (method.upper(), shape(path)): _body(operations[method])
    for path, operations in SCHEMA["paths"].items()
    for method in {"post", "put", "patch"} & operations.keys()
}
