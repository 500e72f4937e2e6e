"""Log lines: one a record, with ids, without control characters and secrets; files that several processes turn over."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from apps.core import logs
from apps.core.logs import JsonFormatter, PlainFormatter, SharedFileHandler, about, add_ids, ids, request_id, without_secrets
from mlplatform.celery import _note_when_it_was_sent, _say_no_more, _say_which_task
from mlplatform.settings.logs import logging_settings

ROOT = Path(__file__).resolve().parents[2]
FORGED = "late\r\n2026-01-01 00:00:00,000 ERROR root forged\x1b[31m\u2028again\x85end"


def record(message: str, *args: object, fault: BaseException | None = None) -> logging.LogRecord:
    trace = (type(fault), fault, fault.__traceback__) if fault else None
    return logging.LogRecord("apps.somewhere", logging.WARNING, __file__, 1, message, args, trace)


def failed(text: str) -> ValueError:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (any will do)
        int(f"x{text}")
    return raised.value


@pytest.mark.parametrize("formatter", [PlainFormatter(), JsonFormatter()], ids=["plain", "json"])
def test_no_value_begins_a_line_of_its_own(formatter):
    line = formatter.format(record("The file %s is refused", FORGED))

    assert len(line.splitlines()) == 1
    assert not [character for character in line if ord(character) < 32 or 127 <= ord(character) < 160]
    assert "forged" in line


def test_the_lines_of_a_traceback_are_moved_in():
    first, *others = PlainFormatter().format(record("It failed", fault=failed(FORGED))).split("\n")

    assert first.endswith("It failed")
    assert len(others) > 2
    assert all(line.startswith("    ") for line in others)


def test_json_says_what_a_line_is_about():
    with about(request="abc", campaign=None):
        add_ids(campaign="c-1")
        told = json.loads(JsonFormatter().format(record("Été %d", 3)))

    assert told["time"].endswith("+00:00")
    assert {name: told[name] for name in ("level", "logger", "message", "request_id", "campaign_id")} == {
        "level": "WARNING", "logger": "apps.somewhere", "message": "Été 3", "request_id": "abc", "campaign_id": "c-1",
    }  # fmt: skip
    assert "task_id" not in told
    assert ids() == {}


def test_a_traceback_stands_in_the_same_object():
    told = json.loads(JsonFormatter().format(record("It failed", fault=failed("why"))))

    assert "ValueError: invalid literal" in told["traceback"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET /x Authorization: Bearer abcdefghij0123456789", "abcdefghij0123456789"),
        ("redis://:hunter2secret@127.0.0.1:6379/0 is away", "hunter2secret"),
        ("postgres://app:s3cret@db/ml", "s3cret"),
        ("the key mlp_ab12cd34_0123456789abcdefghij", "0123456789abcdefghij"),
        ("{'password': 'open sesame'}", "open"),
    ],
)
def test_secrets_are_left_out(text, secret):
    assert secret not in without_secrets(text)
    assert "***" in without_secrets(text)


def test_what_the_environment_keeps_secret_is_left_out(monkeypatch):
    monkeypatch.setenv("METRICS_TOKEN", "plain-words-without-a-form")
    monkeypatch.setenv("DATABASE_URL", "postgres://app:dbpassword-of-ours@db/ml")
    logs._known_secrets.cache_clear()
    try:
        assert without_secrets("it said plain-words-without-a-form and dbpassword-of-ours") == "it said *** and ***"
    finally:
        logs._known_secrets.cache_clear()


def test_plain_words_stay():
    text = "basic classification of the token 3 took 12 s; password changed"
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("given", "taken"),
    [("abc-1.2_3:4", True), ("", False), ("a b", False), ("x" * 65, False), ("a\n", False), (None, False)],
)
def test_a_sane_id_of_a_client_is_taken(given, taken):
    assert (request_id(given) == given) is taken
    assert len(request_id(None)) == 32


def test_every_answer_names_its_request(client, db):
    kept = client.get("/healthz", headers={"x-request-id": "mine"})
    made = client.get("/nowhere/", headers={"x-request-id": "not sane"})

    assert kept["X-Request-ID"] == "mine"
    assert len(made["X-Request-ID"]) == 32


class _Request:
    from_request = "r-9"


class _Task:
    name, request = "training.run_campaign", _Request()


def test_a_task_says_its_id_its_row_and_the_request_it_comes_from():
    headers: dict[str, object] = {}
    with about(request="r-9"):
        _note_when_it_was_sent(headers=headers)
    _say_which_task(task_id="t-1", task=_Task(), args=("c-7",))
    said = ids()
    _say_no_more()

    assert headers["from_request"] == "r-9"
    assert isinstance(headers["sent_at"], float)
    assert said == {"task": "t-1", "request": "r-9", "campaign": "c-7"}
    assert ids() == {}


WRITING = """
import logging, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "mlplatform.settings.test"
from apps.core.logs import PlainFormatter, SharedFileHandler
handler = SharedFileHandler(sys.argv[1], most_bytes=20_000, keep=50)
handler.setFormatter(PlainFormatter())
logger = logging.getLogger("x")
logger.addHandler(handler)
for number in range(600):
    logger.warning("line %s-%d %s", sys.argv[2], number, "." * 60)
"""


def test_processes_that_share_a_file_turn_it_over_and_lose_no_line(tmp_path):
    file = tmp_path / "logs" / "all.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITING, str(file), str(n)], cwd=ROOT) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]

    files = [path for path in file.parent.iterdir() if path.suffix != ".lock"]
    lines = [line.split(" line ")[1].split()[0] for path in files for line in path.read_text().splitlines()]
    assert len(files) > 4
    assert sorted(lines) == sorted(f"{writer}-{number}" for writer in range(3) for number in range(600))
    assert all(path.stat().st_size < 22_000 for path in files)


def test_only_so_many_older_files_are_kept(tmp_path):
    handler = SharedFileHandler(str(tmp_path / "all.log"), most_bytes=100, keep=2)
    for number in range(40):
        handler.emit(record("line %d", number))
    handler.close()

    assert {path.name for path in tmp_path.iterdir()} == {"all.log", "all.log.1", "all.log.2", "all.log.lock"}


def test_a_file_that_cannot_be_written_costs_the_line_alone(tmp_path, capsys):
    handler = SharedFileHandler(str(tmp_path / "all.log"), most_bytes=100, keep=2)
    (tmp_path / "all.log").mkdir()

    handler.emit(record("lost"))

    assert "all.log" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "word"), [({"form": "xml"}, "LOG_FORMAT"), ({"level": "LOUD"}, "LOG_LEVEL")])
def test_a_setting_that_is_none_is_refused_in_words(given, word):
    good = {"form": "json", "level": "info", "file": "", "most_bytes": 1, "keep": 1}

    assert logging_settings(**good)["root"]["level"] == "INFO"
    with pytest.raises(Exception, match=word):
        logging_settings(**{**good, **given})
