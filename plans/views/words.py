"""Plans in words: statuses, reasons, what can be done, and why not."""

from collections.abc import Mapping
from dataclasses import dataclass

from autonomy.views.parts import Said, spaced
from plans.rules.authority import Verb
from plans.rules.lifecycle import Status, StepStatus
from plans.standing import SUBMIT
from plans.types.registry import type_of

STATUSES: Mapping[str, Said] = {
    Status.DRAFT: ("Draft", ""),
    Status.APPROVED: ("Approved, not started", "run"),
    Status.ACTIVE: ("Active", "good"),
    Status.PAUSED: ("Paused", "wait"),
    Status.COMPLETED: ("Completed", "good"),
    Status.ABORTED: ("Aborted", "bad"),
    Status.EXPIRED: ("Expired", ""),
}
STEPS: Mapping[str, Said] = {
    StepStatus.PENDING: ("To come", ""),
    StepStatus.PENDING_APPROVAL: ("Waits for a person", "wait"),
    StepStatus.RUNNING: ("Under way", "run"),
    StepStatus.DONE: ("Done", "good"),
    StepStatus.AUTO_EXECUTED: ("Done by policy", "good"),
    StepStatus.FAILED: ("Failed", "bad"),
    StepStatus.SKIPPED: ("Left out", "out"),
    StepStatus.CANCELLED: ("Cancelled", "out"),
}
REASONS: Mapping[str, str] = {
    "objective_met": "Its objective was met.",
    "all_steps_done": "All its required steps are done.",
    "OWNERSHIP_CHANGED": "The account has a new owner, who takes the plan over or lets "
    "it end.",
    "PAUSED_BY_PERSON": "Somebody paused it.",
    "ABORTED_BY_PERSON": "Somebody ended it.",
    "STEP_FAILED": "A step that the plan needs has failed.",
    "ACCOUNT_CLOSED": "The account is closed.",
    "NOT_ACCEPTED": "The account's new owner did not take it over in time.",
    "LOOK_FAILED": "Looking at it broke every time; an admin should look at why.",
    "REVISED": "It was taken back to be changed.",
    "WORDS_ERASED": "Somebody whom it named was erased; it is agreed on anew.",
    "ACTIVATED": "It was started.",
    "RESUMED": "It goes on.",
    "APPROVED_BY_HUMAN": "A person approved it.",
    "APPROVED_BY_POLICY": "Policy approved it.",
    "ACCEPTED": "The new owner took it over.",
}
HINDERED: Mapping[str, str] = {
    "NOT_YOUR_PLAN": "this is for the plan's owner, an approver or an admin.",
    "NEEDS_APPROVER": "an approver does this.",
    "SELF_APPROVAL": "whoever proposed or last changed a plan cannot approve it.",
    "RISK_ELEVATED": "its risk is above LOW, so that a person has to.",
}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a button says, and what is said before it is pressed for good."""

    word: str
    confirm: str
    about: str
    done: str
    tone: str = ""
    asks: bool = True
    must: bool = False


OFFERS: Mapping[str, Offer] = {
    Verb.APPROVE: Offer(
        word="Approve",
        confirm="Approve this plan",
        about="You agree to the course. Each step is still judged by itself.",
        done="The plan is approved.",
        tone="good",
        asks=False,
    ),
    SUBMIT: Offer(
        word="Ask policy",
        confirm="Let policy approve it",
        about="Its risk is low: policy may approve it without a person.",
        done="Policy approved the plan.",
        asks=False,
    ),
    Verb.ACTIVATE: Offer(
        word="Start",
        confirm="Start this plan",
        about="Its first steps begin as soon as their time has come.",
        done="The plan is active.",
        tone="good",
        asks=False,
    ),
    Verb.RESUME: Offer(
        word="Resume",
        confirm="Go on with this plan",
        about="Everything is checked again, and it goes on where it was.",
        done="The plan is active again.",
        tone="good",
        asks=False,
    ),
    Verb.ACCEPT: Offer(
        word="Take over",
        confirm="Take this plan over",
        about="The plan becomes yours and stays paused until you resume it.",
        done="The plan is yours now.",
        asks=False,
    ),
    Verb.PAUSE: Offer(
        word="Pause",
        confirm="Pause this plan",
        about="What it has not begun is recalled. Its deadline stays.",
        done="The plan is paused.",
    ),
    Verb.REVISE: Offer(
        word="Back to draft",
        confirm="Take it back to draft",
        about="What it has not begun is recalled, and approval starts over.",
        done="The plan is a draft again.",
    ),
    Verb.ABORT: Offer(
        word="Abort",
        confirm="Abort for good",
        about="This ends the plan for good. What it has not begun is recalled.",
        done="The plan has ended.",
        tone="bad",
        must=True,
    ),
}
STEP_OFFERS: Mapping[str, Offer] = {
    Verb.RETRY: Offer(
        word="Retry",
        confirm="Try it again",
        about="It is tried again from the start.",
        done="The step is tried again.",
        asks=False,
    ),
    Verb.WAIVE: Offer(
        word="Do without",
        confirm="Do without this step",
        about="It no longer stands in the way of completion.",
        done="The plan does without this step.",
        must=True,
    ),
    Verb.SKIP: Offer(
        word="Skip",
        confirm="Skip this step",
        about="It is left out. If it is required, the plan cannot complete by its steps.",
        done="The step is left out.",
    ),
}


def title_of(key: str) -> str:
    """A type of plan as people call it."""
    declared = type_of(key)
    return declared.title if declared else spaced(key)


def because(reason: str, explanation: str) -> str:
    """Why it is where it is, in a sentence; a person's own words in quotes."""
    said = REASONS.get(reason, spaced(reason.lower()))
    if not explanation or explanation == said:
        return said
    if reason.endswith("_BY_PERSON"):
        return f"{said} “{explanation}”"
    return explanation


def why_not(verb: str, code: str, *, is_asked: bool) -> str:
    """Why somebody may not, after the name of what they may not."""
    if verb == Verb.ACCEPT or (verb == Verb.RESUME and is_asked):
        return "the account's owner takes the plan over."
    if verb == Verb.APPROVE and code == "NOT_YOUR_PLAN":
        return HINDERED["NEEDS_APPROVER"]
    return HINDERED.get(code, spaced(code.lower()) + ".")
