"""How the platform is, and what to do: queues, workers, schedule, disks, broker."""

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy

from apps.core.permissions import Act
from apps.core.system import look
from apps.dashboard.api.system import may_see_the_system
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.words import translated

PARTS = {
    "database": gettext_lazy("Database"),
    "broker": gettext_lazy("Broker"),
    "storage": gettext_lazy("Storage"),
    "workers": gettext_lazy("Workers"),
    "schedule": gettext_lazy("Schedule"),
}
_STORES = {
    "models": gettext_lazy("Models"),
    "datasets": gettext_lazy("Data sets"),
    "database": gettext_lazy("Database"),
}
_PRODUCTS = {"python": "Python", "django": "Django", "celery": "Celery", "postgresql": "PostgreSQL", "sqlite": "SQLite"}


@page
def system(visit: Visit) -> HttpResponseBase:
    """Show how the platform is; nothing of any workspace."""
    if not may_see_the_system(visit.access):
        refusal = visit.access.refusal(Act.ADMINISTER, list(visit.access.roles.values()))
        raise PermissionDenied(refusal.detail)
    now = look()
    return visit.render(
        "system.html",
        now=now,
        parts=[(PARTS.get(one.part, one.part), one) for one in now.findings],
        disks=[(_STORES[one.of], one) for one in now.disks],
        schedule=[(*_name(task.name), task) for task in now.schedule],
        versions=[(_PRODUCTS.get(name, name), version) for name, version in now.versions.items()],
    )


def _name(task: str) -> tuple[str, str]:
    """Return whose a periodic task is, and what it does in the reader's language."""
    app, _colon, words = task.rpartition(": ")
    return app, translated(words).capitalize()
