"""A believable CRM week for demo tenants: what people wrote, met for, and did lately.

Every time is relative to now, and a tenant that has its week gets no second one.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from django.conf import settings

from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception import connectors, deals, interactions
from perception.intake import receive
from perception.models import Account, Connector, Contact, Opportunity
from perception.sources.base import Deal, Met
from perception.tenants import find_tenant

NAME = "Demo CRM export"
FOLDER, FILE = "crm", "week.csv"
COLUMNS = (
    "id", "account", "type", "occurred_at",
    "object", "opportunity", "field", "from", "to",
)  # fmt: skip
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
RENEWS_IN = 25
WEEKS = 4

Item = tuple[float, str, str, str, str]
Happened = tuple[float, str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Story:
    """What goes on at one account. Times are days ago; `heard` was taken in back then."""

    account: int
    met: Sequence[Item] = ()
    signals: Sequence[Happened] = ()
    heard: Sequence[Happened] = ()
    stage: str = ""
    renews_in: int | None = None


STORIES = (
    # It heats up: an evaluation turns into questions about the price.
    Story(
        account=1,
        met=(
            (12.1, "meeting", "both", "First call", "They told how they work today."),
            (6.2, "meeting", "both", "Demo", "Five people came, operations led."),
            (2.1, "email", "out", "What we showed", "The recording, as promised."),
            (0.9, "email", "in", "Re: What we showed", "That was what we needed to see."),
            (
                0.2, "email", "in", "Next step",
                "We have secured the budget. Please send us a quote for 80 seats.",
            ),
        ),
        signals=(
            (2.0, "meeting_created", {"title": "Technical questions"}),
            (0.03, "reply_received", {"subject": "Next step", "text": "A quote, please.", "sentiment": "positive"}),
            (0.01, "product_usage_anomaly", {"metric": "trial_users", "direction": "up", "change": 0.8}),
        ),
        stage="evaluation",
    ),
    # It cools down: busy until yesterday morning, and nothing since.
    Story(
        account=2,
        met=tuple(
            (days, "email", way, "Pilot", text)
            for days, way, text in (
                (27.0, "in", "Could you walk us through the setup again?"),
                (24.0, "out", "Gladly. Tuesday?"),
                (23.4, "in", "Tuesday is fine."),
                (20.2, "in", "Thanks, that helped the team a lot."),
                (9.0, "out", "How is the pilot going?"),
                (4.0, "out", "Shall we talk this week?"),
            )
        ),
        heard=(
            (1.3, "news", {"title": "They reorganise their sales", "url": "https://news.example/reorganised"}),
            (1.28, "product_usage_anomaly", {"metric": "weekly_users", "direction": "down", "change": -0.4}),
            (1.26, "reply_received", {"subject": "Pilot", "text": "We will come back to you.", "sentiment": "neutral"}),
        ),
    ),
    # A customer whose renewal is near, and who grows.
    Story(
        account=3,
        met=(
            (15.0, "meeting", "both", "Quarterly review", "All three goals were met."),
            (3.0, "email", "in", "Licences", "Two more teams would like to start."),
        ),
        signals=((3.0, "hiring", {"role": "Head of Operations", "count": 2}),),
        renews_in=RENEWS_IN,
    ),
    # A risk: the person who wanted us goes.
    Story(
        account=4,
        met=(
            (18.0, "email", "in", "Rollout", "The second site is next."),
            (
                1.1, "email", "in", "A change on our side",
                "I wanted you to hear it from me: our project lead is leaving the company.",
            ),
        ),
        signals=((1.0, "ticket_escalated", {"ticket": "T-204", "severity": "high", "subject": "Export fails"}),),
    ),
    # A deal that moves.
    Story(
        account=5,
        met=((5.0, "crm", "both", "Note", "Security review passed, procurement is next."),),
        signals=((4.0, "crm_update", {"object": "opportunity", "opportunity": "opp-0005", "field": "stage", "from": "discovery", "to": "qualification", "stage": "qualification"}),),
        stage="qualification",
    ),
    # One that was won, and begins.
    Story(
        account=6,
        met=((2.2, "meeting", "both", "Kick-off", "Everybody knows what comes next."),),
        signals=((2.0, "meeting_created", {"title": "Weekly, first of six"}),),
    ),
)  # fmt: skip

# What is said between the stories, at every other account.
CHATTER: Sequence[tuple[str, str, str, str]] = (
    ("email", "out", "Checking in", "Is there anything we can help with?"),
    ("email", "in", "Re: Checking in", "All good here, thank you."),
    ("meeting", "both", "Regular call", "Went through the open points."),
    ("crm", "both", "Note", "Spoke on the phone, they are content."),
    ("email", "in", "A question", "Where do we find the reports of last month?"),
    ("email", "out", "Re: A question", "Under Reports, then Archive."),
)


def furnish(slug: str, *, now: datetime) -> bool:
    """Give a demo tenant its week; False where it has one already."""
    tenant = find_tenant(slug)
    with tenant_scope(tenant):
        if Connector.objects.filter(tenant_id=tenant, name=NAME).exists():
            return False
        people = _people(tenant)
        _move(people, now=now)
        _meet(people, slug, now=now)
        _tell(people, now=now)
        _drop(tenant, people, now=now)
        connectors.add(
            {"kind": Connector.Kind.FILES, "name": NAME, "config": {"folder": FOLDER}},
            by=SYSTEM,
            now=now,
        )
    return True


@dataclass(frozen=True, kw_only=True)
class _Known:
    """An account of the demo, and somebody there."""

    id: UUID
    external_id: str
    email: str


def _people(tenant: UUID) -> dict[int, _Known]:
    """The first accounts of the demo by their number."""
    emails = dict(
        Contact.objects.filter(tenant_id=tenant).values_list("account_id", "email")
    )
    rows = Account.objects.filter(tenant_id=tenant, external_id__startswith="crm-")
    return {
        number: _Known(id=id_, external_id=external, email=emails.get(id_, ""))
        for number, (id_, external) in enumerate(
            rows.order_by("external_id").values_list("id", "external_id")[:20], 1
        )
    }


def _move(people: Mapping[int, _Known], *, now: datetime) -> None:
    """Deals move, as a CRM would tell it."""
    moved = []
    for story in STORIES:
        known = people.get(story.account)
        deal = known and Opportunity.objects.filter(account_id=known.id).first()
        if not known or not deal or not (story.stage or story.renews_in):
            continue
        renewal = (
            (now + story.renews_in * DAY).date()
            if story.renews_in is not None
            else deal.renewal_date
        )
        moved.append(
            (
                known.id,
                Deal(
                    account=known.external_id,
                    external_id=deal.external_id,
                    stage=story.stage or deal.stage,
                    amount=deal.amount or Decimal(0),
                    renewal_date=renewal,
                ),
            )
        )
    deals.keep(moved, now=now)


def _meet(people: Mapping[int, _Known], slug: str, *, now: datetime) -> None:
    """Mails, meetings and notes of the last weeks."""
    told = {story.account: list(story.met) for story in STORIES}
    chance = Random(slug)  # noqa: S311
    for number in people:
        if number not in told:
            told[number] = [
                (7 * week + chance.uniform(0.5, 6.5), *chance.choice(CHATTER))
                for week in range(WEEKS)
            ]
    interactions.keep(
        [
            (
                people[number].id,
                Met(
                    external_id=f"sandbox-{number}-{place}",
                    channel=channel,
                    direction=way,
                    at=now - days * DAY,
                    emails=[people[number].email],
                    subject=subject,
                    text=text,
                ),
            )
            for number, items in told.items()
            if number in people
            for place, (days, channel, way, subject, text) in enumerate(items)
        ],
        connector=None,
        now=now,
    )


def _tell(people: Mapping[int, _Known], *, now: datetime) -> None:
    """Signals of the week. What was heard back then warmed its account back then."""
    for story in STORIES:
        if known := people.get(story.account):
            for item in _items(known, story.heard, now=now):
                receive([item], by=SYSTEM, source="sandbox", now=item["occurred_at"])
    receive(
        [
            item
            for story in STORIES
            if story.account in people
            for item in _items(people[story.account], story.signals, now=now)
        ],
        by=SYSTEM,
        source="sandbox",
        now=now,
    )


def _items(
    known: _Known, happened: Sequence[Happened], *, now: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "account": str(known.id),
            "type": type_,
            "payload": dict(payload),
            "occurred_at": now - days * DAY,
            "dedupe_key": f"sandbox:{known.external_id}:{type_}:{place}",
        }
        for place, (days, type_, payload) in enumerate(happened)
    ]


def _drop(tenant: UUID, people: Mapping[int, _Known], *, now: datetime) -> None:
    """A file as a CRM would export it, for the drop folder that is really read."""
    folder = Path(settings.DROP_DIR) / str(tenant) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        _row(number, people[number], now=now)
        for number in (7, 8, 9)
        if number in people
    ]
    with (folder / FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _row(number: int, known: _Known, *, now: datetime) -> tuple[str, ...]:
    at = now - (number - 6) * 5 * HOUR
    return (
        f"export-{number}", known.external_id, "crm_update", at.isoformat(),
        "opportunity", f"opp-{number:04}", "next_step", "", "Send the proposal",
    )  # fmt: skip
