"""Times of somebody's data as a reader writes them."""

import pytest
from django.utils import timezone, translation

from apps.dashboard.figures import day, size


@pytest.mark.parametrize(
    ("text", "language", "written"),
    [
        ("2026-03-29T00:00:00+01:00", "en", "2026-03-29"),
        ("2026-03-29T00:00:00+01:00", "fr", "29/03/2026"),
        ("2026-03-29T08:30:00+02:00", "en", "2026-03-29 08:30"),
        ("2026-03-29T08:30:00+00:00", "fr", "29/03/2026 10:30"),
        ("2026-03-28T23:00:00Z", "en", "2026-03-29"),
        ("9999-12-31T23:30:00Z", "fr", "9999-12-31T23:30:00Z"),
        ("0001-01-01T00:00:00+14:00", "fr", "01/01/0001"),
        ("2026-03-29T08:30:00", "en", "2026-03-29T08:30:00"),
    ],
)
def test_a_time_with_an_offset_is_written_by_its_own_clock(text, language, written):
    with translation.override(language), timezone.override("Europe/Paris"):
        assert day(text) == written


@pytest.mark.parametrize(
    ("count", "language", "written"),
    [
        (None, "en", "0 B"), (1_023, "en", "1023 B"), (1_536, "fr", "1,5 Kio"), (64.7 * 1_024**3, "en", "64.7 GiB"),
        (3 * 1_024**5, "fr", "3072,0 Tio"),
    ],
)  # fmt: skip
def test_sizes_are_in_units_of_1024(count, language, written):
    with translation.override(language):
        assert size(count).replace("\u00a0", " ").replace("\u202f", " ") == written
