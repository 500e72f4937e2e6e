"""Uploads that nobody means well with: each is answered at once, read or refused in words, and costs little memory."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.conf import settings
from django.db import connection

from apps.datasets import lifecycle
from apps.datasets.models import DatasetVersion
from apps.workspaces.access import Actor
from apps.workspaces.actions import issue_key
from tests.cast import Cast, make_cast
from tests.factories import make_dataset_version
from tests.hostile.conftest import Forks
from tests.hostile.files import FILES
from tests.hostile.ten_million import table
from tests.journeys.running import ROOT, free_port, wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]
MIB = 1024**2
MOST_GROWN, MOST_SECONDS = 512 * MIB, 10.0
ROWS = 600_000
URL = "/api/v1/datasets/"


class Web:
    """A web server in a process of its own, and somebody who may upload."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, cast: Cast) -> None:
        self.process, self.cast = process, cast
        _row, clear = issue_key(
            user=cast.trainer, workspace=None, name="test", scope="write", actor=Actor(user_id=cast.trainer.pk)
        )
        headers = {"Authorization": f"Bearer {clear}"}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30)

    def upload(self, content: bytes) -> httpx.Response:
        return self.http.post(URL, data={"workspace": str(self.cast.acme.pk)}, files={"file": ("data.csv", content)})

    def peak(self) -> int:
        """Return the most memory the process ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.fixture
def web(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("DATASETS_DIR", str(settings.DATASETS_DIR))
    cast, port = make_cast(), free_port()
    command = [sys.executable, "-m", "tests.hostile.web", str(connection.settings_dict["NAME"]), str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    found = Web(process, port, cast)
    try:
        wait_for(lambda: found.http.get("/healthz").status_code == 200, seconds=60, what="the web server")
        assert found.upload(b"a,b\n1,x\n").status_code == 202  # what is imported at the first one is no upload's memory
        DatasetVersion.objects.all().delete()
        shutil.rmtree(settings.DATASETS_DIR)
        yield found
    finally:
        process.kill()
        process.wait()


def stored(folder: str) -> list[Path]:
    return [path for path in (Path(settings.DATASETS_DIR) / folder).rglob("*") if path.is_file()]


def checked(forks: Forks, version_id: str) -> tuple[DatasetVersion, dict[str, Any]]:
    token = lifecycle.claim(UUID(version_id))
    told = forks.do("check", version=version_id, token=str(token))
    return DatasetVersion.objects.get(pk=version_id), told


def test_every_file_is_answered_at_once_and_read_or_refused_in_words_in_little_memory(web: Web, forks: Forks):
    wrong: dict[str, Any] = {}
    before = web.peak()
    for name, (make, wanted) in FILES.items():
        content = make()
        began = time.monotonic()
        answer = web.upload(content)
        took = time.monotonic() - began
        version, told = checked(forks, answer.json()["version_id"])
        is_told = version.status == "ready" or all(problem["detail"] for problem in version.problems)
        if (
            answer.status_code != 202
            or version.status not in wanted
            or not is_told
            or told["code"] != 0
            or max(took, told["seconds"]) > MOST_SECONDS
            or told["grown"] > MOST_GROWN
            or stored("incoming")
        ):
            wrong[name] = (took, version.status, version.problems[:1], told, stored("incoming"))

    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())
    assert len(FILES) >= 80
    assert web.peak() - before < MOST_GROWN
    assert len(stored("tables")) <= DatasetVersion.objects.filter(status="ready").count()
    assert not list(Path(settings.DATASETS_DIR).parent.rglob("up*.csv"))


def test_an_empty_file_is_refused_at_once(web: Web):
    answer = web.upload(b"")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "empty")
    wait_for(lambda: not stored(""), seconds=10, what="nothing to be left")


def part(name: str, content: bytes, *, file: str | None = None, head: str = "") -> bytes:
    filename = "" if file is None else f'; filename="{file}"'
    disposition = f'Content-Disposition: form-data; name="{name}"{filename}'
    return b"--b\r\n" + f"{disposition}\r\n{head}\r\n".encode() + content + b"\r\n"


GOOD, END = b"a,b\n1,x\n2,y\n", b"--b--\r\n"
FORM = "multipart/form-data; boundary=b"
# by name: the statuses that will do, the content type, and the body beside the workspace
REQUESTS: dict[str, tuple[set[int], str, bytes]] = {
    "10,000 fields": ({400}, FORM, b"".join(part(f"f{i}", b"1") for i in range(10_000))),
    "1,000 files": ({422}, FORM, b"".join(part("file", GOOD, file=f"{i}.csv") for i in range(1_000))),
    "two files of one name": ({422}, FORM, part("file", GOOD, file="1.csv") + part("file", GOOD, file="2.csv")),
    "a field in the file's place": ({422}, FORM, part("file", GOOD)),
    "a file in the workspace's place": (
        {202, 422},
        FORM,
        part("workspace", GOOD, file="w") + part("file", GOOD, file="1.csv"),
    ),
    "a boundary of 100 KB": ({400, 415}, f"multipart/form-data; boundary={'b' * 100_000}", b""),
    "no boundary": ({400}, "multipart/form-data", b""),
    "a boundary of no letters": ({400}, 'multipart/form-data; boundary=""', b""),
    "a part without a name": ({422}, FORM, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n"),
    "a part without a disposition": ({422}, FORM, b"--b\r\nContent-Type: text/csv\r\n\r\na,b\r\n"),
    "a part's head of 1 MB": ({202, 400, 422}, FORM, part("file", GOOD, file="1.csv", head=f"X-Long: {'x' * MIB}\r\n")),
    "a file's name of 10,000 letters": ({202, 400}, FORM, part("file", GOOD, file="n" * 10_000 + ".csv")),
    "a file's name of a folder above": ({202}, FORM, part("file", GOOD, file="../../../../up.csv")),
    "a file's name of a device": ({202}, FORM, part("file", GOOD, file="CON")),
    "a file's name of controls": ({202}, FORM, part("file", GOOD, file="a\x01\u202egpj.csv")),
    "a file's name of nothing": ({202, 422}, FORM, part("file", GOOD, file="")),
    "broken base64": ({400}, FORM, part("file", b"%%%", file="1.csv", head="Content-Transfer-Encoding: base64\r\n")),
    "parts within a part": ({202}, FORM, part("file", part("file", GOOD, file="2.csv"), file="1.csv")),
    "another form": ({415}, "application/x-www-form-urlencoded", b"file=1"),
    "a pickle": ({415}, "application/x-python-pickle", b"\x80\x04."),
    "a page's form of another charset": ({202, 400, 422}, f"{FORM}; charset=utf-16", part("file", GOOD, file="1.csv")),
}


def test_every_request_is_answered_at_once_and_leaves_nothing_when_it_is_refused(web: Web):
    workspace = part("workspace", str(web.cast.acme.pk).encode())
    wrong: dict[str, Any] = {}
    before = web.peak()
    for name, (wanted, kind, body) in REQUESTS.items():
        rows, files = DatasetVersion.objects.count(), len(stored(""))
        began = time.monotonic()
        answer = web.http.post(URL, content=workspace + body + END, headers={"Content-Type": kind})
        took = time.monotonic() - began
        if answer.status_code not in wanted or took > MOST_SECONDS:
            wrong[name] = (answer.status_code, took, answer.text[:200])
        wait_for(lambda: not stored("incoming"), seconds=10, what=f"nothing on its way after {name}")
        if answer.status_code != 202:
            assert (DatasetVersion.objects.count(), len(stored(""))) == (rows, files), name

    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())
    assert web.peak() - before < MOST_GROWN
    assert all(version.original_name.isprintable() for version in DatasetVersion.objects.all())


@pytest.mark.parametrize("how", ["the sender goes away", "less comes than was announced, and no more"])
def test_an_upload_that_is_cut_leaves_nothing(web: Web, how: str):
    body = part("workspace", str(web.cast.acme.pk).encode()) + part("file", b"a,b\n" + b"1,2\n" * 200_000, file="1.csv")
    address = (web.http.base_url.host, web.http.base_url.port)
    head = (
        f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {web.http.headers['Authorization']}\r\n"
        f"Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(address, timeout=20) as door:
        door.sendall(head.encode() + body[: len(body) // 2])
        if how != "the sender goes away":
            door.shutdown(socket.SHUT_WR)
            door.recv(MIB)

    wait_for(lambda: not stored(""), seconds=20, what="nothing to be left")
    assert web.http.get("/healthz").status_code == 200
    assert not DatasetVersion.objects.exists()


def test_a_long_table_is_checked_in_bounded_memory(store: Path, forks: Forks):
    cast = make_cast()
    place = Path(settings.DATASETS_DIR) / "uploads" / "long"
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        file.writelines(table(ROWS))
    waiting = {"status": "checking", "rows": None, "content_hash": "", "table_path": "", "columns": []}
    version = make_dataset_version(cast.acme, upload_path="uploads/long", **waiting)

    version, told = checked(forks, str(version.pk))

    assert (version.status, version.rows) == ("ready", ROWS)
    assert told["grown"] < MOST_GROWN
