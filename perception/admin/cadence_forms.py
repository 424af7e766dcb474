"""How often accounts are looked at, as fields of a form: minutes in place of seconds."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from perception.rules.cadence import (
    COVERAGE,
    SHIPPED,
    SHORTEST,
    Depth,
    cadence_of,
    faults,
    stated,
)
from perception.rules.heat import Tier

MINUTE = 60
LEAST, MOST = (int(each.total_seconds()) // MINUTE for each in (SHORTEST, COVERAGE))
SPREAD = "It has to be as much as the minutes before it, or more."
PARTS = ("every_s", "up_to_s", "depth")
DEPTHS = {Depth.SHALLOW: "shallow, 1 unit", Depth.DEEP: "deep, 3 units"}


def name_of(tier: Tier, part: str) -> str:
    """What the field of one part of a row is called."""
    return f"cadence_{tier.value}_{part}"


ROWS = tuple(tuple(name_of(tier, part) for part in PARTS) for tier in Tier)
NAMES = tuple(name for row in ROWS for name in row)


def cadence_fields() -> dict[str, forms.Field]:
    """Three fields for each tier."""
    found: dict[str, forms.Field] = {}
    for tier in Tier:
        noun, ours = tier.value.capitalize(), SHIPPED[tier]
        least, most = (_minutes(each) for each in (ours.every, ours.up_to))
        spread = f"{least:g}" if least == most else f"{least:g} to {most:g}"
        found[name_of(tier, "every_s")] = _minutes_field(
            f"{noun}: every so many minutes", f"As shipped: {spread}."
        )
        found[name_of(tier, "up_to_s")] = _minutes_field(
            f"{noun}: up to so many minutes",
            "Where it is more, they are spread in between.",
        )
        found[name_of(tier, "depth")] = forms.ChoiceField(
            label=f"{noun}: how closely",
            choices=[(each.value, words) for each, words in DEPTHS.items()],
            widget=UnfoldAdminSelectWidget,
        )
    return found


def shown(given: Any) -> dict[str, Any]:
    """What the fields hold: the rows that are in force."""
    found: dict[str, Any] = {}
    for tier, row in stated(cadence_of(given)).items():
        for part in PARTS:
            value = row[part]
            name = name_of(Tier(tier), part)
            found[name] = value if part == "depth" else _plain(value / MINUTE)
    return found


def rows_of(cleaned: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows that differ from those that are shipped."""
    usual = stated(SHIPPED)
    rows = {tier.value: _row(tier, cleaned) for tier in Tier}
    return {name: row for name, row in rows.items() if row != usual[name]}


def faults_of(rows: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with rows: the field, and words."""
    found = []
    for place, words in faults(rows):
        _, tier, part = place.split(".")
        # Of seconds nothing is said here.
        said = SPREAD if part == "up_to_s" else words
        found.append((name_of(Tier(tier), part), said))
    return found


def _row(tier: Tier, cleaned: Mapping[str, Any]) -> dict[str, Any]:
    every, up_to, depth = (cleaned[name_of(tier, part)] for part in PARTS)
    return {
        "every_s": round(every * MINUTE),
        "up_to_s": round(up_to * MINUTE),
        "depth": depth,
    }


def _minutes_field(label: str, help_text: str) -> forms.Field:
    return forms.FloatField(
        label=label,
        min_value=LEAST,
        max_value=MOST,
        help_text=help_text,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )


def _minutes(span: Any) -> float:
    return float(span.total_seconds() / MINUTE)


def _plain(minutes: float) -> float | int:
    return int(minutes) if minutes == int(minutes) else minutes
