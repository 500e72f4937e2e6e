"""`manage.py doctor`: test each part, and say what to do."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.core.health import PROBES, Finding

_NEWEST_TESTED = (3, 12)


class Command(BaseCommand):
    """Test Python, database, broker, storage and workers."""

    help = "Test each part of the platform and say what to do about those that are not well."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line a part; end with 1 when one is not well."""
        findings = [_python(), *(probe() for probe in PROBES)]
        for finding in findings:
            mark = "ok " if finding.is_well else "BAD"
            self.stdout.write(f"{mark}  {finding.part:<9} {finding.detail}")
            if not finding.is_well:
                self.stdout.write(f"     → {finding.advice}")
        sys.exit(0 if all(finding.is_well for finding in findings) else 1)


def _python() -> Finding:
    version = sys.version_info[:2]
    shown = ".".join(map(str, sys.version_info[:3]))
    well = (3, 11) <= version <= _NEWEST_TESTED
    return Finding("python", is_well=well, detail=shown, advice="Use Python 3.11 or 3.12: the lock files hold for these.")
