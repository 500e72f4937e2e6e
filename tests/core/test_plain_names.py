"""Names: one line, in the order in which they were written, to be seen."""

import pytest

from apps.core.plain_names import is_plain, made_plain


@pytest.mark.parametrize("name", ["Q3", "été 2025", "名前", "שלום\u200f", "a  b", "👩\u200d🔬", "R²", "#"])
def test_names_of_any_script_are_plain(name):
    assert is_plain(name)
    assert made_plain(name) == name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a\nb", "a b"),
        ("gpj\u202e.x", "gpj .x"),
        ("a\0", "a"),
        ("\u200b", ""),
        ("\ufeff", ""),
        ("\u2800", ""),
        ("", ""),
        ("\u200d", ""),
    ],
)
def test_what_breaks_the_line_turns_the_direction_or_shows_nothing_is_not(name, plain):
    assert not is_plain(name)
    assert made_plain(name) == plain


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("workspaces/", {}),
        ("workspaces/{acme}/keys/", {"scope": "read"}),
        ("models/", {"workspace": "{acme}", "algorithm": "isolation_forest", "task": "anomaly"}),
    ],
)
def test_every_name_is_looked_at(address, body, cast, api):
    sent = {name: value.format(acme=cast.acme.pk) for name, value in body.items()}

    answer = api(cast.owner).post(f"/api/v1/{address.format(acme=cast.acme.pk)}", {**sent, "name": "two\nlines"})

    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/name"]
    assert "one line" in answer.json()["errors"][0]["detail"]
