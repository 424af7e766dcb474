"""The house's own tools as a tenant has them: what each does, and which way it acts."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import reverse

from autonomy.rules.actions import Reversal
from autonomy.tools.hands import HANDS
from autonomy.tools.internal import KINDS
from ledger.scope import current_tenant
from perception.admin.connector_words import kind_said
from perception.models import Connector
from perception.rules.acting import ACTS_AS

INSIDE: Mapping[str, str] = {
    "internal.note": "A note at the account",
    "internal.task": "A task for the seller",
    "internal.brief": "A brief of the account, with its sources",
    "mail.draft": "A draft of a mail",
    "internal.approval_request": "A question for an approver",
    "internal.context": "A field of what is known of the account",
    "internal.interaction": "A call, mail or meeting that is written down",
    "internal.escalation": "A call for an approver's help",
}
BACK: Mapping[str, tuple[str, str]] = {
    Reversal.INVERSE: ("yes, as it was before", "good"),
    Reversal.RETRACTABLE: ("only while it is held back", "wait"),
    Reversal.COMPENSATE: ("by something that makes up for it", "wait"),
    Reversal.NONE: ("no", "bad"),
}


def house_tools() -> list[dict[str, Any]]:
    """A line for each tool: those that act outside first. One query."""
    rows = Connector.objects.filter(
        tenant_id=current_tenant(), kind__in=sorted(ACTS_AS)
    ).order_by("name")
    there = list(rows.only("id", "tenant_id", "kind", "name", "acts_as", "is_active"))
    outside = [_outside(key, there) for key in HANDS]
    inside = [
        _line(key, INSIDE[key], Reversal.INVERSE, by="the house itself", tone="good")
        for key in KINDS
        if key not in HANDS
    ]
    return outside + inside


def _outside(key: str, there: list[Connector]) -> dict[str, Any]:
    hand = HANDS[key]
    used = next((row for row in there if row.acts_as == hand.acts_as), None)
    # What the house keeps here where nobody takes it further.
    idle = "the house keeps it here" if key in KINDS else "a person does it"
    found = _line(key, hand.title, hand.reversal, by=idle, tone="wait")
    if used is None:
        found["ways"] = list(_ways(hand.acts_as, there))
        return found
    href = reverse("admin:perception_connector_change", args=[used.pk])
    if not used.is_active:
        return {**found, "ways": [{"href": href, "said": f"{used.name} is out of use"}]}
    return {**found, "by": used.name, "href": href, "tone": "good"}


def _ways(acts_as: str, there: list[Connector]) -> Iterator[dict[str, str]]:
    """What is there already and may be let act, else what can be connected."""
    kinds = [kind for kind, does in ACTS_AS.items() if does == acts_as]
    idle = [row for row in there if row.kind in kinds]
    for row in idle:
        href = reverse("admin:perception_connector_change", args=[row.pk])
        yield {"href": href, "said": f"Let it act through {row.name}"}
    if not idle:
        add = reverse("admin:perception_connector_add")
        for kind in kinds:
            yield {
                "href": f"{add}?kind={kind}",
                "said": f"Connect {kind_said(kind)}",
            }


def _line(key: str, does: str, reversal: str, *, by: str, tone: str) -> dict[str, Any]:
    words, colour = BACK[reversal]
    return {
        "key": key,
        "does": does,
        "back": words,
        "back_tone": colour,
        "by": by,
        "href": "",
        "tone": tone,
        "ways": [],
    }
