"""Faults that no test can notice, because the platform does the same with them; by hand, each with its reason."""

_SQLITE = "A row lock: SQLite has one writer at a time. On PostgreSQL tests that do things at the same moment notice it."
_ONE_ROW = "The column is unique: whichever of its two values is asked for, there is one row."
_NUMBERED = "No number is read before `give_number` has set it."
_NOTHING_TO_SEND = "With no room the list of those to be sent is empty, and so is what is done with it."
_NOT_ZERO = "Only the code of a process that failed gets here, never 0."

EQUIVALENT: dict[str, str] = {
    "apps/core/instance.py _own_id: return str(Instance.objects.get_or_create(only=«True -> (False)»)[0].pk)": _ONE_ROW,
    "apps/registry/actions.py promote_checked: if «present -> True» and present.version_id == version.pk:": (
        "A model that has a version to promote has a champion: its first version became it."
    ),
    "apps/registry/files.py PreparedVersion: number: int = «0 -> (-1)»": _NUMBERED,
    "apps/registry/files.py PreparedVersion: number: int = «0 -> (1)»": _NUMBERED,
    "apps/registry/files.py _old_folders: if folder.is_dir() and"
    " «folder.stat().st_mtime < limit -> (folder.stat().st_mtime <= limit)»:": "A day, or a day and no moment.",
    "apps/training/actions.py dispatch_pending: if «room <= 0 -> (room < 0)»:": _NOTHING_TO_SEND,
    "apps/training/actions.py dispatch_pending: if room <= «0 -> (-1)»:": _NOTHING_TO_SEND,
    "apps/training/actions.py reap_leases: for campaign in TrainingCampaign.objects.filter(«status=Status.TRAINING -> **{}»):": (
        "`give_back` looks at the status under the row's lock; the filter saves reading what has ended."
    ),
    "apps/training/actions.py start_campaign: «Workspace.objects.select_for_update().get(pk=model.workspace_id) -> pass»": _SQLITE,
    "apps/training/engine/words.py death_words: if code < «0 -> (1)»:": _NOT_ZERO,
    "apps/training/engine/words.py death_words: if «code < 0 -> (code <= 0)»:": _NOT_ZERO,
}
