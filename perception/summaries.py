"""Summaries: weeks and months of accounts, told in counts, with what they were made from."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Min

from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import reviews
from perception.models import Interaction, Review, Signal, Summary
from perception.rules.signals import SILENT
from perception.rules.summaries import (
    Event,
    Span,
    Stretch,
    detailed_from,
    due_after,
    facts_of,
    merged,
    month_due_after,
    month_of,
    sources_of,
    text_of,
    week_of,
    weekly_from,
    without_person,
)

JOB = "summarise accounts"
BY = Actor(type="schedule", id=JOB)
# Accounts that one look takes of each tenant, and days of one that it tells at most:
# what is older waits for the next look.
AT_ONCE = 100
MOST_DAYS = timedelta(days=400)
OLDEST = date(2000, 1, 1)

# The newest summaries of a tenant's account: a few weeks, and a few months before them.
LATELY = """
WITH weeks AS (
    SELECT span, starts, text FROM perception_summary
    WHERE tenant_id = %s AND account_id = %s AND span = 'week'
    ORDER BY starts DESC LIMIT 4
), months AS (
    SELECT span, starts, text FROM perception_summary
    WHERE tenant_id = %s AND account_id = %s AND span = 'month'
      AND starts < coalesce((SELECT date_trunc('month', min(starts))::date FROM weeks),
                            'infinity')
    ORDER BY starts DESC LIMIT 3
)
SELECT coalesce(jsonb_agg(to_jsonb(told) ORDER BY told.span DESC, told.starts DESC), '[]')
FROM (TABLE weeks UNION ALL TABLE months) AS told
"""

_MOVE = """
UPDATE perception_review r SET summarised_at = %s, summary_at = %s, stale_from = %s
WHERE r.tenant_id = %s AND r.account_id = %s
"""


def summarise_due(*, now: datetime) -> int:
    """Tell what is due, of each tenant its share; return the summaries written."""
    served = reviews.serve(
        reviews.SUMMARY, lambda taken: _all(taken, now), job=JOB, most=AT_ONCE, now=now
    )
    return served.made


def summarise_all(*, now: datetime) -> reviews.Served:
    """Tell all that is due."""
    return reviews.sweep(
        reviews.SUMMARY, lambda taken: _all(taken, now), job=JOB, most=AT_ONCE, now=now
    )


def _all(taken: reviews.Taken, now: datetime) -> int:
    return sum(_tell(account, now) for account, _ in taken)


def forget_person(account: UUID, person: UUID) -> int:
    """Take a person out of an account's summaries; return how many named them."""
    named = Summary.objects.filter(
        tenant_id=current_tenant(),
        account_id=account,
        facts__people__has_key=str(person),
    ).select_for_update()
    count = 0
    for summary in named.order_by("id"):
        summary.facts = without_person(summary.facts, str(person))
        stretch = _stretch(Span(summary.span), summary.starts)
        summary.text = text_of(stretch, summary.facts)
        summary.save(update_fields=["facts", "text"])
        count += 1
    return count


def _tell(account: UUID, now: datetime) -> int:
    """Write the weeks and months of an account that changed, and when to look again."""
    review = Review.objects.get(tenant_id=current_tenant(), account_id=account)
    today = now.date()
    start = _stale_from(review)
    facts: list[Fact] = []
    until = detailed_from(today)
    if start is not None and start < until:
        until = min(until, week_of(min(start + MOST_DAYS, until)).starts)
        facts += _weeks(account, week_of(start).starts, until, now)
        facts += _months(account, month_of(start).starts, today, now)
    facts += _closed_months(account, today, now)
    record_all(facts, now=now)
    left = None if start is None else max(start, until)
    _move(account, now, *_next(account, left, now))
    return len(facts)


def _stale_from(review: Review) -> date | None:
    """The first day that something new is known of, or that was not told yet."""
    fresh = Signal.objects.filter(
        tenant_id=current_tenant(), account_id=review.account_id
    ).exclude(type__in=SILENT)
    if review.summarised_at is not None:
        fresh = fresh.filter(received_at__gte=review.summarised_at)
    first = fresh.aggregate(first=Min("occurred_at"))["first"]
    days = [review.stale_from, first and first.astimezone(UTC).date()]
    found = min((day for day in days if day is not None), default=None)
    return found and max(found, OLDEST)


def _next(
    account: UUID, left: date | None, now: datetime
) -> tuple[datetime | None, date | None]:
    """When to look again, and from which day on: what is told in full grows old too."""
    today = now.date()
    due: list[datetime] = []
    first = None
    if left is not None:
        first = _first_event(account, left)
        if first is not None:
            due.append(due_after(first, now=now))
    month = (
        Summary.objects.filter(
            tenant_id=current_tenant(),
            account_id=account,
            span=Span.WEEK,
            starts__gte=weekly_from(today),
        )
        .order_by("starts")
        .values_list("starts", flat=True)
        .first()
    )
    if month is not None:
        due.append(month_due_after(month, now=now))
    return min(due, default=None), first


