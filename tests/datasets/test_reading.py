"""Files as offices write them, read to the cell; files that cannot be read, refused with the rows at fault."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from apps.algorithms.tables import are_instants
from apps.datasets.engine.dialect import Reading, Refused, find_dialect
from apps.datasets.engine.profile import Profile, profile_table
from apps.datasets.engine.tables import Copied, copy_parquet, copy_rows, write_table

ROWS = [
    {"nom": "Élodie", "montant": 1234.5, "date": "2025-12-31", "code": "007", "payé": True},
    {"nom": "Zoé", "montant": 2000.0, "date": "2026-02-01", "code": "012", "payé": False},
    {"nom": "Loïc", "montant": None, "date": None, "code": "100", "payé": None},
]
NARROW, NO_BREAK = "\u202f", "\u00a0"


def french(thousands: str = " ", separator: str = ";") -> str:
    lines = [
        ["nom", "montant", "date", "code", "payé"],
        ["Élodie", f"1{thousands}234,50", "31/12/2025", "007", "vrai"],
        ["Zoé", f"2{thousands}000,00", "01/02/2026", "012", "faux"],
        ["Loïc", "", "", "100", ""],
    ]
    return "".join(separator.join(line) + "\r\n" for line in lines)


def read(tmp_path: Path, content: bytes) -> tuple[Copied, Profile, dict]:
    source = tmp_path / "upload"
    source.write_bytes(content)
    reading = find_dialect(source, tmp_path / "utf8")
    copied = write_table(reading, tmp_path / "table.parquet")
    return copied, profile_table(tmp_path / "table.parquet", copied), reading.as_json()


def refused(tmp_path: Path, content: bytes) -> list[dict]:
    with pytest.raises(Refused) as verdict:
        read(tmp_path, content)
    return verdict.value.problems


FRENCH_PACK = {
    "plain thousands space": french().encode(),
    "no-break space": french(NO_BREAK).encode(),
    "narrow no-break space": french(NARROW).encode(),
    "apostrophe": french("'").encode(),
    "point in thousands": french(".").encode(),
    "no thousands": french("").encode(),
    "byte order mark": b"\xef\xbb\xbf" + french().encode(),
    "windows 1252": french(NO_BREAK).encode("cp1252"),
    "utf-16 with mark": french().encode("utf-16"),
    "utf-16 little endian": french(NARROW).encode("utf-16-le"),
    "utf-16 big endian": french(NARROW).encode("utf-16-be"),
    "tabs": french(separator="\t").encode(),
}


@pytest.mark.parametrize("name", FRENCH_PACK)
def test_the_french_pack_is_read_exact_to_the_cell(name, tmp_path):
    copied, profile, _reading = read(tmp_path, FRENCH_PACK[name])

    assert profile.preview == ROWS
    assert {k: str(v) for k, v in copied.kinds.items()} == {
        "nom": "category", "montant": "number", "date": "date", "code": "category", "payé": "boolean",
    }  # fmt: skip


def test_how_the_file_was_read_is_told(tmp_path):
    _copied, _profile, reading = read(tmp_path, FRENCH_PACK["windows 1252"])

    assert (reading["encoding"], reading["separator"], reading["decimal"]) == ("cp1252", ";", ",")
    assert "date: dates read as day/month/year" in reading["notes"]


@pytest.mark.parametrize(
    ("cells", "notes", "decimal"),
    [
        (["1 036", "17"], ["v: thousands space"], "."),
        (["1 036,5", "17"], ["v: decimal comma", "v: thousands space"], ","),
        (["1.036.000", "17"], ["v: thousands point"], "."),
        (["1'036.50", "17"], ["v: thousands apostrophe"], "."),
        (["1 036 €", "17 €"], ["v: thousands space", "v: currency sign"], "."),
        (["0,5 %", "12 %"], ["v: percents, 12 % read as 12", "v: decimal comma"], ","),
        (["1.5", "17"], [], "."),
    ],
)
def test_the_reading_names_what_is_there(cells, notes, decimal, tmp_path):
    _copied, _profile, reading = read(tmp_path, "".join(f"{cell};k\n" for cell in ["v", *cells]).encode())

    assert (reading["notes"], reading["decimal"]) == (notes, decimal)


def test_the_same_values_have_one_hash_however_they_were_written(tmp_path):
    hashes = {read(tmp_path, content)[0].content_hash for content in FRENCH_PACK.values()}

    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("cells", "values", "kind"),
    [
        (["1,234.50", "7"], [1234.5, 7.0], "number"),
        (["1e3", "-.5"], [1000.0, -0.5], "number"),
        (["12,50 €", "3,00 €"], [12.5, 3.0], "number"),
        (["1 036", "17"], [1036, 17], "integer"),
        ([f"1{NARROW}036{NARROW}000", "-2'000"], [1_036_000, -2000], "integer"),
        (["1,036", "17"], [1036, 17], "integer"),
        (["1 036.5", "17"], [1036.5, 17.0], "number"),
        (["012 345 678", "732 829 320"], ["012 345 678", "732 829 320"], "category"),
        (["0,5 %", f"12{NO_BREAK}%"], [0.5, 12.0], "number"),
        (["0.5%", "1,036%"], [0.5, 1036.0], "number"),
        (["-0,5 %", ""], [-0.5, None], "number"),
        (["12 %", "12"], ["12 %", "12"], "category"),
        (["01", "2"], ["01", "2"], "category"),
        (["NA", "FR"], ["NA", "FR"], "category"),
        (["NA", "3"], [None, 3], "integer"),
        (["1e400", "2"], [None, 2.0], "number"),
        (["yes", "no"], ["yes", "no"], "category"),
        (["2026-01-31T08:30:00", "2026-02-01 09:00"], ["2026-01-31T08:30:00", "2026-02-01T09:00:00"], "datetime"),
        (["12/31/2025", "01/02/2026"], ["2025-12-31", "2026-01-02"], "date"),
        (["12345678901234567890", "1"], ["12345678901234567890", "1"], "category"),
    ],
)
def test_cells_become_what_they_mean(cells, values, kind, tmp_path):
    content = "k,v\n" + "".join(f'{i},"{cell}"\n' for i, cell in enumerate(cells))

    copied, profile, _reading = read(tmp_path, content.encode())

    assert [row["v"] for row in profile.preview] == values
    assert str(copied.kinds["v"]) == kind


@pytest.mark.parametrize(
    ("content", "code", "row"),
    [
        (b"", "empty", None),
        (b" \n \n", "empty", None),
        (b"a,b\n", "no_rows", 1),
        (b"a,b\n1,2,3\n4,5\n", "ragged_row", 2),
        (b"a,b\n1,2\n3\n", "ragged_row", 3),
        (b"\n\na,b\n1,2\n3\n", "ragged_row", 5),
        (b'""\n', "empty", None),
        (b'a,b\n1,2\n"3,4\n5,6\n', "open_quote", 3),
        (b'a,b\n1,"2\n3,4\n5,6\n', "open_quote", 2),
        (b'"a,b\n1,2\n3,4\n', "open_quote", 1),
        (b"PK\x03\x04....", "not_a_table", None),
        (b"\x80\x04\x95pickle", "not_a_table", None),
        (b'[{"a": 1, "b": 2}]', "not_a_table", None),
        (b'\xef\xbb\xbf {\n "rows" : [[1, 2]]}', "not_a_table", None),
        (b"\x89PNG\r\n\x1a\n", "not_a_table", None),
        (b"a,b\n1,\x00\x00\x00\n", "binary", None),
        (b"x" * (1024**2 + 10) + b"\n1\n", "line_too_long", 1),
        ((",".join(f"c{i}" for i in range(2001)) + "\n").encode(), "too_many_columns", 1),
        (b'a,b\n1,"' + b"y" * 300_000 + b'"\n', "cell_too_long", None),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_row(content, code, row, tmp_path):
    problem = refused(tmp_path, content)[0]

    assert (problem["code"], problem["row"]) == (code, row)
    assert problem["detail"].endswith((".", "?"))


def test_a_ragged_row_is_told_in_good_grammar(tmp_path):
    assert refused(tmp_path, b"a,b\n3\n")[0]["detail"] == "This row has 1 cell; the header names 2 columns."


@pytest.mark.parametrize(
    "title",
    ["Comptage 2024;;", "Comptage 2024", "Comptage 2024;;\n;;", "Comptage 2024\n\nnid par nid", '"Comptage\n2024";;'],
)
def test_a_title_above_the_header_is_skipped_with_a_warning(title, tmp_path):
    content = f"{title}\nville;jour;nids\nParis;lundi;3\nLyon;mardi;x\n"
    row = title.count("\n") + 2

    copied, profile, _reading = read(tmp_path, content.encode())

    assert profile.preview == [
        {"ville": "Paris", "jour": "lundi", "nids": "3"}, {"ville": "Lyon", "jour": "mardi", "nids": "x"},
    ]  # fmt: skip
    warned = {w["code"]: w["detail"] for w in copied.warnings}
    assert f"names are taken from row {row}" in warned["title"]
    assert f"row {row + 2} (x)" in warned["mixed"]
    content += "Nice;jeudi;4\n" * 10 + "Nice;jeudi\n"
    assert refused(tmp_path, content.encode())[0]["row"] == row + 13


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"a,,\n1,2,3\n4,5,6\n", ["a", "column_2", "column_3"]),
        (b"comment\nhello, world\nfoo, bar\nbaz, qux\n", ["comment"]),
        (b",x,y\n0,1,2\n1,3,4\n", ["column_1", "x", "y"]),
        (b"code\n12\n17\n", ["code"]),
    ],
)
def test_what_is_no_title_is_not_skipped(content, names, tmp_path):
    copied, _profile, _reading = read(tmp_path, content)

    assert list(copied.kinds) == names


def test_every_ragged_row_is_named_up_to_a_hundred(tmp_path):
    content = "a,b\n" + "1,2,3\n" * 150

    problems = refused(tmp_path, content.encode())

    assert len(problems) == 100
    assert [p["row"] for p in problems[:3]] == [2, 3, 4]


def test_headers_are_mended_with_a_notice(tmp_path):
    copied, _profile, _reading = read(tmp_path, b"a,a,,__proto__\n1,2,3,4\n5,6,7,8\n")

    assert list(copied.kinds) == ["a", "a_2", "column_3", "__proto__"]
    assert {w["code"] for w in copied.warnings} == {"duplicate_name", "blank_name"}


def test_warnings_of_a_careful_colleague(tmp_path):
    rows = "".join(f"{i},{i * 2 + 1},{i % 3},1,{'rare' if i == 7 else 'usual'},{i % 3}\n" for i in range(100))

    _copied, profile, _reading = read(tmp_path, f"x,scaled,few,flat,label,twin\n{rows}".encode())

    assert {(w["column"], w["code"]) for w in profile.warnings} >= {
        ("scaled", "leakage"), ("flat", "constant"), ("label", "imbalance"), ("twin", "duplicate_column"), ("x", "identifier"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["01/02/2024"] * 20 + ["31/02/2024"], "20 of 21 values are dates, yet it is read as text because of others: row 22 (31/02/2024)."),
        (["12/31/2024"] * 20 + ["02/30/2024"], "row 22 (02/30/2024)."),
        (["2024-01-31"] * 20 + ["2023-02-29", "hier"], "row 22 (2023-02-29), 23 (hier)."),
        (["01/02/2024 10:00"] * 20 + ["31/04/2024 10:00"], "row 22 (31/04/2024 10:00)."),
        (["2024-01-31 10:00", "2024-01-31"] * 10, "Every value starts with a date"),
        (["0,5 %"] * 20 + ["peu"], "20 of 21 values are numbers, yet it is read as text because of others: row 22 (peu)."),
        (["1 036"] * 20 + ["peu"], "row 22 (peu)."),
        (["12 %"] * 20 + ["12"], "20 of 21 values carry a percent sign"),
        (["1234,56"] * 20 + ["12.5"], "20 of 21 values are numbers, yet it is read as text because of others: row 22 (12.5)."),
        (["12.5"] * 20 + ["12,5"], "row 22 (12,5)."),
        (["1 234,5"] * 20 + ["1,234.50"], "row 22 (1,234.50)."),
        (["5"] * 20 + ["9" * 23], f"row 22 ({'9' * 23})."),
        (["25/12/24"] * 20, "a year of two digits"),
    ],
)  # fmt: skip
def test_a_column_that_is_nearly_of_a_type_is_told_with_the_rows_at_fault(cells, words, tmp_path):
    copied, _profile, _reading = read(tmp_path, "".join(f"{cell};k\n" for cell in ["v", *cells]).encode())

    assert [(w["column"], w["code"]) for w in copied.warnings] == [("v", "mixed")]
    assert words in copied.warnings[0]["detail"]


@pytest.mark.parametrize("cells", [["01234", "69001"] * 10, ["012 345 678", "552 100 554"] * 10, ["0612345678"] * 20])
def test_codes_are_texts_without_a_word(cells, tmp_path):
    copied, _profile, _reading = read(tmp_path, "".join(f"{cell};k\n" for cell in ["v", *cells]).encode())

    assert copied.warnings == []


def test_only_a_plausible_label_is_called_imbalanced(tmp_path):
    rows = "".join(
        f"{'rare' if i == 7 else 'ab'[i % 2]},{'yes' if i in {3, 4} else 'no'},{i % 5},{'abc'[i % 2 if i else 2]}\n"
        for i in range(100)
    )

    _copied, profile, _reading = read(tmp_path, f"purpose,late,level,class\n{rows}".encode())

    assert [(w["column"], w["detail"].split(";")[0]) for w in profile.warnings if w["code"] == "imbalance"] == [
        ("late", "The rarest value stands in 2 of 100 rows"),
        ("class", "The rarest value stands in 1 of 100 rows"),
    ]


def test_the_profile_counts_exactly(tmp_path):
    _copied, profile, _reading = read(tmp_path, b"x,c\n1,a\n2,b\n3,a\n,\n")

    number, text = profile.columns
    assert (number["missing"], number["distinct"], number["min"], number["max"], number["mean"]) == (1, 3, 1, 3, 2.0)
    assert number["quantiles"]["0.5"] == 2.0
    assert text["top"] == [{"value": "a", "count": 2}, {"value": "b", "count": 1}]


def test_parquet_is_taken_and_nested_types_are_refused(tmp_path):
    pq.write_table(pa.table({"x": pa.array([1, None], pa.int32()), "s": pa.array(["a", "b"])}), tmp_path / "good")
    pq.write_table(pa.table({"x": [[1], [2]]}), tmp_path / "nested")

    copied = copy_parquet(tmp_path / "good", Reading(format="parquet"), tmp_path / "out")

    assert (copied.rows, {k: str(v) for k, v in copied.kinds.items()}) == (2, {"x": "integer", "s": "category"})
    with pytest.raises(Refused, match="only numbers"):
        copy_parquet(tmp_path / "nested", Reading(format="parquet"), tmp_path / "out2")


OFFSETS = b"at,y\n2026-03-28T23:30:00+01:00,1\n2026-03-29T05:30:00+02:00,2\n2026-03-29T03:30:00Z,3\n"


def marked(path: Path) -> list[str]:
    return [field.name for field in pq.read_schema(path) if are_instants(field)]


def test_times_with_offsets_are_kept_as_instants_and_told(tmp_path):
    copied, profile, reading = read(tmp_path, OFFSETS)

    assert [row["at"] for row in profile.preview] == ["2026-03-28T22:30:00", "2026-03-29T03:30:00", "2026-03-29T03:30:00"]
    assert reading["notes"] == ["at: times with offsets, kept as those of UTC"]
    assert marked(tmp_path / "table.parquet") == ["at"]
    wall, _profile, told = read(tmp_path, b"at,y\n2026-03-28T22:30:00,1\n2026-03-29T03:30:00,2\n2026-03-29T03:30:00,3\n")
    assert told["notes"] == marked(tmp_path / "table.parquet") == []
    assert wall.content_hash != copied.content_hash  # the same digits, another time


def test_a_copy_of_some_rows_holds_instants_still(tmp_path):
    copied, _profile, _reading = read(tmp_path, OFFSETS)

    fewer = copy_rows(tmp_path / "table.parquet", tmp_path / "fewer", copied.kinds, lambda batch: pc.greater(batch["y"], 1))

    assert (fewer.rows, marked(tmp_path / "fewer")) == (2, ["at"])


def test_times_of_which_only_some_carry_an_offset_are_no_times(tmp_path):
    copied, _profile, _reading = read(
        tmp_path, b"at,y\n2026-03-28T22:30:00,1\n2026-03-29T03:30:00Z,2\n2026-03-29T04:30:00,3\n"
    )

    assert copied.kinds["at"] == "category"
    assert "some carry an offset" in copied.warnings[0]["detail"]


def test_times_of_parquet_in_a_zone_are_instants_too(tmp_path):
    zoned = pa.array(np.array(["2026-03-28T22:30", "NaT"], "datetime64[ms]"), pa.timestamp("ms", tz="Europe/Paris"))
    pq.write_table(pa.table({"at": zoned, "plain": zoned.cast(pa.timestamp("ms"))}), tmp_path / "p")
    reading = Reading(format="parquet")

    copied = copy_parquet(tmp_path / "p", reading, tmp_path / "out")
    again = copy_parquet(tmp_path / "out", Reading(format="parquet"), tmp_path / "out2")  # a canonical copy, sent back

    assert reading.notes == ["at: times with offsets, kept as those of UTC"]
    assert marked(tmp_path / "out") == marked(tmp_path / "out2") == ["at"]
    assert copied.content_hash == again.content_hash
