"""Which tables are taken for series where nobody says what they hold, and how that is told and changed."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.datasets import engine, lifecycle
from apps.datasets.actions import register_upload
from apps.datasets.engine.dialect import find_dialect
from apps.datasets.engine.profile import profile_table
from apps.datasets.engine.recognition import Recognised, series_in
from apps.datasets.engine.tables import write_table
from apps.datasets.incoming import IncomingFile
from apps.datasets.models import Dataset, DatasetVersion
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import Workspace

ROWS = 120
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "series"


@pytest.fixture
def recognised(tmp_path: Path) -> Callable[[bytes], Recognised]:
    """Return what is found of a file that nobody has said anything of."""

    def found(content: bytes) -> Recognised:
        source, table = tmp_path / "sent.csv", tmp_path / "table.parquet"
        source.write_bytes(content)
        copied = write_table(find_dialect(source, tmp_path / "text"), table)
        return series_in(table, profile_table(table, copied).columns, copied.rows, kind="")

    return found


def days(places: list[int]) -> list[str]:
    return [str(np.datetime64("2026-01-01") + place) for place in places]


def csv(**columns: list[object]) -> bytes:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return ("\n".join(lines) + "\n").encode()


def numbers(seed: int = 0, rows: int = ROWS) -> list[float]:
    return np.random.default_rng(seed).normal(100, 10, rows).round(2).tolist()


def scattered(within: int, rows: int = ROWS) -> list[int]:
    """Return different days, in no order."""
    return np.random.default_rng(1).choice(within, rows, replace=False).tolist()


NAMES = [f"{name}{place}" for place, name in enumerate(["Durand", "Martin", "Petit", "Roux"] * (ROWS // 4))]
CITIES = ["Lyon", "Paris", "Lille"] * (ROWS // 3)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"invoice": NAMES, "due": days(scattered(ROWS)), "amount": numbers()}, "'invoice' beside 'due' holds no numbers"),
        ({"due": days(list(range(ROWS))), "amount": numbers(), "city": CITIES}, "'city' beside 'due' holds no numbers"),
        ({"signed_up": days(scattered(2_000)), "age": numbers()}, "the times of 'signed_up' do not follow one step"),
        ({"signed_up": days(scattered(170)), "age": numbers()}, "the times of 'signed_up' do not follow one step"),
        (dict(day=days(list(range(ROWS))), **{f"v{i}": numbers(i) for i in range(6)}), "6 columns stand beside 'day'"),
    ],
    ids=["invoices", "things of a place", "customers", "customers of a busy shop", "many measures"],
)
def test_one_date_a_row_does_not_make_a_series(columns, why, recognised):
    found = recognised(csv(**columns))

    assert found.series is None
    assert why in found.note
    assert found.note.endswith("upload the file again as series (kind series).")


@pytest.mark.parametrize(
    ("columns", "step"),
    [
        ({"day": days(list(range(ROWS))), "sold": numbers()}, "day"),
        ({"day": days(scattered(ROWS)), "sold": numbers(), "promo": [0, 1] * (ROWS // 2)}, "day"),  # in no order
        ({"day": days([p for p in range(ROWS) if p % 10]), "sold": numbers(rows=ROWS - 12)}, "day"),  # one in ten is missing
        ({"day": days(list(range(ROWS))), "account": ["main"] * ROWS, "sold": numbers()}, "day"),  # a word that says nothing
        ({"day": days(list(range(60))) * 2, "shop": ["north"] * 60 + ["south"] * 60, "sold": numbers()}, "day"),
    ],
    ids=["one series", "unsorted, with a number beside it", "gaps", "one name for all", "two shops"],
)
def test_regular_times_make_a_series_and_the_way_back_is_told(columns, step, recognised):
    found = recognised(csv(**columns))

    assert found.series is not None
    assert found.series["step"] == step
    assert found.note.endswith("upload the file again as a table (kind tabular).")


def test_a_value_that_is_not_known_is_a_row_of_its_series_all_the_same(recognised):
    sold = [value if place % 3 else "" for place, value in enumerate(numbers())]

    assert recognised(csv(day=days(list(range(ROWS))), sold=sold)).series is not None


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("cdnow_daily_sales.csv", "day"),
        ("prophet_air_passengers.csv", "month"),
        ("prophet_retail_sales.csv", "month"),
        ("prophet_wp_log_peyton_manning.csv", "day"),
        ("nn5_cash_daily.csv.gz", "day"),
    ],
)
def test_real_series_are_recognised(name, step, recognised):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()

    found = recognised(content)

    assert found.series is not None
    assert found.series["step"] == step


def upload(workspace: Workspace, content: bytes, *, dataset: Dataset | None = None, kind: str = "") -> DatasetVersion:
    """Upload a file and have it checked, as the worker does."""
    file: IncomingFile = SimpleUploadedFile("sent.csv", content)
    version = register_upload(workspace=workspace, dataset=dataset, kind=kind, upload=file, actor=SYSTEM)
    token = lifecycle.claim(version.pk)
    assert token is not None
    engine.check(version.pk, token)
    return DatasetVersion.objects.select_related("dataset").get(pk=version.pk)


@pytest.fixture
def store(settings, tmp_path: Path) -> None:
    settings.DATASETS_DIR = str(tmp_path / "datasets")


def test_the_same_file_sent_again_with_its_kind_is_taken_as_was_said(cast, store):
    regular = csv(day=days(list(range(ROWS))), amount=numbers())
    first = upload(cast.acme, regular)
    assert (first.dataset.kind, "series" in first.reading, "taken" in first.reading) == ("series", True, True)

    second = upload(cast.acme, regular, kind="tabular", dataset=first.dataset)

    assert second.number == 2
    assert (second.dataset.kind, "series" in second.reading, "taken" in second.reading) == ("tabular", False, False)


def test_a_refused_file_leaves_the_kind_of_its_data_set(cast, store):
    people = csv(name=NAMES, amount=numbers())
    first = upload(cast.acme, people)
    assert first.dataset.kind == "tabular"

    second = upload(cast.acme, people, kind="series", dataset=first.dataset)

    assert (second.status, second.dataset.kind) == ("refused", "tabular")


@pytest.mark.parametrize(
    ("shops", "words"),
    [
        (lambda i: ["Lyon", "Brest"][i // 60], "and 'shop' seems to tell series apart. Name it as the column of the series"),
        (lambda i: "Lyon", "and no column tells series apart. Add a column that names the series of each row"),
    ],
)
def test_rows_of_one_time_are_told_by_the_column_that_nearly_tells_them_apart(shops, words, tmp_path):
    source, table = tmp_path / "sent.csv", tmp_path / "table.parquet"
    places = [i % 60 for i in range(ROWS)]
    places[1] = 0  # one row of one shop stands there twice
    source.write_bytes(csv(day=days(places), shop=[shops(i) for i in range(ROWS)], sales=numbers()))
    copied = write_table(find_dialect(source, tmp_path / "text"), table)

    found = series_in(table, profile_table(table, copied).columns, copied.rows, kind="series")

    assert found.series is not None
    assert words in found.series["problem"]


def test_series_in_which_some_times_stand_twice_say_why_they_are_none(recognised):
    places = [*range(60), *range(60), 5, 9]
    sites = ["oak"] * 60 + ["beech"] * 60 + ["oak", "beech"]

    found = recognised(csv(day=days(places), site=sites, count=numbers(rows=122)))

    assert found.series is None
    assert found.note.startswith("Taken for a table, since several rows of one 'site' have the same time in 'day'.")
