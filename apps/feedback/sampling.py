"""Verbs on samples: keep what somebody agreed to, and let it go again."""

import hashlib
import uuid
from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction

from apps.core import clock
from apps.core.artifacts import write_atomically
from apps.core.errors import InvalidInput, NotFound, Problem, Throttled, TooLarge
from apps.core.instance import private_folder
from apps.feedback.media import Media, Unreadable, media_of
from apps.feedback.models import FeedbackSample
from apps.feedback.selectors import ROW_MEDIA_TYPE, sample_file
from apps.predictions.erasing import hold_predictions
from apps.predictions.models import PredictionLog
from apps.predictions.recorder import recorder
from apps.predictions.selectors import entries_of, place_of
from apps.registry.models import RegisteredModel
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.subjects import checked_subject, pseudonym

MOST_A_DAY = 500  # samples of one user in a workspace: nobody fills the disk
_DAY = timedelta(days=1)


def keep_sample(
    *, model: RegisteredModel, prediction: str, upload: Any, consent: bool, subject: str, actor: Actor
) -> FeedbackSample:
    """Keep a file (or, without one, the row) of a prediction, for those who agreed to it alone."""
    if consent is not True:
        text = "A sample is kept only where whoever it is of has agreed: send consent: true once they have."
        raise InvalidInput(text, [Problem("/consent", "no_consent", text)])
    whose = pseudonym(model.workspace_id, checked_subject(subject)) if subject else ""
    entry = entries_of(model.pk, [prediction], patient=True).get(prediction)
    if entry is None:
        raise NotFound(f"The model has made no prediction {prediction[:80]!r}. Give an id that predict/ has answered.")
    _check_count(model, actor)
    media = _of_row(entry.pk, place_of(prediction)) if upload is None else _of_file(upload)
    now, pk = clock.now(), uuid.uuid4()
    sample = FeedbackSample(
        id=pk,
        model=model,
        version_id=entry.version_id,
        entry_id=entry.pk,
        place=place_of(prediction),
        subject=whose,
        path=f"{pk}.{media.suffix}",
        media_type=media.media_type,
        size_bytes=len(media.content),
        sha256=hashlib.sha256(media.content).hexdigest(),
        consented_at=now,
        expires_at=now + timedelta(days=settings.RETENTION_SAMPLE_DAYS),
        user_id=actor.user_id,
    )
    write_atomically(private_folder("samples") / sample.path, media.content, mode=0o600)
    with transaction.atomic():  # a file whose row does not come is swept after a day
        hold_predictions([(entry.pk, sample.place)])
        sample.save(force_insert=True)
        details = {"prediction": prediction, "media_type": media.media_type, "bytes": sample.size_bytes}
        record_audit(actor=actor, workspace_id=model.workspace_id, verb="sample.keep", target=sample, details=details)
    return sample


def withdraw_sample(*, sample: FeedbackSample, actor: Actor) -> None:
    """Remove a sample: who agreed does so no longer."""
    workspace_id = sample.model.workspace_id
    with transaction.atomic():
        record_audit(actor=actor, workspace_id=workspace_id, verb="sample.withdraw", target=sample)
        FeedbackSample.objects.filter(pk=sample.pk).delete()
        path = sample_file(sample)
        transaction.on_commit(lambda: path.unlink(missing_ok=True))  # what a death leaves is swept after a day


def _check_count(model: RegisteredModel, actor: Actor) -> None:
    recent = FeedbackSample.objects.filter(model__workspace=model.workspace_id)
    recent = recent.filter(user__isnull=True) if actor.user_id is None else recent.filter(user_id=actor.user_id)
    if recent.filter(consented_at__gte=clock.now() - _DAY).count() >= MOST_A_DAY:
        raise Throttled(f"{MOST_A_DAY} samples of a day are kept of one user. Go on tomorrow.", retry_after=3_600)


def _of_row(entry_id: uuid.UUID, place: int) -> Media:
    """Return the row of a prediction; it may not be written to the log yet."""
    waiting = recorder.find(entry_id)
    rows = PredictionLog.objects.values_list("rows", flat=True).get(pk=entry_id) if waiting is None else waiting.rows
    return Media(ROW_MEDIA_TYPE, "json", orjson.dumps(rows[place]))


def _of_file(upload: Any) -> Media:
    if upload.size > settings.SAMPLE_MAX_BYTES:
        raise TooLarge(f"The file is larger than the {settings.SAMPLE_MAX_BYTES / 1024**2:.0f} MiB that a sample may have.")
    try:
        return media_of(upload.read())
    except Unreadable as error:
        text = "The file is no JPEG, PNG or WebP image and no WAV sound, or it is broken off."
        raise InvalidInput(text, [Problem("/file", "unknown_media", text)]) from error
