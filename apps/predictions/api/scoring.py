"""Other people's protocols onto our rows: MLflow's scoring body and the Open Inference Protocol's tensors."""

from typing import Any

from apps.algorithms.results import Answers
from apps.algorithms.schema import ColumnKind, TableSchema, Task
from apps.core.errors import InvalidInput, Problem

_AHEAD = {"horizon", "series"}
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def asked_of_invocation(body: Any, *, is_forecast: bool) -> tuple[Any, dict[str, Any]]:
    """Return the rows of an MLflow scoring request, and what its `params` ask ahead of a forecast, which needs no rows."""
    params = body.get("params") if isinstance(body, dict) else None
    if not is_forecast or params is None:
        return rows_of_invocation(body), {}
    if not isinstance(params, dict) or params.keys() - _AHEAD:
        text = "The params of a forecast are an object with horizon and series, both optional."
        raise InvalidInput(text, [Problem("/params", "bad_form", text)])
    has_rows = any(form in body for form in _FORMS)
    return rows_of_invocation(body) if has_rows else [], params


def rows_of_invocation(body: Any) -> Any:
    """Return the rows of an MLflow scoring request, which has exactly one of four forms."""
    given = [form for form in _FORMS if isinstance(body, dict) and form in body]
    if len(given) != 1:
        text = f"Send an object with exactly one of: {', '.join(_FORMS)}."
        raise InvalidInput(text, [Problem("", "bad_form", text)])
    value = body[given[0]]
    if given[0] == "dataframe_split":
        return _rows_of_split(value)
    return _rows_of_columns(value) if isinstance(value, dict) else value


def _rows_of_split(value: Any) -> list[dict[str, Any]]:
    columns = value.get("columns") if isinstance(value, dict) else None
    data = value.get("data") if isinstance(value, dict) else None
    text = 'dataframe_split takes {"columns": [names], "data": [[values], …]}, each row as long as the columns.'
    if not isinstance(columns, list) or not isinstance(data, list) or not all(isinstance(name, str) for name in columns):
        raise InvalidInput(text, [Problem("/dataframe_split", "bad_form", text)])
    for i, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise InvalidInput(
                text, [Problem(f"/dataframe_split/data/{i}", "wrong_length", f"Row {i} does not fit the columns.")]
            )
    return [dict(zip(columns, row, strict=True)) for row in data]


def _rows_of_columns(value: dict[str, Any]) -> list[dict[str, Any]]:
    lengths = {len(column) for column in value.values() if isinstance(column, list)}
    if not value or len(lengths) != 1 or not all(isinstance(column, list) for column in value.values()):
        text = "Columns given by name must be lists of one length."
        raise InvalidInput(text, [Problem("", "bad_form", text)])
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


_DATATYPE = {
    ColumnKind.INTEGER: "FP64",  # a missing integer is NaN or null, which only a float tensor holds
    ColumnKind.NUMBER: "FP64",
    ColumnKind.BOOLEAN: "BOOL",
    ColumnKind.DATE: "BYTES",
    ColumnKind.DATETIME: "BYTES",
    ColumnKind.CATEGORY: "BYTES",
    ColumnKind.TEXT: "BYTES",
}


def input_metadata(schema: TableSchema, task: Task) -> list[dict[str, Any]]:
    """Return the input tensors of a model: one a column; of a forecast, how many steps ahead."""
    if task == Task.FORECAST:
        return [{"name": "horizon", "datatype": "INT64", "shape": [1]}]
    return [{"name": c.name, "datatype": _DATATYPE[c.kind], "shape": [-1]} for c in schema.columns]


def output_metadata(schema: TableSchema, task: Task) -> list[dict[str, Any]]:
    """Return the output tensors of a model."""
    outputs = [{"name": "predict", "datatype": _value_type(schema, task), "shape": [-1]}]
    if task == Task.CLASSIFICATION:
        outputs.append({"name": "probabilities", "datatype": "FP64", "shape": [-1, len(schema.classes)]})
    return outputs


def _value_type(schema: TableSchema, task: Task) -> str:
    if task in {Task.REGRESSION, Task.FORECAST}:
        return "FP64"
    if task in {Task.ANOMALY, Task.CLUSTERING}:
        return "INT64"
    kinds = {type(label) for label in schema.classes}
    return "BOOL" if kinds == {bool} else "INT64" if kinds == {int} else "BYTES"


def horizon_of_tensors(body: Any) -> Any:
    """Return the steps ahead that an Open Inference request asks of a forecast."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or [i.get("name") if isinstance(i, dict) else None for i in inputs] != ["horizon"]:
        text = 'Send {"inputs": [{"name": "horizon", "datatype": "INT64", "shape": [1], "data": [30]}]}.'
        raise InvalidInput(text, [Problem("/inputs", "bad_form", text)])
    values = _flat(inputs[0].get("data"))
    return values[0] if len(values) == 1 else values


def rows_of_tensors(body: Any, schema: TableSchema) -> list[dict[str, Any]]:
    """Return the rows of an Open Inference request: a tensor a column, or one [n, k] tensor in the schema's order."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not inputs or not all(isinstance(i, dict) and "data" in i for i in inputs):
        text = 'Send {"inputs": [{"name", "datatype", "shape", "data"}, …]}.'
        raise InvalidInput(text, [Problem("/inputs", "bad_form", text)])
    names = [column.name for column in schema.columns]
    if len(inputs) == 1 and inputs[0].get("name") not in names:
        return _rows_of_matrix(inputs[0], names)
    columns = {str(i.get("name")): _flat(i["data"]) for i in inputs}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise InvalidInput(
            "The tensors differ in length.", [Problem("/inputs", "wrong_length", "Give each as many values.")]
        )
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _rows_of_matrix(tensor: dict[str, Any], names: list[str]) -> list[dict[str, Any]]:
    values = _flat(tensor["data"])
    if not values or len(values) % len(names):
        text = f"A single tensor takes rows of {len(names)} values, in the order of the model's columns."
        raise InvalidInput(text, [Problem("/inputs/0/data", "wrong_length", text)])
    rows = [values[start : start + len(names)] for start in range(0, len(values), len(names))]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise InvalidInput("A tensor's data is a list.", [Problem("/inputs", "bad_form", "Give data as a list.")])
    flat: list[Any] = []
    for item in data:
        flat.extend(item if isinstance(item, list) else [item])
    return flat


def tensors_of_answers(answers: Answers, schema: TableSchema, task: Task) -> list[dict[str, Any]]:
    """Return answers as output tensors."""
    count = len(answers.values)
    outputs = [{"name": "predict", "datatype": _value_type(schema, task), "shape": [count], "data": answers.values}]
    if task == Task.CLASSIFICATION:
        data = [list(detail["probabilities"].values()) for detail in answers.details]
        shape = [count, len(schema.classes)]
        flat = [chance for row in data for chance in row]
        outputs.append({"name": "probabilities", "datatype": "FP64", "shape": shape, "data": flat})
    return outputs
