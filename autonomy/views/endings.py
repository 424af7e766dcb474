"""The later stations of an act: who said yes, what was done, what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from autonomy.models import Replay
from autonomy.views.parts import DECISIONS, spaced
from autonomy.views.stations import Item, Station, made, who
from autonomy.views.story import Told
from autonomy.views.story_words import (
    OUTCOMES,
    PROOFS,
    counted,
    plain,
    sentence,
    when,
)
from autonomy.views.words import CAUSES, asker, taken_back
from ledger.models import Entry
from ledger.rules.kinds import Kind

ASKED: dict[str, str] = {
    Kind.APPROVAL_REQUESTED: "A person was asked",
    Kind.APPROVAL_REMINDED: "They were reminded",
    Kind.APPROVAL_ESCALATED: "It went on to an approver",
    Kind.APPROVAL_SNOOZED: "The decision was put off",
    Kind.APPROVAL_DELEGATED: "It was handed on",
    Kind.APPROVAL_EDITED: "It was changed",
    Kind.APPROVAL_WITHDRAWN: "The question was taken back",
    Kind.APPROVAL_APPROVED: "Approved",
    Kind.APPROVAL_REJECTED: "Rejected",
    Kind.APPROVAL_EXPIRED: "Nobody decided in time",
}
REPLAYS = {"COMPLETED": "good", "FAILED": "bad", "REQUESTED": "run", "STARTED": "run"}
WOULD = {
    "person": "a person would be given it to do",
    "house": "the house itself would do it",
    "tool": "the tool {tool} would be called",
    "connector": "{connector} would be reached",
}
HANDS = {"house": "the house itself", "person": "a person, who was given a task"}
ENDS = (
    Kind.EXECUTION_SUCCEEDED,
    Kind.EXECUTION_FAILED,
    Kind.EXECUTION_DOUBTED,
    Kind.EXECUTION_SETTLED,
)
TONES = {"SUCCEEDED": "good", "UNDONE": "good", "FAILED": "bad", "IN_DOUBT": "wait"}


def approval(told: Told) -> Station | None:
    """Whether a person was asked, and what they said."""
    lines = told.said(*ASKED)
    if not lines:
        verdict = told.last(Kind.INTENT_JUDGED)
        if verdict is None or verdict.data["decision"] != "AUTO_EXECUTE":
            return None
        said = "Nobody had to be asked: policy lets this run by itself."
        return made("approval", "Approval", said, ())
    last = lines[-1]
    return made(
        "approval",
        "Approval",
        _answer(told, last),
        lines,
        tone=_tone(last.kind),
        by=who(last, told.names),
        items=[_question(each, told) for each in lines],
    )


def _tone(kind: str) -> str:
    if kind == Kind.APPROVAL_APPROVED:
        return "good"
    over = (Kind.APPROVAL_REJECTED, Kind.APPROVAL_EXPIRED, Kind.APPROVAL_WITHDRAWN)
    return "out" if kind in over else "wait"


def _answer(told: Told, last: Entry) -> str:
    by = who(last, told.names)
    match last.kind:
        case Kind.APPROVAL_APPROVED:
            return f"{by} said yes to exactly this."
        case Kind.APPROVAL_REJECTED:
            cause = CAUSES.get(last.data["cause"], "")
            return f"{by} said no. {sentence(cause)}".strip()
        case Kind.APPROVAL_EXPIRED:
            return "Nobody decided in time, so it will not be done."
        case Kind.APPROVAL_WITHDRAWN:
            return "The question was taken back before anybody answered."
        case _:
            return waiting(told)


def waiting(told: Told) -> str:
    """For whom it waits, and until when."""
    asked = told.asked
    if asked is None:
        return "It waits for a person."
    if asked.assigned_to is not None:
        whom = str(asked.assigned_to.person)
    elif asked.requires_role == "SELLER" and asked.escalated_at is None:
        whom = str(told.account.owner.person) if told.account.owner else "an approver"
    else:
        whom = "an approver"
    return f"It waits for {whom} to decide, until {when(asked.expires_at)}."


def _question(entry: Entry, told: Told) -> Item:
    data = entry.data
    more = f"{who(entry, told.names)}, {when(entry.at)}"
    if "seconds" in data:
        more = f"{more}, {_took(data['seconds'])} after being asked"
    if entry.kind == Kind.APPROVAL_DELEGATED:
        more = f"{more}, to {told.names.get(data['to'], 'somebody')}"
    return Item(what=ASKED[entry.kind], more=more)


def _took(seconds: float) -> str:
    if seconds < 90:
        return counted(max(1, round(seconds)), "second")
    if seconds < 5400:
        return counted(round(seconds / 60), "minute")
    return counted(round(seconds / 3600), "hour")


def permit(told: Told) -> Station | None:
    """Leave to do one exact thing once."""
    lines = told.said(Kind.PERMIT_MINTED, Kind.PERMIT_SPENT)
    minted = told.last(Kind.PERMIT_MINTED)
    if minted is None:
        return None
    data, spent = minted.data, lines[-1].kind == Kind.PERMIT_SPENT
    by = "a person’s yes" if data["source"] == "HUMAN" else "policy"
    said = f"Leave to do exactly this once was given, by {by}"
    over = told.intent is not None and told.intent.status == "CANCELLED"
    tone = "good" if spent else "out" if over else "run"
    end = (
        ", and used up by its start." if spent else ", and never used." if over else "."
    )
    facts = [
        ("Valid until", when(datetime.fromisoformat(data["expires_at"]))),
        ("Action", data["action_digest"]),
        ("Facts", data["facts_digest"]),
        ("Policy", data["policy_version"]),
    ]
    return made("permit", "Permit", f"{said}{end}", lines, tone=tone, facts=facts)


def execution(told: Told) -> Station | None:
    """What was done, by which tool, in how many tries."""
    called_off = (Kind.INTENT_RETRACTED, Kind.INTENT_GIVEN_UP)
    lines = told.said(Kind.EXECUTION_STARTED, *ENDS, *called_off)
    act = told.execution
    if lines and lines[-1].kind in called_off:
        return _never_started(told, lines)
    if act is None:
        return None
    said = {
        "STARTED": "It is being done.",
        "SUCCEEDED": "It was done.",
        "UNDONE": "It was done.",
        "FAILED": f"It failed. {sentence(act.error)}".strip(),
        "IN_DOUBT": "Nobody knows whether it was done: the tool gave no clear answer. "
        "It is not tried again until somebody says.",
    }[act.status]
    facts = [
        ("By", HANDS.get((act.outcome or {}).get("by", ""), "its tool")),
        ("Tool", act.tool or "—"),
        ("Tries", str(act.attempts)),
        ("Started", when(act.started_at)),
    ]
    if act.finished_at:
        facts.append(("Ended", when(act.finished_at)))
    settled = (act.outcome or {}).get("settled") or {}
    if settled.get("note"):
        facts.append(("How somebody knew", str(settled["note"])))
    if len(told.executions) > 1:
        facts.append(("Executions", f"{len(told.executions)}, with its replays"))
    tone = TONES.get(act.status, "run")
    return made("execution", "Execution", said, lines, tone=tone, facts=facts)


def _never_started(told: Told, lines: Sequence[Entry]) -> Station:
    last = lines[-1]
    why = sentence(str(last.data.get("reason") or last.data.get("error") or ""))
    if last.kind == Kind.INTENT_GIVEN_UP:
        said, tone = f"It broke every time before it could start. {why}", "bad"
    else:
        said = f"{who(last, told.names)} called it off before it started. {why}"
        tone = "out"
    return made("execution", "Execution", said.strip(), lines, tone=tone)


def outcome(told: Told) -> Station | None:
    """What became of it, in the taxonomy that is learned from."""
    lines, waits = told.said(Kind.OUTCOME_RECORDED), _waits(told)
    if not lines:
        return made("outcome", "Outcome", waits, (), tone="wait") if waits else None
    echoes = [e for e in told.said(Kind.SIGNAL_RECEIVED) if e.intent_id is not None]
    items = [Item(what=_came(each), more=when(each.at)) for each in lines]
    last = lines[-1].data["taxonomy"]
    facts = [("Learned from", "yes: the ranking of later proposals sees it")]
    if echoes:
        facts.append(("Told on", "as a signal, so that what follows can build on it"))
    tone = "bad" if last in ("EXECUTION_FAILED", "NEGATIVE_RESPONSE") else "good"
    said = f"{_came(lines[-1])}. {waits}".strip()
    all_ = sorted([*lines, *echoes], key=lambda each: each.number)
    more: dict[str, Any] = {"items": items, "facts": facts, "at": lines[-1].at}
    return made("outcome", "Outcome", said, all_, tone=tone, **more)


def _waits(told: Told) -> str:
    """What is not known of it yet: whether it was done, or whether they answer."""
    act = told.execution
    if act is not None and act.status == "IN_DOUBT":
        return "Not known yet: somebody has to say whether it was done."
    answer = told.answer
    if answer is None:
        return ""
    if answer.came:
        return "Somebody of the account was heard of since."
    until = when(answer.until)
    return f"No answer from the account yet: it is waited for until {until}."


def _came(entry: Entry) -> str:
    taxonomy = entry.data["taxonomy"]
    return OUTCOMES.get(taxonomy, spaced(taxonomy))


def undo(told: Told) -> Station | None:
    """Whether it was taken back, and how that is known."""
    kinds = (Kind.UNDO_REQUESTED, Kind.UNDO_CONFLICTED, Kind.UNDO_FAILED)
    lines = told.said(*kinds, Kind.EXECUTION_UNDONE)
    if not lines or not told.undos:
        return None
    row = told.undos[-1]
    facts = [("Asked by", f"{asker(row)}, {when(row.asked_at)}")]
    if row.reason:
        facts.append(("Reason", row.reason))
    said, tone = {
        "REQUESTED": ("It is being taken back.", "run"),
        "DONE": (f"{taken_back(row)} {PROOFS.get(row.proof, '')}".strip(), "good"),
        "CONFLICT": (
            "Somebody had changed it since, so it was left as it is.",
            "bad",
        ),
        "FAILED": (f"It could not be taken back. {sentence(row.error)}", "bad"),
        "IN_DOUBT": (
            f"Nobody knows whether it was taken back. {sentence(row.error)}",
            "wait",
        ),
    }[row.status]
    facts += _found(row.found or {})
    more = {"facts": facts, "is_open": row.status == "CONFLICT"}
    return made("undo", "Undo", said, lines, tone=tone, **more)


def _found(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What stands there now, in place of what the act left."""
    if "field" in found and "value" in found:
        return [(f"{spaced(str(found['field']))}, now", plain(found["value"]))]
    return [(f"{spaced(name)}, now", plain(value)) for name, value in found.items()]


