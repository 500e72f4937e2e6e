"""Draw into the docs what can be read from the code: the graph of apps, the algorithms, the settings of a policy and its gate.

`python docs/draw.py` rewrites the marked parts; `--check` only says whether they are current (exit 1 if not).
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import django
import grimp

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
APPS = sorted(place.parent.name for place in (ROOT / "apps").glob("*/apps.py"))


def app_graph() -> str:
    """Return a Mermaid graph of the imports between apps, each arrow with the number of importing modules."""
    graph = grimp.build_graph("apps")
    lines = ["```mermaid", "graph TD"]
    for upper in APPS:
        for lower in APPS:
            count = _importing_modules(graph, upper, lower) if upper != lower else 0
            if count:
                lines.append(f"    {upper} -->|{count}| {lower}")
    return "\n".join([*lines, "```"])


def _importing_modules(graph: grimp.ImportGraph, upper: str, lower: str) -> int:
    importers = {f"apps.{upper}", *graph.find_descendants(f"apps.{upper}")}
    targets = {f"apps.{lower}", *graph.find_descendants(f"apps.{lower}")}
    return sum(bool(graph.find_modules_directly_imported_by(module) & targets) for module in importers)


def algorithm_table() -> str:
    """Return the catalogue as a Markdown table."""
    from apps.algorithms import catalog

    lines = ["| algorithm | slug | tasks | what it is good for |", "|---|---|---|---|"]
    lines += [f"| {s.title} | `{s.slug}` | {', '.join(s.tasks)} | {s.summary} |" for s in catalog.entries()]
    return "\n".join(lines)


def policy_table() -> str:
    """Return the settings of a retraining policy as a Markdown table."""
    from apps.retraining.triggers import SETTINGS

    return _settings_table(SETTINGS)


def gate_table() -> str:
    """Return what the gate asks of a challenger as a Markdown table."""
    from apps.retraining.gate.margins import SETTINGS

    return _settings_table(SETTINGS)


def _settings_table(settings: tuple[Any, ...]) -> str:
    lines = ["| setting | means | default | from … to |", "|---|---|---|---|"]
    for one in settings:
        bounds = " · ".join(f"`{choice}`" for choice in one.choices)
        if one.low is not None and one.high is not None:
            bounds = f"{one.low:,.10g} … {one.high:,.10g}"
        default = "null" if one.default is None else str(one.default).lower()
        means = f"{one.title} ({one.help})" if one.help else one.title
        lines.append(f"| `{one.name}` | {means} | {default} | {bounds}{', or null' if one.nullable else ''} |")
    return "\n".join(lines)


def with_part(text: str, name: str, drawn: str) -> str:
    """Return `text` with the part between the marks of `name` replaced."""
    start, end = f"<!-- {name}: drawn from the code -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{drawn}\n{end}{after}"


PARTS = {
    "docs/architecture.md": {"app graph": app_graph},
    "README.md": {"algorithms": algorithm_table},
    "docs/loop.md": {"policy": policy_table, "gate": gate_table},
}


def main() -> int:
    """Rewrite or check the drawn parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")
    django.setup()
    stale = []
    for file, parts in PARTS.items():
        path = ROOT / file
        text = fresh = path.read_text()
        for name, draw in parts.items():
            fresh = with_part(fresh, name, draw())
        if fresh != text:
            stale.append(file)
            if not check:
                path.write_text(fresh)
    sys.stdout.write("".join(f"{'stale' if check else 'redrawn'}: {file}\n" for file in stale))
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
