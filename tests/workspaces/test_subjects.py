"""A pseudonym is the same for one id in one workspace, another elsewhere, and found again after a change of the key."""

from uuid import uuid4

import pytest

from apps.workspaces.subjects import SHAPE, matcher, pseudonym, pseudonyms

HERE, THERE = uuid4(), uuid4()


def test_one_id_has_one_pseudonym_a_workspace():
    assert pseudonym(HERE, "ann") == pseudonym(HERE, "ann")
    assert SHAPE.fullmatch(pseudonym(HERE, "ann"))
    assert len({pseudonym(HERE, "ann"), pseudonym(THERE, "ann"), pseudonym(HERE, "Ann")}) == 3


@pytest.mark.parametrize(("one", "other"), [(17, "17"), (17.0, "17"), (" ann ", "ann"), ("e\u0301", "\u00e9")])
def test_the_same_id_written_otherwise_is_the_same(one, other):
    assert pseudonym(HERE, one) == pseudonym(HERE, other)


@pytest.mark.parametrize("value", [None, "", "  ", True, {}, []])
def test_what_is_no_id_has_none(value):
    assert (pseudonym(HERE, value), pseudonyms(HERE, value)) == ("", [])
    assert not matcher(HERE, pseudonyms(HERE, "ann"))(value)


def test_after_a_change_of_the_key_what_was_written_before_is_found(settings):
    old = pseudonym(HERE, "ann")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"

    names = pseudonyms(HERE, "ann")

    assert names == [pseudonym(HERE, "ann"), old]
    assert pseudonym(HERE, "ann") != old
    assert matcher(HERE, [old])("ann")
    assert matcher(HERE, names)(old)
    assert not matcher(HERE, names)("bob")
