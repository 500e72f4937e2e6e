"""A subject's export holds what was said, and what was said before."""

import json
from zipfile import ZipFile

from apps.core.instance import private_folder
from apps.feedback.actions import Verdict, give_feedback
from apps.feedback.models import Feedback, SupersededLabel
from apps.privacy.models import SubjectRequest
from apps.workspaces.access import SYSTEM
from apps.workspaces.subjects import pseudonym
from tests.privacy.conftest import PERSON, work
from tests.privacy.test_erasure import post


def test_an_export_holds_what_its_subject_said_before(traces, cast, api):
    for given in ({"label": "no"}, {"label": "yes"}, {"correct": False}):
        verdict = Verdict(prediction=traces.answered[0], subject=PERSON, **given)
        give_feedback(model=traces.model, verdict=verdict, source="api", actor=SYSTEM)
    other = Verdict(prediction=traces.answered[1], subject="person-of-no-matter", label="no")
    give_feedback(model=traces.model, verdict=other, source="api", actor=SYSTEM)
    asked = post(api, cast.owner, traces.workspace, "export", subject=PERSON)

    done = work(SubjectRequest.objects.get(pk=asked.json()["id"]))

    assert done.status == "completed"
    with ZipFile(private_folder("exports") / done.file_path) as archive:
        (said,) = json.loads(archive.read("feedback.json"))
    kept = Feedback.objects.get(subject=pseudonym(traces.workspace.pk, PERSON))
    assert (said["said_by_the_subject"], said["correct"], said["label"]) == (True, False, None)
    assert [one["label"] for one in said["said_before"]] == ["no", "yes"]
    times = list(SupersededLabel.objects.filter(feedback=kept).values_list("given_at", "known_at"))
    assert [(one["given_at"], one["known_at"]) for one in said["said_before"]] == [
        (given.isoformat(), known.isoformat()) for given, known in times
    ]
