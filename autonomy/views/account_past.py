"""What happened at an account, newest first: the ledger's facts and who met whom."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse

from autonomy import undo as undos
from autonomy.models import Course, Execution, Intent
from autonomy.rules.approvals import DECIDERS
from autonomy.views.account_told import KINDS, Found, Happened, told_entry, told_met
from autonomy.views.parts import PUT_BACK, Act, spaced
from autonomy.views.words import action
from ledger.api import entries_about
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Account, Connector, Interaction, Membership, Signal
from perception.rules.callers import Caller

Row = Entry | Interaction
A_PAGE = 25
TALKS = "talks"
GROUPS: Mapping[str, str] = {
    "": "Everything",
    "signals": "Signals",
    TALKS: "Conversations",
    "decisions": "Decisions",
    "acts": "Acts",
    "undo": "Taken back",
    "plans": "Plans",
    "looks": "Looks",
    "changes": "Changes",
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in both lists one is: the last of each that was shown."""

    number: int | None = None
    at: datetime | None = None
    met: UUID | None = None

    @classmethod
    def of(cls, text: str) -> "Place":
        """As it stands in an address; what makes no sense is the beginning."""
        number, _, rest = text.partition("~")
        moment, _, met = rest.partition("~")
        try:
            return cls(
                number=int(number) if number else None,
                at=datetime.fromisoformat(moment) if moment else None,
                met=UUID(met) if met else None,
            )
        except ValueError:
            return cls()

    def __str__(self) -> str:
        moment = self.at.isoformat() if self.at else ""
        return f"{self.number or ''}~{moment}~{self.met or ''}"


@dataclass(frozen=True, kw_only=True)
class Past:
    """One page of it."""

    lines: Sequence[Happened]
    after: str = field(default="")


def past(account: Account, caller: Caller, show: str, place: Place) -> Past:
    """One page of what happened."""
    entries: Sequence[Row] = _entries(account, show, place)
    met: Sequence[Row] = _met(account, show, place)
    rows = [*merge(entries, met, key=lambda each: each.at, reverse=True)]
    shown = rows[:A_PAGE]
    found = _found(shown)
    acts = _undo_acts(found.executions, account, caller)
    lines = [
        told_met(each)
        if isinstance(each, Interaction)
        else told_entry(each, found, acts)
        for each in shown
    ]
    more = len(rows) > A_PAGE
    return Past(lines=lines, after=str(_last(shown, place)) if more else "")


def _entries(account: Account, show: str, place: Place) -> list[Entry]:
    kinds = [kind for kind, group in KINDS.items() if show in ("", group)]
    if show == TALKS or not kinds:
        return []
    rows = entries_about("account", account.pk).filter(kind__in=kinds)
    # An act's own echo says what its end said.
    echo = Q(kind=Kind.SIGNAL_RECEIVED, data__type="execution_outcome")
    if place.number is not None:
        rows = rows.filter(number__lt=place.number)
    return list(rows.exclude(echo).order_by("-number")[: A_PAGE + 1])


def _met(account: Account, show: str, place: Place) -> list[Interaction]:
    if show not in ("", TALKS):
        return []
    rows = Interaction.objects.filter(tenant_id=current_tenant(), account=account)
    if place.at is not None and place.met is not None:
        earlier = Q(at__lt=place.at) | Q(id__lt=place.met)
        rows = rows.filter(earlier, at__lte=place.at)
    return list(rows.order_by("-at", "-id")[: A_PAGE + 1])


def _last(shown: Sequence[Row], place: Place) -> Place:
    """The last of each list that was shown, or where one was."""
    number, at, met = place.number, place.at, place.met
    for each in shown:
        if isinstance(each, Interaction):
            at, met = each.at, each.id
        else:
            number = each.number
    return Place(number=number, at=at, met=met)


def _found(shown: Sequence[Row]) -> Found:
    """What lines speak of, each kind in one query."""
    entries = [each for each in shown if isinstance(each, Entry)]
    own: dict[str, Any] = {"tenant_id": current_tenant()}
    people = {each for entry in entries for each in _members(entry)}
    members = Membership.objects.filter(**own, pk__in=people).select_related("person")
    connectors = Connector.objects.filter(**own, pk__in=_named(entries, "connector"))
    return Found(
        signals=_by_id(Signal.objects.filter(**own, pk__in=_named(entries, "signal"))),
        intents=_by_id(
            Intent.objects.filter(**own, pk__in=_named(entries, "intent")).only(
                "action_type", "rationale", "origin", "status", "plan_id"
            )
        ),
        executions=_by_id(
            Execution.objects.filter(**own, pk__in=_named(entries, "execution")).defer(
                "before", "after"
            )
        ),
        plans={
            str(id_): spaced(type_)
            for id_, type_ in Course.objects.filter(
                **own, plan_id__in=_named(entries, "plan")
            ).values_list("plan_id", "plan_type")
        },
        sources={str(id_): name for id_, name in connectors.values_list("id", "name")},
        people={str(each.id): str(each.person) for each in members},
    )


def _by_id(rows: QuerySet[Any]) -> dict[str, Any]:
    return {str(each.pk): each for each in rows}


def _named(entries: Iterable[Entry], noun: str) -> set[str]:
    return {entry.subjects[noun] for entry in entries if noun in entry.subjects}


def _members(entry: Entry) -> set[str]:
    """People that a line names: who did it, and whom it went from or to."""
    found = {entry.actor["id"]} if entry.actor["type"] == "person" else set()
    if entry.kind == Kind.APPROVAL_DELEGATED:
        found.add(entry.data["to"])
    if entry.kind == Kind.ACCOUNT_CHANGED:
        owners = (entry.data[side].get("owner") for side in ("before", "after"))
        found |= set(filter(None, owners))
    return found


def _undo_acts(
    executions: Mapping[str, Execution], account: Account, caller: Caller
) -> dict[str, Act | str]:
    """What can be taken back, by the act's id; a text: why it cannot."""
    if caller.role not in DECIDERS:
        return {}
    found = {}
    for id_, stands in undos.standings_of([*executions.values()]).items():
        row = executions[str(id_)]
        found[str(id_)] = stands.why if not stands.can else Act(
            key=f"undo-{id_}",
            word="Undo",
            of=action(row.action_type),
            url=reverse("account-page-undo", args=[account.pk, id_]),
            about=PUT_BACK,
            confirm="Undo it",
            tone="bad",
        )  # fmt: skip
    return found
