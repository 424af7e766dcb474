"""What helps a goal that is behind, as forms: filled in, it is proposed like anything else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from autonomy.catching_up import Suggestion
from autonomy.goals import facts_of
from autonomy.models import Goal
from autonomy.rules.approvals import DECIDERS
from autonomy.rules.goals import why
from autonomy.rules.playbooks import LETTER
from autonomy.views.parts import spaced
from ledger.scope import current_tenant
from perception.models import Account, Contact
from perception.rules.callers import Caller

# People of one account that a form offers.
OFFERED = 200
IN_DAYS = timedelta(days=2)
# What stands in a line is at most so long.
LONGEST = 200

LINE, TEXT, DAY, MOMENT, CHOICE, WHOM = (
    "line",
    "text",
    "day",
    "moment",
    "choice",
    "whom",
)
FITS = (("high", "High"), ("medium", "Medium"), ("low", "Low"))


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing to fill in. `{}` in what stands there is the account's name."""

    name: str
    label: str
    kind: str = LINE
    value: str = ""
    options: Sequence[tuple[str, str]] = ()


LETTER_FIELDS = (
    Field(name="subject", label="Subject", value=LETTER["subject"]),
    Field(name="body", label="Text", kind=TEXT, value=LETTER["body"]),
)
TO = Field(name="contact", label="To", kind=WHOM)
FIELDS: Mapping[str, tuple[Field, ...]] = {
    "send_follow_up_email": (TO, *LETTER_FIELDS),
    "draft_email": LETTER_FIELDS,
    "create_follow_up_task": (
        Field(name="title", label="What to do", value="Follow up with {}"),
        Field(name="due", label="By", kind=DAY),
    ),
    "schedule_meeting": (
        replace(TO, label="With"),
        Field(name="title", label="Title", value="Catching up with {}"),
        Field(name="start", label="Starts", kind=MOMENT),
    ),
    "qualify_conversation": (
        Field(name="summary", label="What was said", kind=TEXT),
        Field(name="fit", label="Fit", kind=CHOICE, options=FITS),
    ),
    "create_briefing": (
        Field(name="title", label="Title", value="Before talking to {}"),
    ),
}
WORDS: Mapping[str, str] = {
    "send_follow_up_email": "Write a follow-up mail",
    "draft_email": "Draft a mail",
    "create_follow_up_task": "Make a follow-up task",
    "schedule_meeting": "Arrange a meeting",
    "qualify_conversation": "Note a conversation",
    "create_briefing": "Have a briefing made",
}


@dataclass(frozen=True, kw_only=True)
class Help:
    """One suggestion, and where its form is; nowhere: the reader may not propose."""

    suggestion: Suggestion
    word: str
    why: str
    url: str


def helps(
    goal: Goal, found: Sequence[Suggestion], caller: Caller, *, now: datetime
) -> list[Help]:
    """The suggestions of a goal, each with the way to its form."""
    how = why(facts_of(goal), now=now)
    return [
        Help(
            suggestion=each,
            word=word_of(each.action_type),
            # How the goal stands is said above.
            why=each.why.removeprefix(how).strip(),
            url=url_of(goal, each) if caller.role in DECIDERS else "",
        )
        for each in found
    ]


def word_of(action_type: str) -> str:
    return WORDS.get(action_type, spaced(action_type))


def url_of(goal: Goal, each: Suggestion) -> str:
    asked = urlencode({"account": each.account, "action_type": each.action_type})
    return f"{reverse('goals-page-help', args=[goal.id])}?{asked}"


def fields_of(
    action_type: str, account: Account, given: Mapping[str, str]
) -> list[Field]:
    """What is to be filled in, as it was filled in or as it begins."""
    fields = [_begun(field, account) for field in FIELDS[action_type]]
    return [
        replace(field, value=given.get(field.name, field.value)) for field in fields
    ]


def parameters_of(action_type: str, given: Mapping[str, str]) -> dict[str, Any]:
    """What was filled in, as parameters of the action; what was left empty is left out.

    Moments are the tenant's, as the page says them.
    """
    found: dict[str, Any] = {}
    for field in FIELDS[action_type]:
        text = given.get(field.name, "").strip()
        if text and field.kind != WHOM:
            found[field.name] = _moment(text) if field.kind == MOMENT else text
    return found


def _moment(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (timezone.make_aware(at) if timezone.is_naive(at) else at).isoformat()


def _begun(field: Field, account: Account) -> Field:
    if field.kind == WHOM:
        return replace(field, options=_people(account))
    if field.kind == DAY:
        return replace(field, value=(timezone.localdate() + IN_DAYS).isoformat())
    filled = field.value.replace("{}", account.name)
    return replace(field, value=filled[:LONGEST] if field.kind == LINE else filled)


def _people(account: Account) -> list[tuple[str, str]]:
    """Whom one can turn to there."""
    rows = Contact.objects.filter(
        tenant_id=current_tenant(), account=account, opted_out=False, erased_at=None
    )
    found = rows.order_by("name", "id").values_list("id", "name")[:OFFERED]
    return [(str(id_), name) for id_, name in found]