def replays(told: Told) -> list[Station]:
    """Each time that it was gone through again."""
    return [_replay(each, told) for each in told.replays]


def _replay(row: Replay, told: Told) -> Station:
    kinds = (
        Kind.REPLAY_REQUESTED,
        Kind.REPLAY_STARTED,
        Kind.REPLAY_COMPLETED,
        Kind.REPLAY_FAILED,
    )
    lines = [e for e in told.said(*kinds) if e.subjects.get("replay") == str(row.pk)]
    result: dict[str, Any] = row.result or {}
    verdict = result.get("verdict") or {}
    facts = [("Reason", row.reason)]
    if verdict:
        facts.append(("Verdict now", DECISIONS[verdict["decision"]][0]))
        facts.append(("Why", plain(verdict.get("explanation"))))
    facts += _differences(result.get("differs") or {})
    title = "Replay" if row.commit else "Dry replay"
    said = _replayed(row, result)
    by = who(lines[0], told.names) if lines else ""
    link = ("", "")
    if (result.get("may_commit") or {}).get("allowed"):
        page = reverse("admin:autonomy_replay_change", args=[row.pk])
        link = (page, "Replay it for good, in the admin")
    more: dict[str, Any] = {"facts": facts, "link": link, "by": by, "at": row.asked_at}
    key = f"replay-{row.pk}"
    return made(key, title, said, lines, tone=REPLAYS[row.status], **more)


def _replayed(row: Replay, result: dict[str, Any]) -> str:
    if row.commit:
        ended = {"COMPLETED": "It was done this time.", "FAILED": "Nothing came of it."}
        said = ended.get(row.status, "It is on its way again.")
        return f"{said} {sentence(row.error)}".strip()
    would = result.get("would") or {}
    named = {"tool": would.get("tool"), "connector": would.get("connector")}
    how = WOULD.get(str(would.get("by")), "it would be done").format(**named)
    said = f"Nothing was done. If it were done now, {how}."
    may = result.get("may_commit") or {}
    return said if may.get("allowed", True) else f"{said} {sentence(may['why'])}"


def _differences(differs: dict[str, Any]) -> list[tuple[str, str]]:
    """What has changed since, each as then and now."""
    told = [
        (f"{spaced(name)} then, now", f"{plain(pair[0])} → {plain(pair[1])}")
        for part in ("verdict", "layers", "facts")
        for name, pair in (differs.get(part) or {}).items()
    ]
    return told[:12] or [("Then and now", "no difference")]
