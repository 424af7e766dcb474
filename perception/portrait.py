"""An account as its page shows it: its people, its deals, summaries with their sources."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from ledger.scope import current_tenant
from perception.models import (
    Account,
    Contact,
    Interaction,
    Opportunity,
    Signal,
    Summary,
)
from perception.rules.erasing import ERASED

PEOPLE, DEALS, SUMMARIES, SOURCES = 25, 25, 6, 5
# Deals that are over come last.
OVER = ("closed_won", "closed_lost")

# Of the newest interactions only: enough to say who is in touch.
_TOUCHES = """
SELECT p.id, count(*), max(i.at) FILTER (WHERE i.at <= %s)
FROM (SELECT participants, at FROM perception_interaction
      WHERE tenant_id = %s AND account_id = %s ORDER BY at DESC LIMIT 1000) i,
     LATERAL jsonb_array_elements_text(i.participants) AS p(id)
WHERE p.id = ANY(%s)
GROUP BY p.id
"""


@dataclass(frozen=True, kw_only=True)
class Someone:
    """A contact, and when they were last in touch."""

    contact: Contact
    times: int
    last_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Something that a summary was made of."""

    what: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Told:
    """A summary with names put in, and what it was made of."""

    span: str
    starts: date
    text: str
    made_at: datetime
    interactions: int
    signals: int
    sources: Sequence[Source]


def people(account: Account, *, now: datetime) -> tuple[list[Someone], bool]:
    """Contacts who were not erased, those in touch first; whether there are more."""
    rows = _of(account, Contact.objects).filter(erased_at__isnull=True)
    found = list(rows.order_by("id")[: PEOPLE + 1])
    touches = _touches(account, [each.id for each in found[:PEOPLE]], now)
    known = [
        Someone(contact=each, times=times, last_at=last)
        for each in found[:PEOPLE]
        for times, last in [touches.get(each.id, (0, None))]
    ]
    known.sort(key=lambda each: each.last_at.timestamp() if each.last_at else 0.0)
    return known[::-1], len(found) > PEOPLE


def deals(account: Account) -> tuple[list[Opportunity], bool]:
    """Deals, those that are open first; whether there are more."""
    rows = _of(account, Opportunity.objects).order_by("id")
    found = list(rows[: DEALS + 1])
    shown = sorted(found[:DEALS], key=lambda each: each.stage in OVER)
    return shown, len(found) > DEALS


def summaries(account: Account) -> list[Told]:
    """The newest summaries, each with some of what it was made of."""
    rows = list(_of(account, Summary.objects).order_by("-starts", "span")[:SUMMARIES])
    sources, names = _sources(rows), _names(account, rows)
    return [_told(each, sources, names) for each in rows]


def _told(
    row: Summary, sources: Mapping[str, Source], names: Mapping[str, str]
) -> Told:
    text = row.text
    for id_, name in names.items():
        text = text.replace(id_, name)
    cited = {kind: row.sources.get(kind, []) for kind in ("interactions", "signals")}
    first = [id_ for ids in cited.values() for id_ in ids[:SOURCES]]
    shown = [sources[id_] for id_ in first if id_ in sources]
    return Told(
        span=row.span,
        starts=row.starts,
        text=text.partition(": ")[2] or text,
        made_at=row.made_at,
        interactions=row.facts.get("interactions", len(cited["interactions"])),
        signals=sum((row.facts.get("signals") or {}).values()),
        sources=sorted(shown, key=lambda each: each.at, reverse=True),
    )


def _sources(rows: Iterable[Summary]) -> dict[str, Source]:
    """What the summaries name first, as far as it is still there."""
    ids: dict[str, set[str]] = {"interactions": set(), "signals": set()}
    for row in rows:
        for kind, found in ids.items():
            found |= set(row.sources.get(kind, [])[:SOURCES])
    own: dict[str, Any] = {"tenant_id": current_tenant()}
    met = Interaction.objects.filter(**own, pk__in=ids["interactions"])
    heard = Signal.objects.filter(**own, pk__in=ids["signals"])
    of_met = met.values_list("id", "channel", "subject", "at")
    of_heard = heard.values_list("id", "type", "occurred_at")
    return {
        str(id_): Source(what=_named(channel, subject), at=at)
        for id_, channel, subject, at in of_met
    } | {
        str(id_): Source(what=type_.replace("_", " ").capitalize(), at=at)
        for id_, type_, at in of_heard
    }


def _named(channel: str, subject: str) -> str:
    kind = "CRM note" if channel == "crm" else channel.capitalize()
    return f"{kind}: “{subject[:80]}”" if subject else kind


def _names(account: Account, rows: Sequence[Summary]) -> dict[str, str]:
    """Summaries hold ids; here people read them with names."""
    ids = {id_ for row in rows for id_ in (row.facts.get("people") or {})}
    known = _of(account, Contact.objects).filter(pk__in=filter(_is_id, ids))
    return {
        str(id_): "somebody who was erased" if gone else name or ERASED
        for id_, name, gone in known.values_list("id", "name", "erased_at")
    }


def _touches(
    account: Account, ids: Sequence[UUID], now: datetime
) -> dict[UUID, tuple[int, datetime | None]]:
    with connection.cursor() as cursor:
        given: list[Any] = [
            now,
            str(current_tenant()),
            str(account.id),
            [str(id_) for id_ in ids],
        ]
        cursor.execute(_TOUCHES, given)
        return {UUID(id_): (times, last) for id_, times, last in cursor.fetchall()}


def _of(account: Account, rows: Any) -> QuerySet[Any]:
    found: QuerySet[Any] = rows.filter(tenant_id=current_tenant(), account=account)
    return found


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
