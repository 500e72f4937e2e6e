"""Late labels by file: read by a worker, taken whole or refused by row, joined by the time they became known."""

from datetime import timedelta
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.core import clock
from apps.core.instance import private_folder
from apps.feedback import engine
from apps.feedback.lifecycle import label_files
from apps.feedback.models import Feedback, LabelFile, SupersededLabel
from apps.feedback.selectors import realised
from apps.predictions.models import PredictionLog
from apps.workspaces.models import AuditEntry

OTHER = {"low": "middle", "middle": "high", "high": "low"}


@pytest.fixture(autouse=True)
def private(settings, tmp_path):
    settings.DATASETS_DIR = str(tmp_path / "datasets")


def send(api, user, model, content, name="labels.csv", **more):
    file = SimpleUploadedFile(name, content)
    return api(user).post(f"/api/v1/models/{model.pk}/feedback/file/", {"file": file}, format="multipart", **more)


def read(api, cast, model, content):
    """Send a file and have it read, as a worker does; return what became of it."""
    sent = send(api, cast.annotator, model, content)
    assert sent.status_code == 202, sent.json()
    done(sent.json()["id"])
    return api(cast.viewer).get(sent["Location"]).json()


def done(pk):
    token = label_files.claim(pk)
    assert token is not None
    engine.read(LabelFile.objects.get(pk=pk).pk, token)


def lines(header, rows):
    return "\n".join([header, *rows]).encode()


def test_labels_of_a_csv_are_joined_and_told_with_their_counts(cast, api, answered):
    model, answers = answered
    rows = [f"{prediction};{predicted}" for prediction, predicted in answers.items()]

    told = read(api, cast, model, lines("prediction;label", rows))
    again = read(api, cast, model, lines("prediction;label", rows[:10]))

    assert (told["status"], told["rows"], told["created"], told["replaced"]) == ("completed", 30, 30, 0)
    assert (again["rows"], again["created"], again["replaced"]) == (10, 0, 10)
    assert set(Feedback.objects.values_list("source", "correct")) == {("file", True)}
    assert Feedback.objects.first().user == cast.annotator
    assert list(private_folder("labels").iterdir()) == []
    assert AuditEntry.objects.filter(verb="feedback.many").count() == 2


def test_a_parquet_with_times_and_subjects_is_read(cast, api, answered, monkeypatch):
    model, answers = answered
    today = clock.now()
    monkeypatch.setattr(clock, "now", lambda: today + timedelta(days=3))
    known = today + timedelta(days=1)
    count = len(answers)
    table = pa.table(
        {
            "prediction": list(answers), "label": list(answers.values()), "known_at": pa.array([known] * count, pa.timestamp("us", "UTC")),
            "subject": ["clerk-1"] * count, "correct": [None] * count,
        }
    )  # fmt: skip
    out = BytesIO()
    pq.write_table(table, out)

    told = read(api, cast, model, out.getvalue())

    assert (told["status"], told["created"]) == ("completed", 30), told
    assert {row.known_at for row in Feedback.objects.all()} == {known.replace(microsecond=known.microsecond)}
    assert not Feedback.objects.filter(subject="clerk-1").exists()


def test_a_file_without_subjects_says_that_its_verdicts_are_of_one_giver(cast, api, answered):
    model, answers = answered
    rows = [f"{prediction};{predicted}" for prediction, predicted in answers.items()]
    named = [f"{row};clerk-{place}" for place, row in enumerate(rows)]

    of_one = read(api, cast, model, lines("prediction;label", rows))
    of_many = read(api, cast, model, lines("prediction;label;subject", named))

    assert of_one["givers"] == 1
    assert of_one["note"].startswith("The verdicts are of one giver: how content people are goes by no more than 20 of them")
    assert (of_many["givers"], of_many["note"]) == (30, "")


