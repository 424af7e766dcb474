"""What happened to a plan, in words: from the ledger, and from revision to revision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from autonomy.views.parts import by_whom, spaced
from autonomy.views.words import action
from ledger.api import entries_about
from ledger.models import Entry
from ledger.rules.kinds import MEANING, Kind
from ledger.scope import current_tenant
from perception.models import Membership
from plans.models import Plan, Revision
from plans.rules.lifecycle import Status
from plans.views.words import REASONS, STATUSES, STEPS

LINES = 60
MOVED: Mapping[str, str] = {
    Status.APPROVED: "The plan was approved",
    Status.ACTIVE: "The plan went on",
    Status.PAUSED: "The plan was paused",
    Status.DRAFT: "The plan went back to draft",
    Status.COMPLETED: "The plan was completed",
    Status.ABORTED: "The plan was aborted",
    Status.EXPIRED: "The plan expired",
}
# The plan's own course; what became of each act, its step's “Why?” and the JSON tell.
TOLD = (
    Kind.PLAN_PROPOSED,
    Kind.PLAN_EDITED,
    Kind.PLAN_MOVED,
    Kind.PLAN_REFUSED,
    Kind.PLAN_CLOSED,
    Kind.STEP_MOVED,
)
STARTED = "The plan was started"
ERASED = "Somebody was erased; the plan says so where it named them"
Data = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that happened."""

    what: str
    by: str
    at: datetime
    sealed: int | None
    tone: str = ""
    details: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """One revision, and how it differs from the one before."""

    number: int
    by: str
    at: datetime
    changes: Sequence[str] = field(default=())


def history(plan: Plan) -> list[Line]:
    """What the ledger says of it, newest first."""
    about = entries_about("plan", plan.pk).filter(kind__in=TOLD)
    found = list(about.order_by("-number")[:LINES])
    names = _names(each.actor for each in found)
    return [_line(each, names) for each in found]


def revisions(plan: Plan, titles: Mapping[str, str]) -> list[Change]:
    """What it was like before, newest first."""
    rows = Revision.objects.filter(tenant_id=current_tenant(), plan_id=plan.pk)
    return [
        Change(
            number=row.number,
            by=str(row.by.person) if row.by else "The house",
            at=row.at,
            changes=[_changed(each, titles) for each in row.changed],
        )
        for row in rows.select_related("by__person").order_by("-number")
    ]


def _line(entry: Entry, names: Mapping[str, str]) -> Line:
    what, tone, details = _words(entry)
    return Line(
        what=what,
        tone=tone,
        details=[each for each in details if each],
        by=by_whom(entry.actor, names),
        at=entry.at,
        sealed=entry.sequence,  # type: ignore[attr-defined]
    )


def _words(entry: Entry) -> tuple[str, str, Sequence[str]]:
    data: Data = entry.data
    match entry.kind:
        case Kind.PLAN_MOVED:
            return _moved(data)
        case Kind.STEP_MOVED:
            words, tone = STEPS.get(data["to"], (data["to"], ""))
            said = data.get("explanation") or _reason(data)
            return f"{action(data['action_type'])}: {words.lower()}", tone, [said]
        case Kind.PLAN_REFUSED:
            wanted = STATUSES.get(data["to"], (data["to"], ""))[0].lower()
            told = [each["detail"] for each in data["violations"]]
            return f"The plan was kept from becoming {wanted}", "bad", told
        case Kind.PLAN_EDITED if "erased" in data:
            return ERASED, "", []
        case _:
            return _meaning(entry.kind), "", []


def _moved(data: Data) -> tuple[str, str, Sequence[str]]:
    to, tone = data["to"], STATUSES.get(data["to"], ("", ""))[1]
    is_first = to == Status.ACTIVE and data["from"] == Status.APPROVED
    what = STARTED if is_first else MOVED.get(to, spaced(to))
    said = data.get("explanation") or ""
    if data["reason"].endswith("_BY_PERSON"):
        return what, tone, [f"“{said}”" if said else ""]
    return what, tone, [said or _reason(data)]


def _reason(data: Data) -> str:
    reason: str = data.get("reason") or ""
    return REASONS.get(reason, f"{spaced(reason.lower())}." if reason else "")


def _meaning(kind: str) -> str:
    """A kind of an earlier version keeps its bare name."""
    return MEANING[Kind(kind)].rstrip(".") if kind in MEANING else kind


def _names(actors: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The ledger names people by membership; here their names are looked up."""
    ids = {UUID(each["id"]) for each in actors if each["type"] == "person"}
    members = Membership.objects.filter(pk__in=ids).select_related("person")
    return {str(member.id): str(member.person) for member in members}


def _changed(change: Data, titles: Mapping[str, str]) -> str:
    """One difference, in words."""
    before, after = change.get("before"), change.get("after")
    if "step" not in change:
        shown = f"from “{_plain(before)}” to “{_plain(after)}”"
        return f"{spaced(change['field'])} changed {shown}."
    named = (after or before or {}).get("action_type", "")
    title = titles.get(change["step"], action(named) or "A step")
    if before is None:
        return f"{title} came in."
    if after is None:
        return f"{title} was taken out."
    names = [name for name in after if after[name] != before.get(name)]
    return f"{title}: {', '.join(map(_field, names))} changed."


def _field(name: str) -> str:
    return name.removesuffix("_digest").replace("_", " ")


def _plain(value: Any) -> str:
    return "nothing" if value in (None, "", {}, []) else str(value)
