"""Files that would be read wrongly in silence, or would fell the check: each is refused in words or read as written."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.datasets.engine.dialect import Reading, Refused
from apps.datasets.engine.tables import copy_parquet
from tests.datasets.test_reading import read, refused


def test_a_quote_left_open_does_not_swallow_the_rows_below(tmp_path):
    problem = refused(tmp_path, b'a,b\n1,"x\n2,y\n3,z\n')[0]

    assert (problem["code"], problem["row"], problem["column"]) == ("open_quote", 2, "b")


def test_a_quote_left_open_in_a_large_file_is_refused_in_words(tmp_path):
    problem = refused(tmp_path, b'a,b\n1,"' + b"yyyyyyyy\n" * 1_000_000)[0]

    assert problem["code"] == "open_quote"


def test_cells_with_line_breaks_and_doubled_quotes_are_read(tmp_path):
    _copied, profile, _reading = read(tmp_path, b'a;b\n1;"x\r\ny"\n2;"z, ""q"""\n')

    assert [row["b"] for row in profile.preview] == ["x\r\ny", 'z, "q"']


def test_an_inch_mark_in_a_plain_cell_is_no_open_quote(tmp_path):
    _copied, profile, _reading = read(tmp_path, b'a,b\n1,5" pipe\n2,x\n')

    assert profile.preview[0]["b"] == '5" pipe'


def test_a_long_cell_does_not_hide_the_separator(tmp_path):
    copied, _profile, reading = read(tmp_path, b"a;b\n1;" + b"y" * 140_000 + b"\n2;z\n")

    assert list(copied.kinds) == ["a", "b"]
    assert reading["separator"] == ";"


def test_one_column_of_decimal_commas_is_one_column(tmp_path):
    _copied, profile, _reading = read(tmp_path, b"montant\n1,5\n2,5\n")

    assert profile.preview == [{"montant": 1.5}, {"montant": 2.5}]


def test_a_file_that_claims_utf_8_and_is_not_is_refused(tmp_path):
    problem = refused(tmp_path, b"\xef\xbb\xbfa,b\n1,\xe9t\xe9\n")[0]

    assert problem["code"] == "encoding"


@pytest.mark.parametrize(
    ("cells", "values", "kind"),
    [
        (["+3", "-4"], [3, -4], "integer"),
        (["+3.5", "-4"], [3.5, -4.0], "number"),
        (["+33612345678", "+33612345679"], ["+33612345678", "+33612345679"], "category"),
        (["0000-01-01", "2020-01-01"], ["0000-01-01", "2020-01-01"], "category"),
        (["0001-01-01T00:00:00+02:00", "2020-01-01T00:00:00Z"], None, "category"),
        (["=1+1", "@SUM(A1)"], ["=1+1", "@SUM(A1)"], "category"),
        (["31/02/2026", "01/02/2026"], ["31/02/2026", "01/02/2026"], "category"),
        (["٣", "٤"], ["٣", "٤"], "category"),
    ],
)
def test_odd_cells_are_read_as_written(cells, values, kind, tmp_path):
    content = "k;v\n" + "".join(f"{i};{cell}\n" for i, cell in enumerate(cells))

    copied, profile, _reading = read(tmp_path, content.encode())

    assert str(copied.kinds["v"]) == kind
    assert [row["v"] for row in profile.preview] == (values or cells)


@pytest.mark.parametrize(
    "content",
    [
        ",".join(f"c{i}" for i in range(200_000)).encode() + b"\n",
        b'a,b\n1,"' + b"y" * 20_000_000 + b'"\n',
    ],
    ids=["200,000 columns", "a field of 20 MB"],
)
def test_bombs_are_refused_before_any_parser_reads_them(content, tmp_path):
    assert refused(tmp_path, content)[0]["code"] == "line_too_long"


def test_a_ragged_row_after_many_blocks_is_named_by_its_number(tmp_path):
    problem = refused(tmp_path, b"a,b\n" + b"123456789,2\n" * 500_000 + b"1,2,3\n")[0]

    assert (problem["code"], problem["row"]) == ("ragged_row", 500_002)


