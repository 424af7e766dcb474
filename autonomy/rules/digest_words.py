"""A digest in words: the same lines in a mail, in its text and on its page. O3."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Body = Mapping[str, Any]
Clock = Callable[[str], datetime]

# What shipped action types do, as one tells somebody to do it.
ACTIONS: Mapping[str, str] = {
    "send_follow_up_email": "Send a follow-up e-mail",
    "send_routine_response": "Send a routine answer",
    "send_chat_message": "Send a chat message",
    "schedule_meeting": "Schedule a meeting",
    "qualify_conversation": "Qualify the conversation",
    "progress_early_stage": "Move the deal to an early stage",
    "update_account_context": "Note something about the account",
    "create_briefing": "Write a briefing",
    "log_interaction": "Log an interaction",
    "create_internal_note": "Write an internal note",
    "create_follow_up_task": "Create a follow-up task",
    "generate_meeting_brief": "Write a brief for a meeting",
    "draft_email": "Draft an e-mail",
    "open_approval_request": "Open a request for approval",
    "prep_renewal_brief": "Write a brief for the renewal",
    "send_proposal": "Send a proposal",
    "discuss_pricing": "Write about prices",
    "negotiate_terms": "Write about terms",
    "progress_past_evaluation": "Move the deal past evaluation",
    "contact_c_suite": "Write to the top management",
    "share_minutes_externally": "Share minutes outside",
    "modify_account_plan": "Change the plan of the account",
    "escalate_to_management": "Escalate to management",
    "send_email": "Send an e-mail",
    "contact_customer": "Write to the customer",
    "change_opportunity_stage": "Change the stage of the deal",
    "change_forecast": "Change the forecast",
    "modify_pricing": "Change a price",
    "modify_discount": "Change a discount",
    "request_renewal_meeting": "Ask for a meeting about the renewal",
    "escalate_support_risk": "Escalate a support risk",
}
STATUSES: Mapping[str, str] = {
    "SUCCEEDED": "done",
    "STARTED": "under way",
    "FAILED": "failed",
    "IN_DOUBT": "unclear",
    "UNDONE": "taken back",
}
REASONS: Mapping[str, str] = {
    "NOT_OPTED_IN": "Scheduled work is not opted in to",
    "NO_BUDGET": "No budget is set",
    "DIGEST_NOT_DELIVERED": "A digest had not arrived",
    "TENANT_POLICY": "Policy leaves it to a person",
    "CONFIDENCE_LOW": "Not sure enough",
    "KILL_SWITCH": "A kill switch was on",
    "OPTED_OUT": "The contact wants no messages",
    "CONTACT_CAP": "The contact had enough messages",
    "BUDGET_EXHAUSTED": "The day's budget was used up",
    "STAGE_GATED": "The deal is too far on",
    "APPROVAL_TIER": "A person always decides it",
    "HARD_STOP": "Never done",
    "MODE_APPROVAL": "Autopilot is not on",
    "MODE_ASSIST": "Autopilot is not on",
    "REVIEW_SAMPLE": "Chosen by chance for a second look",
    "MODE_DISABLED": "It is switched off",
    "EXTERNAL_CONTACT": "It reaches people outside",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: what, at which account, and more of it in small."""

    what: str
    where: str = ""
    more: str = ""
    tone: str = ""
    # What a page can do about it: the noun and the id.
    about: str = ""
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One heading with its lines; `rest`: how many more there are."""

    key: str
    title: str
    count: int
    lines: Sequence[Line] = field(default_factory=tuple)
    rest: int = 0


def headline(body: Body) -> str:
    """The whole digest in a few words."""
    counts = (
        ("did", "{} run by autopilot"),
        ("waits", "{} waiting for you"),
        ("held", "{} held back"),
        ("doubts", "{} unclear"),
    )
    said = [
        words.format(body[name]["count"])
        for name, words in counts
        if body[name]["count"]
    ]
    return ", ".join(said) or "nothing happened"


def is_quiet(body: Body) -> bool:
    """Whether nothing happened, and nothing waits."""
    return not any(body[name]["count"] for name in ("did", "held", "waits", "doubts"))


def told(body: Body, at: Clock) -> list[Section]:
    """Its sections: what waits and is unclear first; those with nothing are left out."""
    found = (
        _section("waits", "Waiting for you", body, lambda each: _wait(each, at)),
        _section("doubts", "Unclear: please say how it ended", body, _doubt),
        _section("did", "Run by autopilot", body, lambda each: _done(each, at)),
        _held(body),
        _section("plans", "Plans", body, lambda each: _plan(each, at)),
        _section("goals", "Goals", body, _goal),
        _section("alerts", "Tools", body, _alert),
    )
    return [section for section in found if section.count]


def spaced(key: str) -> str:
    """A key as words."""
    words = key.replace("_", " ").strip().capitalize()
    return re.sub(r"\bcrm\b", "CRM", words, flags=re.IGNORECASE)


def named(key: str) -> str:
    """What an action type does, in words."""
    return ACTIONS.get(key) or spaced(key)


def because(reason: str) -> str:
    """A reason as words."""
    return REASONS.get(reason, spaced(reason.lower()))


def _section(key: str, title: str, body: Body, line: Callable[[Body], Line]) -> Section:
    items = body[key]["items"]
    count = body[key]["count"]
    return Section(
        key=key,
        title=title,
        count=count,
        lines=[line(each) for each in items],
        rest=max(count - len(items), 0),
    )


def _held(body: Body) -> Section:
    held = body["held"]
    lines = [_reason(each) for each in held["reasons"]]
    rest = held["count"] - sum(each["count"] for each in held["reasons"])
    return Section(
        key="held",
        title="Held back, and why",
        count=held["count"],
        lines=lines,
        rest=max(rest, 0),
    )


def _reason(each: Body) -> Line:
    examples = [
        f"{named(one['action_type'])} at {one['name']}" for one in each["examples"]
    ]
    more = each["count"] - len(examples)
    if more > 0:
        examples.append(f"{more} more")
    return Line(
        what=f"{each['count']} × {because(each['reason'])}",
        where="stopped" if each["blocked"] else "asks a person",
        more=f"{each['why']} {'; '.join(examples)}".strip(),
        tone="bad" if each["blocked"] else "wait",
    )


def _wait(each: Body, at: Clock) -> Line:
    return Line(
        what=named(each["action_type"]),
        where=each["name"],
        more=f"Expires {_when(at(each['expires_at']))}",
        tone="wait",
        about="approval",
        id=each["approval"],
    )


def _doubt(each: Body) -> Line:
    return Line(
        what=named(each["action_type"]),
        where=each["name"],
        more=each["why"] or "Nobody knows whether it was done.",
        tone="bad",
        about="execution",
        id=each["execution"],
    )


def _done(each: Body, at: Clock) -> Line:
    until = each["undo_until"]
    status = STATUSES.get(each["status"], spaced(each["status"].lower()))
    said = [f"{status.capitalize()} {_when(at(each['at']))}"]
    if each["can_undo"]:
        said.append(
            f"can be undone until {_day(at(until))}" if until else "can be undone"
        )
    is_bad = each["status"] in ("FAILED", "IN_DOUBT")
    return Line(
        what=named(each["action_type"]),
        where=each["name"],
        more=" · ".join(said),
        tone="bad" if is_bad else "good",
        about="execution" if each["can_undo"] else "",
        id=each["execution"],
    )


def _plan(each: Body, at: Clock) -> Line:
    is_over = each["status"] in ("COMPLETED", "ABORTED", "EXPIRED", "FAILED")
    said = [spaced(each["status"].lower())]
    if not is_over:
        said.append(f"ends by {_when(at(each['expires_at']))}")
    return Line(
        what=spaced(each["plan_type"].lower()),
        where=each["name"],
        more=" · ".join(said),
        tone="run" if each["status"] == "ACTIVE" else "",
        about="plan",
        id=each["plan"],
    )


def _goal(each: Body) -> Line:
    if each["status"] == "ACTIVE":
        state = "on track" if each["on_track"] else "behind"
        days = each["days_left"]
        left = f"{days} day{'' if days == 1 else 's'} left"
        more = f"{each['percent']:g} % of the target, {each['due_percent']:g} % due by now · {left}"
    else:
        state = "reached" if each["status"] == "COMPLETED" else "missed"
        more = f"{each['percent']:g} % of the target"
    whose = each["name"] or ("yours" if each["is_mine"] else "everybody's")
    good = state in ("on track", "reached")
    return Line(
        what=f"{spaced(each['type'])}: {state}",
        where=whose,
        more=more,
        tone="good" if good else "wait",
    )


def _alert(each: Body) -> Line:
    words = "too slow" if each["about"] == "latency" else "failing too often"
    return Line(
        what=f"{each['tool']} is {words}"
        if each["is_open"]
        else f"{each['tool']} was {words}",
        more="It is still so." if each["is_open"] else "It is well again.",
        tone="bad" if each["is_open"] else "good",
    )


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b}"


def _when(at: datetime) -> str:
    return f"{at.day} {at:%b}, {at:%H:%M}"
