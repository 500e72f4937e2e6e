"""Samples are kept with consent alone, outside the database, without what a device wrote into them, for members who may."""

import struct
import zlib
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from apps.core.instance import private_folder
from apps.feedback import sampling
from apps.feedback.media import Unreadable, media_of
from apps.feedback.models import FeedbackSample
from apps.feedback.selectors import sample_file
from apps.predictions.erasing import take_out
from apps.predictions.selectors import entries_of
from apps.workspaces.models import AuditEntry
from apps.workspaces.subjects import SHAPE

WHERE = b"taken at 48.8566 N"
PIXEL = zlib.compress(b"\0\xff\0\0")


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*extra):
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + png_chunk(b"IDAT", PIXEL) + png_chunk(b"IEND", b"")


def jpeg():
    segment = lambda marker, data: b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data  # noqa: E731
    return (
        b"\xff\xd8" + segment(0xE0, b"JFIF\0") + segment(0xE1, b"Exif\0\0" + WHERE) + segment(0xFE, WHERE)
        + segment(0xDB, b"\0" * 65) + segment(0xDA, b"\0" * 10) + b"picture" + b"\xff\xd9" + b"<script>"
    )  # fmt: skip


def riff(kind, *parts):
    body = kind + b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


GOOD = {
    "image/png": png(png_chunk(b"tEXt", WHERE), png_chunk(b"eXIf", WHERE)) + b"<script>",
    "image/jpeg": jpeg(),
    "image/webp": riff(
        b"WEBP", (b"VP8X", bytes([0x0C]) + b"\0" * 9), (b"VP8 ", b"picture"), (b"EXIF", WHERE), (b"XMP ", WHERE)
    ),
    "audio/wav": riff(b"WAVE", (b"fmt ", b"\0" * 16), (b"LIST", WHERE), (b"data", b"sound")),
}


@pytest.fixture(autouse=True)
def private(settings, tmp_path):
    settings.DATASETS_DIR = str(tmp_path / "datasets")


def keep(api, user, model, file=None, **said):
    body = {"consent": "true", **said, **({} if file is None else {"file": SimpleUploadedFile("holiday.png", file)})}
    return api(user).post(f"/api/v1/models/{model.pk}/feedback/samples/", body, format="multipart")


@pytest.mark.parametrize("media_type", GOOD)
def test_an_image_or_a_sound_is_kept_without_what_is_hidden_in_it(media_type, cast, api, answered):
    model, answers = answered

    made = keep(api, cast.annotator, model, GOOD[media_type], prediction=next(iter(answers)), subject="ann@example.org")

    assert made.status_code == 201, made.json()
    sample = FeedbackSample.objects.get()
    content = sample_file(sample).read_bytes()
    assert (made.json()["media_type"], sample.size_bytes) == (media_type, len(content))
    assert WHERE not in content
    assert b"<script>" not in content
    assert media_of(content).content == content  # it can be read again, and there is nothing left to take away
    assert SHAPE.fullmatch(sample.subject)
    assert (sample.expires_at - sample.consented_at).days == 180
    assert oct(sample_file(sample).stat().st_mode)[-3:] == "600"


def test_an_image_that_a_library_wrote_is_still_one(cast):
    image = pytest.importorskip("PIL.Image")
    for form in ("PNG", "JPEG", "WEBP"):
        out = BytesIO()
        exif = image.Exif()
        exif[0x010E] = WHERE.decode()
        image.new("RGB", (40, 30), (200, 30, 30)).save(out, form, exif=exif)
        assert WHERE in out.getvalue()
        cut = media_of(out.getvalue()).content
        assert WHERE not in cut
        seen = image.open(BytesIO(cut))
        seen.load()
        assert (seen.format, seen.size) == (form, (40, 30))


def test_without_a_file_the_row_is_kept(cast, api, answered):
    model, answers = answered

    made = keep(api, cast.annotator, model, prediction=list(answers)[3])

    assert (made.status_code, made.json()["media_type"]) == (201, "application/json")
    assert sample_file(FeedbackSample.objects.get()).read_bytes().startswith(b"{")


