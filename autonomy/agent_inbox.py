"""Questions as LangGraph's Agent Inbox shows them; its answers become decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from autonomy import asking, deciding, decisions
from autonomy.decisions import Decided
from autonomy.errors import MovedTarget, NoSuchApproval, NotYourDecision
from autonomy.models import Approval
from autonomy.rules.agent_inbox import IGNORED, Answer, cause_of, escaped, restored
from autonomy.rules.approvals import DECIDERS
from perception.rules.callers import Caller

SET_ASIDE = "Ignored in an inbox of agents."


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What stands after an answer. `detail`: what is still missing, or why."""

    approval: Approval
    detail: str = ""


def waiting_for(caller: Caller, *, now: datetime) -> QuerySet[Approval]:
    """The open questions that a caller sees and that nobody put off."""
    is_calm = Q(snoozed_until=None) | Q(snoozed_until__lte=now)
    rows = asking.seen_by(caller).filter(
        is_calm, status=Approval.Status.PENDING, expires_at__gt=now
    )
    beside = ("intent__replay", "verdict", "account", "tenant")
    return rows.select_related(*beside).defer("verdict__facts")


def shown(asked: Approval, caller: Caller) -> dict[str, Any]:
    """One question as a HumanInterrupt, and what tells it from others."""
    may_yes, may_no = (_may(asked, caller, is_yes=each) for each in (True, False))
    return {
        "id": asked.id,
        "action_request": {
            "action": asked.intent.action_type,
            "args": asked.intent.parameters,
        },
        "config": {
            "allow_accept": may_yes,
            # What is gone through again is gone through as it was.
            "allow_edit": may_no and asked.intent.replay_id is None,
            "allow_respond": may_no,
            "allow_ignore": may_no,
        },
        "description": described(asked),
        "intent": asked.intent_id,
        "account": asked.account_id,
        "payload_hash": asked.payload_hash,
        "expires_at": asked.expires_at,
    }


def described(asked: Approval) -> str:
    """Why a person is asked, in Markdown; what others wrote stays plain text."""
    path = reverse("approval-page", args=[asked.pk])
    why = f"{escaped(asked.verdict.explanation)} ({escaped(asked.verdict.reason)})"
    lines = [
        f"**Account:** {escaped(asked.account.name)}",
        f"**Why you are asked:** {why}",
    ]
    if asked.intent.rationale:
        lines.append(f"**Why it is proposed:** {escaped(asked.intent.rationale)}")
    lines.append(f"**Expires:** {asked.expires_at:%Y-%m-%d %H:%M} UTC")
    if settings.PUBLIC_URL:
        lines.append(f"[All about it]({settings.PUBLIC_URL}{path})")
    return "\n\n".join(lines)


def respond(id_: UUID, answer: Answer, args: Any, *, by: Caller) -> Answered:
    """Decide as the answer says.

    accept: approve exactly what stands. edit: change it, have it judged again, and
    approve that. response: reject, with the text as the note. ignore: reject for now.
    """
    match answer:
        case Answer.ACCEPT:
            return _told(_accepted(id_, args, by=by))
        case Answer.EDIT:
            return _edited(id_, args, by=by)
        case Answer.RESPONSE:
            cause, note = cause_of(args)
            return _told(decisions.reject(id_, cause, by=by, note=note))
        case Answer.IGNORE:
            return _told(decisions.reject(id_, IGNORED, by=by, note=SET_ASIDE))


def _accepted(id_: UUID, args: Any, *, by: Caller) -> Decided:
    """What is sent along is what was read: anything else has moved meanwhile."""
    if args:
        asked = asking.seen_by(by).select_related("intent").filter(pk=id_).first()
        if asked is None:
            raise NoSuchApproval(f"There is none with the id {id_}.")
        _insist_on_the_same(asked, args)
        if dict(_args(asked, args)) != asked.intent.parameters:
            raise MovedTarget("Its parameters are not those that were shown.")
    return decisions.approve(id_, by=by)


def _edited(id_: UUID, args: Any, *, by: Caller) -> Answered:
    asked = asking.seen_by(by).select_related("intent").filter(pk=id_).first()
    if asked is None:
        raise NoSuchApproval(f"There is none with the id {id_}.")
    _insist_on_the_same(asked, args)
    edited = decisions.edit(id_, _args(asked, args), by=by)
    if edited.approval.status != Approval.Status.PENDING:
        return _told(edited)
    try:
        with transaction.atomic():
            return _told(decisions.approve(edited.approval.id, by=by))
    except NotYourDecision as refusal:
        # The edit stands, and waits for somebody else.
        return Answered(approval=edited.approval, detail=str(refusal))


def _insist_on_the_same(asked: Approval, args: Mapping[str, Any]) -> None:
    if args["action"] != asked.intent.action_type:
        raise MovedTarget(f"The action is {asked.intent.action_type}.")


def _args(asked: Approval, args: Mapping[str, Any]) -> dict[str, Any]:
    return restored(args["args"], asked.intent.parameters)


def _told(decided: Decided) -> Answered:
    """Where nothing was allowed, what stands now must stay, and says why."""
    if decided.refusal is not None:
        decided.refusal.keeps = True
        raise decided.refusal
    return Answered(approval=decided.approval)


def _may(asked: Approval, caller: Caller, *, is_yes: bool) -> bool:
    if caller.role not in DECIDERS or asked.account.closed_at is not None:
        return False
    is_mine = asked.assigned_to_id == caller.membership
    found = deciding.hindrance_of(
        asked, caller.membership, caller.role, is_yes=is_yes, is_assigned=is_mine
    )
    return found is None
