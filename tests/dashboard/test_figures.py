"""Times of somebody's data as a reader writes them."""

import pytest
from django.utils import translation

from apps.dashboard.figures import day


@pytest.mark.parametrize(
    ("text", "language", "written"),
    [
        ("2026-03-29T00:00:00+01:00", "en", "2026-03-29"),
        ("2026-03-29T00:00:00+01:00", "fr", "29/03/2026"),
        ("2026-03-29T08:30:00+02:00", "en", "2026-03-29 08:30"),
        ("2026-03-29T08:30:00+00:00", "fr", "29/03/2026 08:30"),
        ("2026-03-29T08:30:00", "en", "2026-03-29T08:30:00"),
    ],
)
def test_a_time_with_an_offset_is_written_by_its_own_clock(text, language, written):
    with translation.override(language):
        assert day(text) == written
