"""Tables as an office would send them: invoices that are paid late or not."""

import csv
import datetime as dt
import io
import random
from typing import Any

_CITIES = ("Lyon", "Paris", "Nantes", "Lille")
_SECTORS = ("retail", "building", "transport")


def invoices(rows: int = 400, *, seed: int = 0) -> list[dict[str, Any]]:
    """Make rows whose `late` depends on amount, days and sector; some amounts and cities are missing."""
    chance = random.Random(seed)
    found = []
    for _ in range(rows):
        amount, days, sector = chance.lognormvariate(7, 1), chance.randrange(0, 90), chance.choice(_SECTORS)
        risk = days / 90 + amount / 8000 + (0.4 if sector == "building" else 0.0) + chance.gauss(0, 0.15)
        found.append({
            "amount": None if chance.random() < 0.05 else round(amount, 2),
            "days": days,
            "sector": sector,
            "city": None if chance.random() < 0.1 else chance.choice(_CITIES),
            "since": (dt.date(2015, 1, 1) + dt.timedelta(days=chance.randrange(3650))).isoformat(),
            "late": "yes" if risk > 0.9 else "no",
        })  # fmt: skip
    return found


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """Write rows as plain CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_french_csv(rows: list[dict[str, Any]]) -> bytes:
    """Write rows as a French office does: semicolons, decimal commas, spaces in thousands, dd/mm/yyyy, cp1252."""
    lines = ["Montant HT;Délai;Secteur;Ville;Créé le;En retard"]
    for row in rows:
        amount = "" if row["amount"] is None else f"{row['amount']:,.2f}".replace(",", "\xa0").replace(".", ",")
        since = "/".join(reversed(row["since"].split("-")))
        late = {"yes": "Oui", "no": "Non"}[row["late"]]
        lines.append(f"{amount};{row['days']};{row['sector']};{row['city'] or ''};{since};{late}")
    return "\r\n".join(lines).encode("cp1252")


def without_answer(row: dict[str, Any], target: str = "late") -> dict[str, Any]:
    """Return a row as it is sent to be predicted."""
    return {name: value for name, value in row.items() if name != target}