def test_a_type_is_decided_by_the_whole_file_not_by_its_beginning(tmp_path):
    copied, _profile, _reading = read(tmp_path, b"a,b\n" + b"123456789,2\n" * 500_000 + b"x,2.5\n")

    assert {name: str(kind) for name, kind in copied.kinds.items()} == {"a": "category", "b": "number"}
    assert copied.rows == 500_001


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (pa.array([2**63 + 5, 1], pa.uint64()), "unreadable"),
        (pa.array([2**31 - 1, 1], pa.date32()), "date_out_of_range"),
        (pa.array([2**62, 1], pa.timestamp("us")), "date_out_of_range"),
        (pa.array([b"a", b"\xff"]), "column_type"),
    ],
    ids=["integer over 64 bits", "far date", "far time", "bytes"],
)
def test_parquet_values_that_cannot_be_kept_are_refused_not_bent(column, code, tmp_path):
    pq.write_table(pa.table({"x": column}), tmp_path / "p")

    with pytest.raises(Refused) as verdict:
        copy_parquet(tmp_path / "p", Reading(format="parquet"), tmp_path / "out")

    assert verdict.value.problems[0]["code"] == code


def parquet(tmp_path: Path, table: pa.Table) -> Path:
    pq.write_table(table, tmp_path / "p")
    return tmp_path / "p"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_a_nul_in_a_text_of_a_parquet_file_is_named_by_row_and_column(kind, tmp_path):
    texts = ["fine"] * 70_000 + ["a\0b"]
    source = parquet(tmp_path, pa.table({"x": range(70_001), "note": pa.array(texts).cast(kind)}))

    with pytest.raises(Refused) as verdict:
        copy_parquet(source, Reading(format="parquet"), tmp_path / "out")

    problem = verdict.value.problems[0]
    assert (problem["code"], problem["row"], problem["column"]) == ("nul", 70_001, "note")


def test_bytes_that_are_no_text_in_a_parquet_file_are_refused_in_words(tmp_path):
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())

    with pytest.raises(Refused) as verdict:
        copy_parquet(parquet(tmp_path, pa.table({"note": broken})), Reading(format="parquet"), tmp_path / "out")

    assert verdict.value.problems[0]["code"] == "unreadable"


def test_control_characters_in_names_are_left_out_with_a_warning(tmp_path):
    source = parquet(tmp_path, pa.table([[1], [2], [3]], names=["a\0b", "\0", "été\u200d"]))

    copied = copy_parquet(source, Reading(format="parquet"), tmp_path / "out")

    assert list(copied.kinds) == ["ab", "column_2", "été\u200d"]
    found = [(w["column"], w["code"]) for w in copied.warnings]
    assert found == [("ab", "control_characters"), ("column_2", "blank_name"), ("column_2", "control_characters")]


def test_a_torn_parquet_file_is_refused(tmp_path: Path):
    (tmp_path / "p").write_bytes(b"PAR1" + b"junk" * 100 + b"PAR1")

    with pytest.raises(Refused, match="cannot be read"):
        copy_parquet(tmp_path / "p", Reading(format="parquet"), tmp_path / "out")


def test_parquet_columns_without_a_name_get_one(tmp_path):
    pq.write_table(pa.table([[1, 2], ["a", "b"]], names=["", "x" * 500]), tmp_path / "p")

    copied = copy_parquet(tmp_path / "p", Reading(format="parquet"), tmp_path / "out")

    assert list(copied.kinds) == ["column_1", "x" * 200]
    assert [w["code"] for w in copied.warnings] == ["blank_name", "long_name"]


def test_numbers_beyond_a_double_are_counted_and_mixed_columns_name_their_rows(tmp_path):
    copied, _profile, _reading = read(tmp_path, b"big,mixed,code\n1e400,1,01\n2,abc,02\ninf,3,10\n")

    found = {(w["column"], w["code"]): w["detail"] for w in copied.warnings}
    assert set(found) == {("big", "not_finite"), ("mixed", "mixed")}
    assert found["big", "not_finite"].startswith("2 values")
    assert found["mixed", "mixed"].endswith("row 3 (abc).")
