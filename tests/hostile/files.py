"""Files that nobody means well with: each by its name, with what must become of it."""

import bz2
import gzip
import io
import lzma
import pickle
import random
import sqlite3
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

READY, REFUSED, EITHER = {"ready"}, {"refused"}, {"ready", "refused"}
MIB = 1024**2
_GOOD = b"a,b\n1,x\n2,y\n"
Maker = Callable[[], bytes]


def _zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind, name in ((tarfile.SYMTYPE, "link"), (tarfile.CHRTYPE, "device"), (tarfile.REGTYPE, "../../up")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    return out.getvalue()


def _sqlite() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (a)")
        return bytes(connection.serialize())


def _parquet(table: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(table), out, **options)
    return out.getvalue()


def _flipped(seed: int) -> bytes:
    """Make a good Parquet file and change 20 of its bytes, most of them where its structure is told."""
    chance, content = (
        random.Random(seed),
        bytearray(_parquet({"x": list(range(500)), "t": [f"t{i % 7}" for i in range(500)]})),
    )
    for _ in range(20):
        content[-chance.randrange(9, min(len(content) - 4, 900))] = chance.randrange(256)
    return bytes(content)


def _repeated_text(length: int, rows: int) -> bytes:
    """One text of `length`, said `rows` times: small on disk, large when it is read."""
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array(["x" * length]))
    return _parquet({"text": texts})


def _rows(header: str, row: str, count: int) -> bytes:
    return f"{header}\n".encode() + f"{row}\n".encode() * count


ARCHIVES: dict[str, tuple[Maker, set[str]]] = {
    "an image": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, REFUSED),
    "a photograph": (lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40, REFUSED),
    "an animation": (lambda: b"GIF89a\x01\x00\x01\x00" + bytes(64), REFUSED),
    "a document": (lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", REFUSED),
    "a workbook": (lambda: _zip(**{"xl/workbook.xml": b"<workbook/>"}), REFUSED),
    "an old workbook": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), REFUSED),
    "a packed table": (lambda: _zip(**{"data.csv": _GOOD}), REFUSED),
    "a bomb": (lambda: _zip(**{"0": bytes(40 * MIB)}), REFUSED),
    "an archive that climbs out": (lambda: _zip(**{"../../../up.csv": _GOOD}), REFUSED),
    "an archive of links and devices": (_tar, REFUSED),
    "gzip": (lambda: gzip.compress(_GOOD * 1_000), REFUSED),
    "gzip of 40 MiB": (lambda: gzip.compress(bytes(40 * MIB)), REFUSED),
    "bzip2": (lambda: bz2.compress(_GOOD * 1_000), REFUSED),
    "xz": (lambda: lzma.compress(_GOOD * 1_000), REFUSED),
    "zstandard": (lambda: b"\x28\xb5\x2f\xfd" + bytes(range(256)), REFUSED),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(range(256)), REFUSED),
    "a program": (lambda: Path("/bin/sh").read_bytes()[:60_000], REFUSED),
    "a database": (_sqlite, REFUSED),
    "a pickle": (lambda: pickle.dumps({"a": 1}, protocol=0), EITHER),
    "a numpy array": (lambda: b"\x93NUMPY\x01\x00" + bytes(120), REFUSED),
    "an Arrow stream": (lambda: b"ARROW1\x00\x00" + bytes(120), REFUSED),
}

