"""How a connector fares, in words: its state, its pulls, what it delivered."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from perception import guards
from perception.connectors import described_as
from perception.models import Connector, Delivery, Pull, PullUse
from perception.outlets.registry import OUTLETS
from perception.rules.breaker import BreakerState
from perception.sources.base import Reach
from perception.sources.registry import SOURCES
from perception.tenants import today

LAST = 20
WEBHOOK = Connector.Kind.WEBHOOK
PULLED = {
    Pull.Status.QUEUED: ("waits", "wait"),
    Pull.Status.RUNNING: ("being read", "wait"),
    Pull.Status.DONE: ("read", "good"),
    Pull.Status.FAILED: ("failed", "bad"),
}
ABOUT: Mapping[str, str] = {
    WEBHOOK: "The system sends by itself, signed with a secret that you give it.",
    Connector.Kind.FILES: "CSV and JSONL files that something drops into a folder.",
    Connector.Kind.FEED: "What is published about accounts, as RSS or Atom.",
    Connector.Kind.MAILBOX: "Mails with people at accounts: who wrote, when, what of.",
    Connector.Kind.CALENDAR: "Meetings with people at accounts.",
    Connector.Kind.WAREHOUSE: "What one SELECT of yours finds, as usage of the product.",
    Connector.Kind.HTTP: "A list that some system of yours answers with.",
    Connector.Kind.LOOKUP: "What some system knows about one account, asked one by one.",
    Connector.Kind.TRYTON: "Deals, parties, tasks and notes of a Tryton.",
    Connector.Kind.HUBSPOT: "Deals, companies and notes of a HubSpot.",
    Connector.Kind.SALESFORCE: "Opportunities, accounts and tasks of a Salesforce.",
    Connector.Kind.SMTP: "Mails to people at accounts go out by your mail server.",
    Connector.Kind.CHAT: "Messages go to a channel of Slack, or of what is like it.",
    Connector.Kind.OUTBOUND: "What happens here is posted to a system of yours.",
}
_IN_CRM = (
    "They change the stages and fields of deals in it, and add notes and tasks, as "
    "policy or a person allowed. Off: it is only read."
)
# What tools do through one that they act through.
ACTING: Mapping[str, str] = {
    Connector.Kind.MAILBOX: "They put drafts into its folder of drafts, and send "
    "nothing. Off: it is only read.",
    Connector.Kind.CALENDAR: "They put meetings into it and take them out again; the "
    "server may invite who is named there. Off: it is only read.",
    Connector.Kind.TRYTON: _IN_CRM,
    Connector.Kind.HUBSPOT: _IN_CRM,
    Connector.Kind.SALESFORCE: _IN_CRM,
    Connector.Kind.SMTP: "They send mails to contacts of accounts, as policy or a "
    "person allowed. Off: a person is asked to send each.",
    Connector.Kind.CHAT: "They post messages to its channels, as policy or a "
    "person allowed. Off: a person is asked to write each.",
    Connector.Kind.OUTBOUND: "They post what an action holds to its address, "
    "signed. Off: a person is asked to pass it on.",
}


def is_read(row: Connector) -> bool:
    """Whether it is read by us, and not delivered to us."""
    return row.kind in SOURCES


def is_outlet(row: Connector) -> bool:
    """Whether nothing is read from it, and tools only act through it."""
    return row.kind in OUTLETS


def can_try(row: Connector) -> bool:
    """Whether it can be asked something that changes nothing."""
    return described_as(row.kind) is not None


def kind_said(kind: str) -> str:
    """A kind as people call it."""
    described = described_as(kind)
    return described.title if described else str(Connector.Kind(kind).label)


def acts_said(row: Connector) -> str:
    """Whether tools act through it."""
    return "tools act" if row.acts_as else "–"


def kinds() -> list[dict[str, str]]:
    """What may be added: the webhook first, then each source."""
    known = {**SOURCES, **OUTLETS}
    order: list[str] = [WEBHOOK, *(kind for kind in ABOUT if kind in known)]
    order += [kind for kind in sorted(known) if kind not in order]
    return [
        {
            "kind": str(kind),
            "title": kind_said(kind),
            "about": ABOUT.get(kind, ""),
            "acts": "Tools can act through it." if kind in ACTING else "",
        }
        for kind in order
    ]


def state_said(row: Connector, *, now: datetime) -> tuple[str, str]:
    """Words and tone of how it stands."""
    if not row.is_active:
        return _off(row), "wait"
    if row.forced_open:
        return "held back by a person", "bad"
    breaker = guards.state_of(row, now=now)
    if breaker is BreakerState.OPEN:
        return "not asked: it keeps failing", "bad"
    if breaker is BreakerState.PROBING:
        return "one request tries", "wait"
    if is_outlet(row):
        return ("ready", "good") if row.acts_as else ("used by nothing", "wait")
    if not is_read(row):
        return "let in", "good"
    return ("last look failed", "bad") if row.last_error else ("is read", "good")


def _off(row: Connector) -> str:
    if is_outlet(row):
        return "out of use"
    return "left alone" if is_read(row) else "shut out"


def read_said(row: Connector) -> str:
    """When it was read last."""
    return f"{row.pulled_at:%Y-%m-%d %H:%M} UTC" if row.pulled_at else "–"


def next_said(row: Connector, *, now: datetime) -> str:
    """When it is read next."""
    source = SOURCES.get(row.kind)
    if source is None:
        return "when a tool acts" if is_outlet(row) else "when it sends"
    if not row.is_active:
        return "–"
    if source.reach is Reach.ACCOUNT:
        return "account by account"
    if row.next_pull_at is None or row.next_pull_at <= now:
        return "now"
    return f"{row.next_pull_at:%Y-%m-%d %H:%M} UTC"


def standing(row: Connector, *, now: datetime) -> dict[str, Any]:
    """What stands on top of its page."""
    words, tone = state_said(row, now=now)
    used = PullUse.objects.filter(
        tenant_id=row.tenant_id, connector=row, day=today(now=now)
    )
    return {
        "words": words,
        "tone": tone,
        "kind": kind_said(row.kind),
        "is_read": is_read(row),
        "is_outlet": is_outlet(row),
        "acting": ACTING.get(row.kind, "") if row.acts_as else "",
        "read": read_said(row),
        "next": next_said(row, now=now),
        "error": row.last_error,
        "failing": len(guards.breaker_of(row).recent(now=now)),
        "used": used.values_list("used", flat=True).first() or 0,
        "units": row.units_per_day,
    }


def pulls_of(row: Connector) -> Iterator[dict[str, Any]]:
    """Its last pulls, and what came of each."""
    rows = Pull.objects.filter(tenant_id=row.tenant_id, connector=row)
    for each in rows.select_related("account").order_by("-id")[:LAST]:
        words, tone = PULLED[Pull.Status(each.status)]
        yield {
            "at": each.ended_at or each.due_at,
            "about": each.account or "everything",
            "depth": each.get_depth_display().lower(),
            "words": words,
            "tone": tone,
            "brought": _brought(each),
            "error": each.error,
        }


def _brought(pull: Pull) -> str:
    if pull.status != Pull.Status.DONE:
        return f"attempt {pull.attempts}" if pull.attempts else ""
    said = f"{pull.signals} signal{'' if pull.signals == 1 else 's'}"
    if pull.unmatched:
        said += f", {pull.unmatched} of no account that is known"
    return said


def deliveries_of(row: Connector, *, may_act: bool) -> Iterator[dict[str, Any]]:
    """What it delivered last; what was refused can be taken again."""
    rows = Delivery.objects.filter(tenant_id=row.tenant_id, connector=row)
    for each in rows.defer("body").order_by("-id")[:LAST]:
        is_refused = each.status == Delivery.Status.REFUSED
        again = reverse("admin:perception_connector_again", args=[row.pk, each.pk])
        yield {
            "message": each.message,
            "at": each.received_at,
            "is_refused": is_refused,
            "said": each.error if is_refused else _answered(each.answer),
            "again": again if is_refused and may_act else "",
        }


def _answered(answer: Any) -> str:
    """What a delivery was answered, in words."""
    items: Sequence[Mapping[str, Any]] = (
        answer if isinstance(answer, list) else [answer]
    )
    again = sum(bool(each["duplicate"]) for each in items if each)
    new = len(items) - again
    if not isinstance(answer, list):
        return "a new signal" if new else "known already"
    return f"{new} new, {again} known already"