@pytest.mark.parametrize("consent", ["false", "", "perhaps", None])
def test_without_consent_nothing_is_kept(consent, cast, api, answered):
    model, answers = answered
    said = {"prediction": next(iter(answers)), "consent": consent}
    body = {name: value for name, value in said.items() if value is not None}

    refused = api(cast.annotator).post(f"/api/v1/models/{model.pk}/feedback/samples/", body, format="multipart")

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/consent")
    assert (FeedbackSample.objects.count(), list(private_folder("samples").iterdir())) == (0, [])


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"GIF89a",
        b"%PDF-1.7",
        b"<svg/>",
        GOOD["image/png"][:40],
        GOOD["image/jpeg"][:20],
        b"RIFF\xff\xff\xff\x7fWAVEfmt ",
    ],
)
def test_other_files_are_refused(file, cast, api, answered):
    model, answers = answered

    refused = keep(api, cast.annotator, model, file, prediction=next(iter(answers)))

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown_media")
    with pytest.raises(Unreadable):
        media_of(file)


def test_unknown_predictions_and_large_files_are_refused(cast, api, answered, settings):
    model, answers = answered
    settings.SAMPLE_MAX_BYTES = 50

    unknown = keep(api, cast.annotator, model, prediction="0" * 32 + "-0")
    large = keep(api, cast.annotator, model, GOOD["image/png"], prediction=next(iter(answers)))

    assert (unknown.status_code, large.status_code) == (404, 413)
    assert not FeedbackSample.objects.exists()


def test_one_user_cannot_flood(cast, api, answered, monkeypatch):
    model, answers = answered
    monkeypatch.setattr(sampling, "MOST_A_DAY", 2)

    codes = [keep(api, cast.annotator, model, prediction=one).status_code for one in list(answers)[:3]]
    other = keep(api, cast.trainer, model, prediction=next(iter(answers)))

    assert codes == [201, 201, 429]
    assert other.status_code == 201


def test_it_is_handed_out_as_an_attachment_and_can_be_withdrawn(cast, api, answered, django_capture_on_commit_callbacks):
    model, answers = answered
    made = keep(api, cast.annotator, model, GOOD["image/png"], prediction=next(iter(answers))).json()
    address = f"/api/v1/models/{model.pk}/feedback/samples/{made['id']}/"

    answer = api(cast.annotator).get(f"{address}download/")
    refused = api(cast.viewer).get(f"{address}download/")
    content = b"".join(answer.streaming_content)
    path = sample_file(FeedbackSample.objects.get())
    with django_capture_on_commit_callbacks(execute=True):
        gone = api(cast.annotator).delete(address)

    assert answer["Content-Disposition"].startswith("attachment")
    assert (answer["X-Content-Type-Options"], answer["Content-Type"]) == ("nosniff", "image/png")
    assert content.startswith(b"\x89PNG")
    assert (refused.status_code, gone.status_code) == (403, 204)
    assert (path.exists(), FeedbackSample.objects.count()) == (False, 0)
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))[-2:] == ["sample.keep", "sample.withdraw"]


def test_no_table_holds_what_an_image_shows(cast, api, answered):
    from tests.privacy.conftest import _tables

    model, answers = answered
    keep(api, cast.annotator, model, GOOD["image/png"], prediction=next(iter(answers)))

    assert not [name for name, text in _tables() if b"IHDR" in text]


def test_the_row_of_a_prediction_that_is_erased_meanwhile_is_not_kept(cast, api, answered, monkeypatch):
    model, answers = answered
    first = next(iter(answers))
    entry = entries_of(model.pk, [first])[first]
    read = sampling._of_row

    def erased_meanwhile(entry_id, place):
        found = read(entry_id, place)
        with transaction.atomic():
            take_out(entry.pk, [place])
        return found

    monkeypatch.setattr(sampling, "_of_row", erased_meanwhile)

    assert keep(api, cast.annotator, model, prediction=first).status_code == 404
    assert not FeedbackSample.objects.exists()