def test_one_fault_and_nothing_is_taken_each_row_named(cast, api, answered):
    model, answers = answered
    one, two, three, *_ = answers
    rows = [f"{one},low,", f"{'0' * 32}-0,low,", f"{two},,", f"{three},low,soon", f"{one},low,", f"{three},low,2999-01-01"]

    told = read(api, cast, model, lines("prediction,label,known_at", rows))

    assert (told["status"], told["created"]) == ("failed", None)
    assert "Nothing of the file was taken. Row 5" in told["error"]
    assert [(one["row"], one["column"], one["code"]) for one in told["problems"]] == [(5, "known_at", "bad_time")]
    rows[3] = f"{three},low,"
    told = read(api, cast, model, lines("prediction,label,known_at", rows))
    assert [(one["row"], one["column"], one["code"]) for one in told["problems"]] == [
        (3, "prediction", "unknown_prediction"),
        (4, "correct", "required"),
        (6, "prediction", "said_twice"),
        (7, "prediction", "said_twice"),
        (7, "known_at", "bad_time"),
    ]
    assert not Feedback.objects.exists()
    assert list(private_folder("labels").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"id,label\n1,2\n", "missing_column"),
        (b"prediction,label,name\nx,low,Ann\n", "unknown_column"),
        (b"prediction\nx\n", "missing_column"),
        (b"PAR1 nothing", "unreadable"),
        (b"PK\x03\x04 a spreadsheet", None),
        (b"prediction,label\nx,low,more\n", None),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(content, code, cast, api, answered):
    told = read(api, cast, answered[0], content)

    assert told["status"] == "failed"
    assert code is None or told["problems"][0]["code"] == code
    assert told["error"]


def test_too_much_is_refused(cast, api, answered, settings):
    model, answers = answered
    settings.LABELS_MAX_ROWS = 5
    rows = [f"{prediction},{predicted}" for prediction, predicted in answers.items()]

    told = read(api, cast, model, lines("prediction,label", rows))
    settings.LABELS_MAX_BYTES = 20
    large = send(api, cast.annotator, model, lines("prediction,label", rows))
    empty = send(api, cast.annotator, model, b"")

    assert told["problems"][0]["code"] == "too_many_rows"
    assert (large.status_code, empty.status_code) == (413, 422)
    assert list(private_folder("labels").iterdir()) == []


def test_a_reader_that_died_leaves_all_to_the_next(cast, api, answered, monkeypatch):
    model, answers = answered
    rows = [f"{prediction},{predicted}" for prediction, predicted in answers.items()]
    pk = send(api, cast.annotator, model, lines("prediction,label", rows)).json()["id"]

    def die(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as here:
        here.setattr(label_files.__class__, "complete", die)
        with pytest.raises(KeyboardInterrupt):
            done(pk)
    between = Feedback.objects.count()
    LabelFile.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    label_files.take_back_expired()
    done(pk)

    assert (between, Feedback.objects.count(), LabelFile.objects.get().status) == (0, 30, "completed")
    assert label_files.claim(pk) is None


def test_what_became_known_later_counts_whenever_it_arrives_and_the_other_is_history(cast, api, answered, monkeypatch):
    model, answers = answered
    prediction, predicted = next(iter(answers.items()))
    today = clock.now()
    monkeypatch.setattr(clock, "now", lambda: today + timedelta(days=9))
    early, late = ((today + timedelta(days=days)).isoformat() for days in (1, 5))

    read(api, cast, model, lines("prediction,label,known_at", [f"{prediction},{predicted},{late}"]))
    read(api, cast, model, lines("prediction,label,known_at", [f"{prediction},{OTHER[predicted]},{early}"]))
    read(api, cast, model, lines("prediction,label,known_at", [f"{prediction},{OTHER[predicted]},{early}"]))

    kept = Feedback.objects.get()
    assert (kept.label, kept.correct) == (predicted, True)
    assert SupersededLabel.objects.count() == 2  # each word that arrived is kept
    when = lambda days: realised(model, since=today - timedelta(days=1), known_by=today + timedelta(days=days))  # noqa: E731
    assert [one["accuracy"] for days in (2, 6) for one in when(days)] == [0.0, 1.0]


def test_a_correction_keeps_what_was_said_before(cast, api, answered, monkeypatch):
    model, answers = answered
    prediction, predicted = next(iter(answers.items()))
    address = f"/api/v1/models/{model.pk}/feedback/"
    today = clock.now()
    for days, label in ((1, OTHER[predicted]), (2, predicted)):
        at = today + timedelta(days=days)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        api(cast.annotator).post(address, {"prediction": prediction, "label": label}, format="json")

    assert Feedback.objects.get().label == predicted
    assert SupersededLabel.objects.get().label == OTHER[predicted]
    by_then = realised(model, since=today - timedelta(days=1), known_by=today + timedelta(days=1.5))
    assert by_then[0]["accuracy"] == 0.0


def test_a_retry_with_a_key_reads_one_file(cast, api, answered):
    model, answers = answered
    content = lines("prediction,label", [f"{prediction},{predicted}" for prediction, predicted in answers.items()])

    first, again = (send(api, cast.annotator, model, content, headers={"Idempotency-Key": "a"}) for _ in range(2))

    assert first.json()["id"] == again.json()["id"]
    assert (LabelFile.objects.count(), PredictionLog.objects.count()) == (1, 1)