TEXTS: dict[str, tuple[Maker, set[str]]] = {
    "white space": (lambda: b" \n\t\n", REFUSED),
    "a byte order mark alone": (lambda: b"\xef\xbb\xbf", REFUSED),
    "a header alone": (lambda: b"a,b\n", REFUSED),
    "a header and blank lines": (lambda: b"a,b\n" + b"\n" * 100_000, REFUSED),
    "ten million line ends": (lambda: b"\n" * 10_000_000, REFUSED),
    "a NUL": (lambda: b"a,b\n1,x\0\n", REFUSED),
    "noise": (lambda: random.Random(1).randbytes(MIB), REFUSED),
    "noise without a NUL": (lambda: bytes(b or 1 for b in random.Random(2).randbytes(200_000)), EITHER),
    "UTF-32": (lambda: "a,b\n1,x\n".encode("utf-32"), REFUSED),
    "half a UTF-16 unit": (lambda: "a,b\n1,x\n".encode("utf-16") + b"\x00", REFUSED),
    "a lone surrogate in UTF-16": (lambda: b"\xff\xfe" + "a,b\n1,x\n".encode("utf-16-le") + b"\x00\xd8\n\x00", REFUSED),
    "an overlong NUL": (lambda: b"a,b\n1,x\xc0\x80\n", EITHER),
    "encodings mixed": (lambda: "a,b\n1,é\n".encode() + "2,é\n".encode("latin-1"), READY),
    "a page": (lambda: b"<html><script>alert(1)</script></html>\n<p>1,2</p>\n", EITHER),
    "a drawing with a script": (lambda: b"<svg xmlns='x'><script>alert(1)</script></svg>\n", EITHER),
    "JSON": (lambda: b'[{"a": 1},\n{"a": 2}]\n', EITHER),
    "an entity bomb": (lambda: b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n<x>&b;</x>\n', EITHER),
    "a formula in every cell": (lambda: _rows("a,b", "=cmd|'/C calc'!A0,\"+1+cmd\"", 100), READY),
}

SHAPES: dict[str, tuple[Maker, set[str]]] = {
    "200,000 columns": (lambda: b",".join(b"c%d" % i for i in range(200_000)) + b"\n", REFUSED),
    "2,001 columns": (
        lambda: b",".join(b"c%d" % i for i in range(2_001)) + b"\n" + b",".join([b"1"] * 2_001) + b"\n",
        REFUSED,
    ),
    "2,000 columns": (lambda: b",".join(b"c%d" % i for i in range(2_000)) + b"\n" + (b"1," * 1_999 + b"1\n") * 60, READY),
    "2,000 columns of one name": (lambda: b",".join([b"a"] * 2_000) + b"\n" + (b"1," * 1_999 + b"1\n") * 3, READY),
    "2,000 columns without a name": (lambda: b"," * 1_999 + b"\n" + (b"1," * 1_999 + b"1\n") * 3, EITHER),
    "2,000 long names": (lambda: b",".join(b"n" * 300 for _ in range(2_000)) + b"\n" + (b"1," * 1_999 + b"1\n") * 3, READY),
    "names of controls": (lambda: b"\x01\x02,\x1b[31m,\x7f\n1,2,3\n4,5,6\n", READY),
    "names that are no names": (
        "__proto__,<script>,🌧,\u202eabc,constructor\n1,2,3,4,5\n6,7,8,9,0\n".encode,
        READY,
    ),
    "a line of 20 MB": (lambda: b"x" * 20_000_000, REFUSED),
    "a quoted cell of 20 MB": (lambda: b'a,b\n1,"' + b"y" * 20_000_000 + b'"\n', REFUSED),
    "a cell over the cap": (lambda: b"a,b\n1," + b"y" * 300_000 + b"\n", REFUSED),
    "a cell under the cap": (lambda: b"a,b\n1," + b"y" * 200_000 + b"\n2,z\n", READY),
    "an open quote": (lambda: b'a,b\n1,"' + b"yyyyyyyy\n" * 300_000, REFUSED),
    "a million quotes": (lambda: b"a,b\n" + b'"' * 1_000_000 + b"\n", REFUSED),
    "a million separators": (lambda: b"a,b\n" + b"," * 1_000_000 + b"\n", REFUSED),
    "a million short lines": (lambda: b"a,b\n" + b",\n" * 1_000_000, READY),
    "every row ragged": (lambda: b"a,b\n" + b"1,2,3\n" * 300_000, REFUSED),
    "a first row longer": (lambda: b"a,b\n1,2,3\n4,5\n", REFUSED),
    "lines ended by CR": (lambda: b"a,b\r1,x\r2,y\r", EITHER),
    "line ends mixed": (lambda: b"a,b\r\n1,x\n2,y\r3,z\r\n", EITHER),
}

VALUES: dict[str, tuple[Maker, set[str]]] = {
    "numbers beyond all": (lambda: b"a,b\n1e400,-1e400\ninf,nan\n1,2\n", READY),
    "an integer of 5,000 digits": (lambda: b"a,b\n" + b"9" * 5_000 + b",1\n2,3\n", READY),
    "no value at all": (lambda: b"a,b\n" + b",\n" * 50, READY),
    "one value": (lambda: _rows("a,b", "1,x", 1_000), READY),
    "a text a row": (lambda: b"a,b\n" + b"".join(b"%032x,%d\n" % (i * 7**40, i) for i in range(200_000)), READY),
    "a class a row": (lambda: b"a,y\n" + b"".join(b"%d,k%d\n" % (i % 9, i) for i in range(10_000)), READY),
    "dates out of the calendar": (lambda: b"d,x\n99999-01-01,1\n0000-00-00,2\n9999-12-31,3\n", READY),
    "digits and spaces without end": (
        lambda: b"a,b\n" + b"1 " * 100_000 + b"x,1\n" + b"1" + b" " * 200_000 + b"x,2\n",
        READY,
    ),
    "thousands without end": (lambda: b"a;b\n" + b"1'111" * 40_000 + b"x;1\n" + b"1.111" * 40_000 + b",;2\n", READY),
    "a sign a digit": (lambda: b"a;b\n" + b"-1+" * 60_000 + b";1\n" + b"1e" * 60_000 + b";2\n", READY),
    "kinds in turn": (lambda: b"a,b\n" + b"1,2026-01-01\nx,true\n2.5,\n" * 30_000, READY),
}

PARQUET: dict[str, tuple[Maker, set[str]]] = {
    "the mark alone": (lambda: b"PAR1", REFUSED),
    "a footer longer than the file": (lambda: b"PAR1" + bytes(20) + struct.pack("<I", 2**31 - 1) + b"PAR1", REFUSED),
    "a footer of noise": (lambda: b"PAR1" + random.Random(3).randbytes(500) + struct.pack("<I", 400) + b"PAR1", REFUSED),
    "an encrypted footer": (lambda: b"PAR1" + bytes(60) + struct.pack("<I", 50) + b"PARE", REFUSED),
    **{f"changed bytes, {seed}": (lambda seed=seed: _flipped(seed), EITHER) for seed in range(8)},
    "half of it": (lambda: _parquet({"x": list(range(10_000))})[:9_000], REFUSED),
    "no rows": (lambda: _parquet({"x": pa.array([], pa.int64())}), REFUSED),
    "no columns": (lambda: _parquet({}), REFUSED),
    "2,001 Parquet columns": (lambda: _parquet({f"c{i}": [1] for i in range(2_001)}), REFUSED),
    "nested values": (lambda: _parquet({"x": [[1, 2], [3]], "y": [{"a": 1}, {"a": 2}]}), REFUSED),
    "30 million rows in a few bytes": (lambda: _parquet({"x": np.zeros(30_000_000, dtype=np.int8)}), REFUSED),
    "3 million rows in a few bytes": (lambda: _parquet({"x": np.zeros(3_000_000, dtype=np.int8)}), READY),
    "a text of 1 MB said 50,000 times": (lambda: _repeated_text(1_000_000, 50_000), REFUSED),
    "a text of 60 KB said 50,000 times": (lambda: _repeated_text(60_000, 50_000), EITHER),
    "a megabyte of notes": (lambda: _parquet(pa.table({"x": [1, 2]}).replace_schema_metadata({"k": "v" * MIB})), READY),
}

FILES = {**ARCHIVES, **TEXTS, **SHAPES, **VALUES, **PARQUET}
