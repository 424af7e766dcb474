"""What the newest brief and review told a reader, for their digest's page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.urls import reverse

from autonomy.models import Intent, Told
from autonomy.views.account_words import TIERS
from autonomy.views.parts import Said
from autonomy.views.words import INTENTS, action
from perception.accounts import visible_to
from perception.rules.callers import Caller
from perception.rules.heat import Tier

BRIEF, REVIEW = "RITUAL_MORNING_BRIEF", "RITUAL_WEEKLY_REVIEW"
# What waits: one of it, and more.
WAITS: Mapping[str, tuple[str, str]] = {
    "approvals": ("question", "questions"),
    "doubts": ("act whose end is unclear", "acts whose end is unclear"),
    "held": ("message held back", "messages held back"),
    "parked": ("stopped run", "stopped runs"),
}
# Still as it was when it was told of.
ASKED = "AWAITING_APPROVAL"
# So many accounts are shown at once; the others are unfolded.
FIRST = 5


@dataclass(frozen=True, kw_only=True)
class Spot:
    """An account, what is said of it, and where that is decided."""

    name: str
    url: str
    more: str = ""
    rank: int = 0
    what: str = ""
    decides: str = ""
    state: Said | None = None


@dataclass(frozen=True, kw_only=True)
class Group:
    """Accounts of a review: at once, unfolded, and those that are only counted."""

    first: Sequence[Spot]
    rest: Sequence[Spot]
    others: int = 0


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What a morning proposed."""

    day: date
    next: Sequence[Spot]
    preparing: Sequence[Spot]
    waiting: str


@dataclass(frozen=True, kw_only=True)
class Review:
    """How a seller's accounts stood on a Monday."""

    day: date
    ranks: Group
    neglected: Group


class Morning:
    """The newest of each that the reader was told; `None` where there was none."""

    def __init__(self, caller: Caller) -> None:
        self._mine = Told.objects.filter(
            tenant_id=caller.tenant, member_id=caller.membership
        ).select_related("ritual")
        brief, review = self._newest(BRIEF), self._newest(REVIEW)
        # Of accounts that are not the reader's any more, nothing is told.
        seen = visible_to(caller).filter(pk__in={*_named(brief), *_named(review)})
        self._names = {str(id_): name for id_, name in seen.values_list("id", "name")}
        self.brief = self._brief(brief) if brief else None
        self.review = self._review(review) if review else None

    def _newest(self, kind: str) -> Told | None:
        return self._mine.filter(ritual__kind=kind).order_by("-id").first()

    def _brief(self, told: Told) -> Brief:
        proposed = told.body["next"]
        intents = Intent.objects.filter(
            tenant_id=told.tenant_id, pk__in=[each["intent"] for each in proposed]
        )
        status = {str(id_): now for id_, now in intents.values_list("id", "status")}
        return Brief(
            day=told.ritual.day,
            next=self._spots(proposed, lambda each: _proposed(each, status)),
            preparing=self._spots({"account": id_} for id_ in told.body["preparing"]),
            waiting=_waiting(told.body["waiting"]),
        )

    def _review(self, told: Told) -> Review:
        ranks = self._spots(told.body["accounts"], _ranked)
        lost = self._spots(told.body["neglected"], _neglected)
        unnamed = told.body["neglected_count"] - len(told.body["neglected"])
        return Review(
            day=told.ritual.day,
            ranks=Group(first=ranks[:FIRST], rest=ranks[FIRST:]),
            neglected=Group(first=lost[:FIRST], rest=lost[FIRST:], others=unnamed),
        )

    def _spots(self, told: Iterable[Mapping[str, Any]], more: Any = None) -> list[Spot]:
        return [
            Spot(
                name=self._names[each["account"]],
                url=reverse("account-page", args=[each["account"]]),
                **(more(each) if more else {}),
            )
            for each in told
            if each["account"] in self._names
        ]


def _named(told: Told | None) -> set[str]:
    """The accounts that are told of."""
    body = told.body if told else {}
    listed = [
        *body.get("next", ()), *body.get("accounts", ()), *body.get("neglected", ()),
    ]  # fmt: skip
    return {each["account"] for each in listed} | set(body.get("preparing", ()))


def _proposed(each: Mapping[str, Any], status: Mapping[str, str]) -> dict[str, Any]:
    now = status.get(each["intent"], ASKED)
    return {
        "what": action(each["action_type"]),
        "decides": reverse("approval-page", args=[each["approval"]]),
        "state": None if now == ASKED else INTENTS[now],
    }


def _waiting(counts: Mapping[str, int]) -> str:
    """What waits, in words."""
    said = [
        f"{counts[key]} {one if counts[key] == 1 else more}"
        for key, (one, more) in WAITS.items()
        if counts.get(key)
    ]
    return ", ".join(said)


def _ranked(each: Mapping[str, Any]) -> dict[str, Any]:
    warmth = TIERS[Tier(each["tier"])]
    return {"rank": each["rank"], "more": f"{warmth}, {_moved(each)}"}


def _moved(each: Mapping[str, Any]) -> str:
    """Where it stood a week ago."""
    if each["before"] is None:
        return "new in the list"
    up = each["before"] - each["rank"]
    if not up:
        return "as a week ago"
    return f"{'up' if up > 0 else 'down'} {abs(up)} from {each['before']}"


def _neglected(each: Mapping[str, Any]) -> dict[str, Any]:
    days = f"{each['days']} day{'' if each['days'] == 1 else 's'}"
    if each["why"] == "UNANSWERED":
        return {"more": f"Waits for an answer for {days}"}
    return {"more": f"Nobody has turned to it for {days}"}
