"""What a sender may put on the disk: measured at a real server, on the open files of its process."""

import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.datasets.models import DatasetVersion
from apps.workspaces.access import Actor
from apps.workspaces.actions import issue_key
from mlplatform.bodies import UPLOADS
from tests.cast import Cast, make_cast
from tests.journeys.running import wait_for
from tests.serving import served

MIB = 1024**2
DATASETS = "/api/v1/datasets/"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc"),
]


@pytest.fixture
def store(settings: Any, tmp_path: Path) -> Path:
    settings.DATASETS_DIR = str(tmp_path / "datasets")
    settings.UPLOAD_WAIT_SECONDS = 0.0
    settings.UPLOAD_MAX_BYTES = 4 * MIB
    settings.JSON_MAX_BYTES = 3 * MIB
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = MIB // 4
    return tmp_path / "datasets"


@pytest.fixture
def people(store: Path) -> Cast:
    return make_cast()


@pytest.fixture
def server(people: Cast) -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture
def key(people: Cast) -> dict[str, str]:
    _row, clear = issue_key(
        user=people.trainer, workspace=people.acme, name="test", scope="write", actor=Actor(user_id=people.trainer.pk)
    )
    return {"Authorization": f"Bearer {clear}"}


class Sender:
    """A body of unknown length, which looks at each step at how much the server's process holds on disk."""

    def __init__(self, store: Path, size: int, head: bytes = b"") -> None:
        self.store, self.size, self.head = store, size, head
        self.most_on_disk = self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        yield self.head
        while self.sent < self.size:
            yield b"x" * (MIB // 8)
            self.sent += MIB // 8
            self.most_on_disk = max(self.most_on_disk, on_disk(self.store))


def on_disk(store: Path) -> int:
    """Count what open files, also nameless ones, and the folder itself hold."""
    total = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    for handle in Path("/proc/self/fd").iterdir():
        try:
            target = str(handle.readlink())
            if "(deleted)" in target or target.startswith(str(store)):
                total += handle.stat().st_size
        except FileNotFoundError:
            continue  # closed meanwhile
    return total


def multipart(workspace: Any) -> tuple[bytes, dict[str, str]]:
    head = (
        f'--b\r\nContent-Disposition: form-data; name="workspace"\r\n\r\n{workspace.pk}\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n'
    )
    return head.encode(), {"Content-Type": "multipart/form-data; boundary=b"}


def test_an_endless_upload_ends_at_the_cap_and_leaves_nothing(server, people, key, store):
    head, kind = multipart(people.acme)
    before = on_disk(store)
    sender = Sender(store, 64 * MIB, head)

    answer = httpx.post(f"{server}{DATASETS}", content=iter(sender), headers={**key, **kind}, timeout=60)

    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert "4 MiB" in answer.json()["detail"]
    assert sender.most_on_disk - before < 6 * MIB
    assert list(store.rglob("*.*")) == []
    assert not DatasetVersion.objects.exists()


@pytest.mark.parametrize(("path", "size"), [(DATASETS, 9 * MIB), ("/api/v1/models/", 4 * MIB), ("/nowhere/", 4 * MIB)])
def test_what_announces_too_much_is_refused_unread(server, key, path, size):
    """The answer comes although not one byte of the body was sent."""
    answer = answered_unread(server, path, {**key, "Content-Length": str(size)})

    assert b" 413 " in answer.partition(b"\r\n")[0]
    assert b"application/problem+json" in answer
    assert b"connection: close" in answer.lower()


def answered_unread(server: str, path: str, headers: dict[str, str]) -> bytes:
    """Send the head of a request only."""
    host, port = server.removeprefix("http://").split(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers}.items())
    with socket.create_connection((host, int(port)), timeout=20) as door:
        door.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
        answer = b""
        while b"}" not in answer:
            answer += door.recv(65_536)
    return answer


