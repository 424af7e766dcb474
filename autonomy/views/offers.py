"""What the reader can do about what waits, and why not where they cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.urls import reverse
from django.utils.timezone import get_current_timezone, localtime

from autonomy import deciding, looks
from autonomy.models import Approval, Execution, Intent, Run
from autonomy.rules.approvals import DECIDERS, Hindrance
from autonomy.views.parts import Act
from perception.rules.callers import Caller
from perception.rules.roles import Role

HINDERED: Mapping[Hindrance, str] = {
    Hindrance.NOT_YOURS: "The owner of the account decides this.",
    Hindrance.NEEDS_APPROVER: "An approver decides this.",
    Hindrance.SELF_APPROVAL: "It is your own idea or edit, so somebody else approves it.",
}
READER = "You read here; sellers, approvers and admins decide."
MORNING = time(9)
MONDAY = 0


@dataclass(frozen=True, kw_only=True)
class Later:
    """A time to be asked again at."""

    key: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers to one question: where they go, and which of them are the reader's."""

    payload_hash: str
    shown: str
    here: str
    page: str
    is_proposal: bool
    is_cut: bool
    may_approve: bool
    why_not: str
    may_reject: bool
    may_edit: bool
    later: Sequence[Later]

    @property
    def any(self) -> bool:
        return self.may_approve or self.may_reject


def answers(
    row: Approval, caller: Caller, *, now: datetime, here: str, is_cut: bool = False
) -> Answers:
    """What the caller may answer to a question."""
    yes, no = (_hindrance(row, caller, is_yes=is_yes) for is_yes in (True, False))
    why_not = HINDERED[yes] if yes else ""
    is_reader = caller.role not in DECIDERS
    may_change = no is None and row.intent.replay_id is None
    return Answers(
        payload_hash=row.payload_hash,
        shown=looks.shown(row.id, caller, now=now),
        here=here,
        page=reverse("approval-page", args=[row.id]),
        is_proposal=row.intent.status == Intent.Status.PROPOSED,
        is_cut=is_cut,
        may_approve=yes is None,
        why_not=READER if is_reader else why_not,
        may_reject=no is None,
        may_edit=may_change,
        later=later(now, row.expires_at) if no is None else [],
    )


def asked_about(row: Approval) -> Mapping[str, Any]:
    """What would be done; where an edit made an end of it, what was asked then."""
    ended = [each for each in row.edits if each["approval"] == str(row.id)]
    found: Mapping[str, Any] = ended[-1]["before"] if ended else row.intent.parameters
    return found


def moments(now: datetime) -> dict[str, tuple[str, datetime]]:
    """Times to put something off to, in the tenant's day."""
    here = localtime(now)
    zone = get_current_timezone()
    tomorrow = here.date() + timedelta(days=1)
    monday = tomorrow + timedelta(days=(MONDAY - tomorrow.weekday()) % 7)
    return {
        "hour": ("In an hour", now + timedelta(hours=1)),
        "four": ("In four hours", now + timedelta(hours=4)),
        "tomorrow": (
            "Tomorrow at 9",
            datetime.combine(tomorrow, MORNING, tzinfo=zone),
        ),
        "monday": ("Monday at 9", datetime.combine(monday, MORNING, tzinfo=zone)),
    }


def later(now: datetime, before: datetime) -> list[Later]:
    """Those that come before it is too late; on Sundays tomorrow is Monday, once."""
    found: dict[datetime, Later] = {}
    for key, (said, at) in moments(now).items():
        found.setdefault(at, Later(key=key, words=said))
    return [each for at, each in found.items() if at < before]


def of_doubt(
    row: Execution, caller: Caller, *, title: str, can_look: bool
) -> list[Act]:
    """Ask the tool, or say how it ended."""
    if caller.role not in DECIDERS:
        return []
    look = Act(
        key=f"look-{row.id}",
        word="Look it up",
        of=title,
        url=_doubt(row, "look"),
        about="The tool is asked whether it was done. If it can tell, that settles it.",
        confirm="Ask the tool",
        tone="good",
        asks=False,
    )
    done = Act(
        key=f"done-{row.id}",
        word="It was done",
        of=title,
        url=_doubt(row, "done"),
        about="You have seen that it was done. It then counts as done, once and for all.",
        confirm="Settle it as done",
    )
    missing = Act(
        key=f"missing-{row.id}",
        word="It was not done",
        of=title,
        url=_doubt(row, "missing"),
        about="You have seen that it was not done. It then counts as failed.",
        confirm="Settle it as not done",
    )
    return [*([look] if can_look else []), done, missing]


def of_held(row: Intent, caller: Caller, *, title: str) -> list[Act]:
    """Until it goes out, it can be pulled back."""
    if caller.role not in DECIDERS:
        return []
    undo = Act(
        key=f"undo-{row.id}",
        word="Undo",
        of=f"{title} to {row.account.name}",
        url=reverse("held-page-undo", args=[row.id]),
        about="It is pulled back and does not go out. Its share of the budget comes back.",
        confirm="Pull it back",
        tone="bad",
    )
    return [undo]


def of_parked(row: Run, caller: Caller) -> list[Act]:
    """Admins send it on its way again."""
    if caller.role is not Role.ADMIN:
        return []
    retry = Act(
        key=f"retry-{row.id}",
        word="Retry",
        of=f"the run at {row.account.name}",
        url=reverse("run-page-retry", args=[row.id]),
        about="It goes on from where it stopped. If nobody retries it, it stays as it is.",
        confirm="Try it again",
        tone="good",
        asks=False,
    )
    return [retry]


def _hindrance(row: Approval, caller: Caller, *, is_yes: bool) -> Hindrance | None:
    return deciding.hindrance_of(
        row,
        caller.membership,
        caller.role,
        is_yes=is_yes,
        is_assigned=row.assigned_to_id == caller.membership,
    )


def _doubt(row: Execution, verb: str) -> str:
    return reverse("doubt-page-settle", args=[row.id, verb])
