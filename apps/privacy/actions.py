"""Verbs on privacy: count, hand out or erase what there is of a subject; say how long things are kept."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.core import clock
from apps.core.broker import tell
from apps.core.constraints import words_of_unique_violation
from apps.core.errors import Conflict, InvalidInput, Problem, Throttled
from apps.privacy.models import RetentionPolicy, SubjectRequest
from apps.privacy.selectors import is_counted, is_of_another, longest_days, open_request
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace
from apps.workspaces.subjects import checked_subject, pseudonyms

MOST_OPEN = 100  # requests of a workspace that wait
_Kind = SubjectRequest.Kind


def request_count(*, workspace: Workspace, subject: Any, actor: Actor) -> SubjectRequest:
    """Have a worker count what an erasure of a subject would reach; nothing is changed."""
    return _asked(workspace, _Kind.COUNT, pseudonyms(workspace.pk, checked_subject(subject)), actor)


def request_export(*, workspace: Workspace, subject: Any, actor: Actor) -> SubjectRequest:
    """Have a worker put together all that is known of a subject."""
    return _asked(workspace, _Kind.EXPORT, pseudonyms(workspace.pk, checked_subject(subject)), actor)


def request_erasure(*, workspace: Workspace, subject: Any, counted: UUID | None, actor: Actor) -> SubjectRequest:
    """Have a worker erase a subject, once a count of the same subject has shown what that would reach (`counted`)."""
    names = pseudonyms(workspace.pk, checked_subject(subject))
    if (found := open_request(workspace.pk, _Kind.ERASE, names[0])) is not None:
        return found
    if counted is not None and is_of_another(counted, workspace.pk, names):
        text = "This is not the id that was counted: write it as it was written then."
        raise Conflict(text, [Problem("/subject", "not_counted", text)])
    if counted is None or not is_counted(counted, workspace.pk, names, now=clock.now()):
        text = (
            "Erasing cannot be undone: look first at what it would reach. POST the same subject with dry_run: true, wait"
            " until that request is completed, and name its id here as counted, within 24 hours."
        )
        raise Conflict(text, [Problem("/counted", "not_counted", text)])
    return _asked(workspace, _Kind.ERASE, names, actor)


def _asked(workspace: Workspace, kind: str, names: list[str], actor: Actor) -> SubjectRequest:
    """File a request, or return that which is under way."""
    try:
        with transaction.atomic():
            if (found := open_request(workspace.pk, kind, names[0])) is not None:
                return found
            if SubjectRequest.objects.filter(workspace=workspace, status=SubjectRequest.Status.PENDING).count() >= MOST_OPEN:
                raise Throttled(
                    f"{MOST_OPEN} requests of this workspace wait already. Wait for some to end.", retry_after=60
                )
            made: SubjectRequest = SubjectRequest.objects.create(
                workspace=workspace, kind=kind, subject=names[0], pseudonyms=names, created_by_id=actor.user_id
            )
            details = {"subject": names[0]}
            record_audit(actor=actor, workspace_id=workspace.pk, verb=f"subject.{kind}", target=made, details=details)
            transaction.on_commit(lambda: send_request(made.pk))
            return made
    except IntegrityError as error:
        if (
            words_of_unique_violation(error) is not None
            and (found := open_request(workspace.pk, kind, names[0])) is not None
        ):
            return found  # another request was quicker
        raise


def send_request(request_id: UUID) -> None:
    """Tell the broker that a request waits; when it is down, the dispatcher tells it later."""
    from apps.privacy.tasks import run_request

    tell(run_request, request_id)


@transaction.atomic
def set_retention(*, workspace: Workspace, days: dict[str, int | None], actor: Actor) -> RetentionPolicy:
    """Say for how many days a workspace keeps things (None: as long as the installation allows); never longer than that."""
    longest = longest_days()
    limits = {"prediction_days": longest.predictions, "feedback_days": longest.feedback, "sample_days": longest.samples}
    problems = [
        Problem(f"/{name}", "too_long", f"This installation keeps it for at most {limits[name]} days.")
        for name, value in days.items()
        if value is not None and value > limits[name]
    ]
    if problems:
        raise InvalidInput(problems[0].detail, problems)
    policy, _ = RetentionPolicy.objects.update_or_create(workspace=workspace, defaults=days)
    record_audit(actor=actor, workspace_id=workspace.pk, verb="retention.set", target=policy, details=days)
    return policy