@pytest.mark.parametrize("address", [DATASETS, "/datasets/upload/", "/sign-in/", "/nowhere/"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer mlp_made_up"}, {"Cookie": "sessionid=made-up"}, {"Cookie": 'sessionid="; ]=[; a b=,;'}],
    ids=["nothing", "a made-up key", "a made-up session", "an unreadable cookie"],
)
def test_whom_nobody_knows_sends_a_form_and_no_more(server, store, address, headers):
    sender = Sender(store, 16 * MIB)
    before = on_disk(store)

    answer = httpx.post(f"{server}{address}", content=iter(sender), headers=headers, timeout=60)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert sender.most_on_disk - before < MIB


def test_json_sent_in_chunks_is_read(server, people, key):
    body = b'{"workspace": "%s", "name": "Chunked", "algorithm": "random_forest"' % str(people.acme.pk).encode()
    rest = b', "task": "classification", "target": "x"}'

    answer = httpx.post(
        f"{server}/api/v1/models/", content=iter([body, rest]), headers={**key, "Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["name"]) == (201, "Chunked")


def test_a_small_form_of_a_stranger_is_read(server):
    answer = httpx.post(f"{server}/api/v1/auth/token/", json={"username": "x" * 20, "password": "y" * 30_000})

    assert answer.status_code in {401, 422}


def test_a_signed_in_browser_uploads_without_announcing_a_length(server, people, store):
    browser = Client()
    browser.force_login(people.trainer)
    head, kind = multipart(people.acme)
    token = '--b\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n' + "a" * 32 + "\r\n"
    cookies = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}; csrftoken={'a' * 32}"}
    rows = (b"1,2\n" * 100_000, b"\r\n--b--\r\n")

    answer = httpx.post(
        f"{server}/datasets/upload/",
        content=iter([token.encode(), head, b"a,b\n", *rows]),
        headers={**kind, **cookies},
        timeout=60,
    )

    assert answer.status_code == 302, answer.text
    assert DatasetVersion.objects.get().upload_bytes == 400_004
    # The server closes its temporary file once the answer is out.
    wait_for(lambda: list((store / "incoming").iterdir()) == [], seconds=10, what="an empty folder")


@pytest.fixture
def too_many_rows(settings) -> Iterator[bytes]:
    """Let no file of this process grow far beyond the database's; give rows that would: their write is refused, as on a full disk."""
    name = str(connection.settings_dict["NAME"])
    held = max((path.stat().st_size for path in Path(name).parent.glob(f"{Path(name).name}*")), default=0)
    settings.UPLOAD_MAX_BYTES = 10**9
    room, before = held + 2 * MIB, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    yield b"1,2\n" * (room // 4 + MIB // 4)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("length", ["announced", "unknown"])
def test_a_disk_that_fills_up_is_said_in_words_and_nothing_stays(server, people, key, store, length, too_many_rows):
    head, kind = multipart(people.acme)
    body = head + b"a,b\n" + too_many_rows + b"\r\n--b--\r\n"
    content = body if length == "announced" else iter([body[i : i + MIB] for i in range(0, len(body), MIB)])

    answer = httpx.post(f"{server}{DATASETS}", content=content, headers={**key, **kind}, timeout=60)

    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert [path for path in store.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("address", [DATASETS, "/datasets/upload/"])
def test_a_disk_that_fills_up_behind_wsgi_is_said_in_words_too(people, store, address, too_many_rows):
    browser = Client()
    browser.force_login(people.trainer)
    file = SimpleUploadedFile("a.csv", b"a,b\n" + too_many_rows)

    answer = browser.post(address, {"workspace": str(people.acme.pk), "file": file})

    assert answer.status_code == 507
    assert "disk is full" in answer.content.decode()
    assert [path for path in store.rglob("*") if path.is_file()] == []


def test_a_file_larger_than_the_room_on_the_disk_is_refused_before_it_fills_it(server, people, key, settings):
    settings.UPLOAD_MAX_BYTES = 10**18

    answer = answered_unread(server, DATASETS, {**key, "Content-Length": str(10**16)})

    assert b" 507 " in answer.partition(b"\r\n")[0]


def test_every_address_that_takes_files_is_known_as_one():
    one = "00000000-0000-0000-0000-000000000000"
    takers = [reverse("dataset-list"), reverse("dataset-versions", args=[one]), reverse("dashboard:upload")]

    assert all(UPLOADS.fullmatch(address) for address in takers)
    assert not UPLOADS.fullmatch(reverse("model-predict", args=[one]))
