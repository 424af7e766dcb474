"""R7: who may do what to a plan, as one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from autonomy.rules.approvals import APPROVERS, DECIDERS, Hindrance
from perception.rules.roles import Role

__all__ = ["Hindrance", "Standing", "Verb", "hindrance"]


class Verb(StrEnum):
    """What people do to plans."""

    PROPOSE = "propose"
    EDIT = "edit"
    APPROVE = "approve"
    ACTIVATE = "activate"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    REVISE = "revise"
    ACCEPT = "accept"
    WAIVE = "waive"
    SKIP = "skip"
    RETRY = "retry"


class Who(StrEnum):
    """By what somebody may; approvers and admins are editors of every plan."""

    ACCOUNT_OWNER_OR_EDITOR = "ACCOUNT_OWNER_OR_EDITOR"
    OWNER_OR_EDITOR = "OWNER_OR_EDITOR"
    OTHER_APPROVER = "OTHER_APPROVER"
    ACCOUNT_OWNER = "ACCOUNT_OWNER"


TABLE: Mapping[Verb, Who] = {
    Verb.PROPOSE: Who.ACCOUNT_OWNER_OR_EDITOR,
    Verb.EDIT: Who.OWNER_OR_EDITOR,
    Verb.APPROVE: Who.OTHER_APPROVER,
    Verb.ACTIVATE: Who.OWNER_OR_EDITOR,
    Verb.PAUSE: Who.OWNER_OR_EDITOR,
    Verb.RESUME: Who.OWNER_OR_EDITOR,
    Verb.ABORT: Who.OWNER_OR_EDITOR,
    Verb.REVISE: Who.OWNER_OR_EDITOR,
    Verb.ACCEPT: Who.ACCOUNT_OWNER,
    Verb.WAIVE: Who.OWNER_OR_EDITOR,
    Verb.SKIP: Who.OWNER_OR_EDITOR,
    Verb.RETRY: Who.OWNER_OR_EDITOR,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What somebody is to a plan."""

    role: Role
    # The plan is theirs.
    owns: bool
    # They proposed it, or were the last to edit it.
    proposed: bool
    owns_account: bool


def hindrance(verb: Verb, standing: Standing, *, risk: str) -> Hindrance | None:
    """Why somebody may not; None where they may.

    `risk` is the plan's. Whether policy may approve depends on it (`beyond_policy`);
    where a person approves, it is an approver at any risk.
    """
    if standing.role not in DECIDERS:
        return Hindrance.NOT_YOURS
    who = TABLE[verb]
    if who is Who.OTHER_APPROVER:
        return _approves(standing)
    return None if _may(who, standing) else Hindrance.NOT_YOURS


def _may(who: Who, standing: Standing) -> bool:
    is_editor = standing.role in APPROVERS
    if who is Who.ACCOUNT_OWNER_OR_EDITOR:
        return standing.owns_account or is_editor
    if who is Who.OWNER_OR_EDITOR:
        return standing.owns or is_editor
    return standing.owns_account or standing.role == Role.ADMIN


def _approves(standing: Standing) -> Hindrance | None:
    """Sellers are told to ask an approver; where it is not theirs, nothing."""
    if standing.role not in APPROVERS:
        is_theirs = standing.owns or standing.owns_account
        return Hindrance.NEEDS_APPROVER if is_theirs else Hindrance.NOT_YOURS
    return Hindrance.SELF_APPROVAL if standing.proposed else None
