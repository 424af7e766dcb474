"""A small bundle in the place of the shipped one, so that comparing takes no time."""

from typing import Any

import pytest

from autonomy import policies, simulate
from autonomy.api import policy as doors
from autonomy.management.commands import policy as command
from autonomy.policy import Source, read
from autonomy.rules.catalogue import CORE


def clause(id: str, ceiling: str, condition: str, **more: str) -> dict[str, str]:
    return {
        "id": id,
        "ceiling": ceiling,
        "condition": condition,
        "reason": id.upper(),
        "explanation": "Because somebody said so.",
        **more,
    }


def bundle(*clauses: dict[str, str], name: str = "small") -> dict[str, Any]:
    """The small bundle with further clauses."""
    return {
        "name": name,
        "clauses": [LISTED, *clauses],
        "tests": [{"given": {}, "expect": {"decision": "AUTO_EXECUTE"}}],
    }


# Enough to show every tier, and what reaches outside.
FEW = [
    CORE[key]
    for key in ("create_internal_note", "draft_email", "send_email", "commit_pricing")
]
LISTED = clause("listed", "AUTO_EXECUTE", "allowlisted")
SMALL: dict[str, Any] = bundle()
NARROWER = bundle(clause("stalled", "REQUIRE_APPROVAL", "stage == 'stalled'"))
NARROWEST = bundle(
    clause("stalled", "REQUIRE_APPROVAL", "stage == 'stalled'"),
    clause("churned", "BLOCK", "lifecycle == 'CHURNED'"),
)
WIDER = bundle(clause("customers", "AUTO_EXECUTE", "lifecycle == 'PROSPECT'"))


def ship_small(monkeypatch: pytest.MonkeyPatch) -> Source:
    """As if the house came with the small bundle."""
    source = read(SMALL)
    monkeypatch.setattr(policies, "all_types", lambda: FEW)
    for module in (policies, simulate, doors, command):
        monkeypatch.setattr(module, "shipped", lambda: source)
    return source
