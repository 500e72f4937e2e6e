"""What the parser refuses, and what the renderer never lets out."""

import math
import time

import orjson
import pytest
from django.conf import settings
from django.test import override_settings

from apps.core.api.parsers import parse_json, parse_json_of_any_depth
from apps.core.api.renderers import dump_json
from apps.core.errors import TooLarge, UnreadableRequest


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'"\\ud800"',
        b'{"a": "x\\u0000y"}',
        b'{"\\u0000": 1}',
        b"[" * 100 + b"]" * 100,
        b"\xff",
    ],
)
def test_what_a_database_cannot_hold_is_refused(body):
    with pytest.raises(UnreadableRequest):
        parse_json(body)


def test_an_oversized_body_is_refused_unparsed():
    with override_settings(JSON_MAX_BYTES=10), pytest.raises(TooLarge):
        parse_json(b"[" + b"1," * 20 + b"1]")


def test_many_values_that_are_not_deep_are_read():
    assert len(parse_json(orjson.dumps([{"a": [1]}] * 1000))) == 1000


def test_depth_is_counted_to_the_level():
    def nested(levels):
        return b'{"a":' * (levels - 1) + b"[]" + b"}" * (levels - 1)

    parse_json(nested(settings.JSON_MAX_DEPTH))
    for body in (nested(settings.JSON_MAX_DEPTH + 1), b'["]", ' + nested(settings.JSON_MAX_DEPTH) + b', "["]'):
        with pytest.raises(UnreadableRequest, match="levels"):
            parse_json(body)


def test_brackets_within_texts_are_not_depth():
    given = {"a": "[" * 500, "b": ["{" * 500, "]}" * 500, '"[']}
    assert parse_json(orjson.dumps(given)) == given


@pytest.mark.parametrize("read", [parse_json, parse_json_of_any_depth])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_nul_below_a_thousand_levels_is_refused_like_any_other(read, opening, closing):
    with pytest.raises(UnreadableRequest, match="levels"):
        read(opening * 1_010 + b'"\\u0000"' + closing * 1_010)


@pytest.mark.django_db
def test_an_anonymous_caller_cannot_break_the_sign_in_by_nesting(client):
    body = b"[" * 1_010 + b'"\\u0000"' + b"]" * 1_010

    assert client.post("/api/v1/auth/token/", body, content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    ("body", "pointer"),
    [(b'{"a/b": [1, {"c~": "\\u0000"}]}', "/a~1b/1/c~0"), (b'[{"\\u0000": 1}]', "/0"), (b'"\\u0000"', "")],
)
def test_a_nul_is_pointed_at(body, pointer):
    with pytest.raises(UnreadableRequest) as refused:
        parse_json(body)

    assert refused.value.problems[0].pointer == pointer


def test_a_long_name_above_many_values_costs_nothing():
    body = b'{"' + b"n" * 1_000_000 + b'": [' + b"0," * 200_000 + b'"\\u0000"]}'
    began = time.process_time()

    with pytest.raises(UnreadableRequest):
        parse_json(body)

    assert time.process_time() - began < 5  # a pointer made for each value would copy 200 GB


def test_an_escaped_backslash_before_u0000_is_text():
    assert parse_json(b'{"a": "\\\\u0000"}') == {"a": "\\u0000"}


def test_nan_and_infinity_become_null():
    assert dump_json({"a": math.nan, "b": [math.inf, -math.inf]}) == b'{"a":null,"b":[null,null]}'