def _first_event(account: UUID, day: date) -> date | None:
    own = {"tenant_id": current_tenant(), "account_id": account}
    start = _midnight(day)
    found = [
        Interaction.objects.filter(**own, at__gte=start).aggregate(at=Min("at"))["at"],
        Signal.objects.filter(**own, occurred_at__gte=start)
        .exclude(type__in=SILENT)
        .aggregate(at=Min("occurred_at"))["at"],
    ]
    first = min((each for each in found if each is not None), default=None)
    return first and first.astimezone(UTC).date()


def _weeks(account: UUID, start: date, until: date, now: datetime) -> list[Fact]:
    """The weeks from one day to another, out of what happened in them."""
    events = _events(account, start, until)
    of: dict[date, list[Event]] = {}
    for each in events:
        of.setdefault(week_of(each.at.astimezone(UTC).date()).starts, []).append(each)
    facts = []
    for day, held in sorted(of.items()):
        facts += _write(
            account, week_of(day), facts_of(held), sources_of(held), now=now
        )
    return facts


def _months(account: UUID, start: date, today: date, now: datetime) -> list[Fact]:
    """The months that are closed, out of the facts of their weeks."""
    weeks = Summary.objects.filter(
        tenant_id=current_tenant(),
        account_id=account,
        span=Span.WEEK,
        starts__gte=start,
        starts__lt=weekly_from(today),
    ).order_by("starts")
    of: dict[date, list[Summary]] = {}
    for week in weeks:
        of.setdefault(month_of(week.starts).starts, []).append(week)
    facts = []
    for day, held in sorted(of.items()):
        made = merged(week.facts for week in held)
        sources = {"weeks": [str(week.id) for week in held]}
        facts += _write(account, month_of(day), made, sources, now=now)
    return facts


def _closed_months(account: UUID, today: date, now: datetime) -> list[Fact]:
    """Months that time alone has closed since the last that was told."""
    last = (
        Summary.objects.filter(
            tenant_id=current_tenant(), account_id=account, span=Span.MONTH
        )
        .order_by("-starts")
        .values_list("starts", flat=True)
        .first()
    )
    return _months(account, OLDEST if last is None else last, today, now)


def _events(account: UUID, start: date, until: date) -> list[Event]:
    own = {"tenant_id": current_tenant(), "account_id": account}
    first, end = _midnight(start), _midnight(until)
    met = Interaction.objects.filter(**own, at__gte=first, at__lt=end)
    said = Signal.objects.filter(
        **own, occurred_at__gte=first, occurred_at__lt=end
    ).exclude(type__in=SILENT)
    events = [
        Event(
            id=id_,
            at=at,
            channel=channel,
            direction=direction,
            sentiment=sentiment,
            people=people,
        )
        for id_, at, channel, direction, sentiment, people in met.values_list(
            "id", "at", "channel", "direction", "sentiment", "participants"
        )
    ]
    return events + [
        Event(id=id_, at=at, type=type_, move=_move_in(type_, stage, to))
        for id_, at, type_, stage, to in said.values_list(
            "id", "occurred_at", "type", "payload__stage", "payload__to"
        )
    ]


def _move_in(type_: str, stage: Any, to: Any) -> str:
    """The stage that a signal says something moved to."""
    value = {"crm_update": stage, "lifecycle_change": to}.get(type_)
    return value if isinstance(value, str) else ""


def _write(
    account: UUID,
    stretch: Stretch,
    facts: dict[str, Any],
    sources: dict[str, Any],
    *,
    now: datetime,
) -> list[Fact]:
    """One summary; nothing where it stands there already."""
    key: dict[str, Any] = {
        "tenant_id": current_tenant(),
        "account_id": account,
        "span": stretch.span.value,
        "starts": stretch.starts,
    }
    held = Summary.objects.filter(**key).first()
    if held is not None and held.facts == facts and held.sources == sources:
        return []
    summary, _ = Summary.objects.update_or_create(
        **key,
        defaults={
            "text": text_of(stretch, facts),
            "facts": facts,
            "sources": sources,
            "made_at": now,
        },
    )
    counted = {name: len(ids) for name, ids in sources.items() if name != "more"}
    return [
        Fact(
            kind=Kind.SUMMARY_WRITTEN,
            by=BY,
            subjects={"account": account, "summary": summary.id},
            data={
                "span": stretch.span.value,
                "starts": stretch.starts.isoformat(),
                "sources": counted,
                "more": sources.get("more", 0),
            },
        )
    ]


def _move(
    account: UUID, now: datetime, later: datetime | None, stale: date | None
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [now, later, stale, str(current_tenant()), str(account)])


def _stretch(span: Span, day: date) -> Stretch:
    return week_of(day) if span is Span.WEEK else month_of(day)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
