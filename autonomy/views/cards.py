"""What waits, as cards: what would be done, why, how sure and how risky, until when."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from autonomy import desk, ranking
from autonomy.models import Approval, Execution, Intent, Run, Verdict
from autonomy.registry import all_types
from autonomy.rules.actions import ActionType
from autonomy.rules.approvals import risk_of
from autonomy.rules.digest_words import spaced
from autonomy.views import offers, words
from autonomy.views.artefact import Artefact, artefact, unsaid
from autonomy.views.offers import Answers
from autonomy.views.parts import Act, Said, Why, read_layers, why_of
from ledger.rules.ids import id_in
from ledger.scope import current_tenant
from perception.models import Contact, Membership, Signal
from perception.rules.callers import Caller

SOURCES = 4
# By what a signal calls what it is about, the first that says something.
NAMES = ("subject", "title", "summary")
NAMED = 80
TAINTED = (
    "It draws on text from outside your company that may mislead, "
    "so nothing of it goes out before a person has checked it."
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Something that an idea rests on."""

    what: str
    at: datetime | None = None
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One thing that waits, or was done."""

    kind: str
    id: UUID
    title: str
    account: UUID
    account_name: str
    at: datetime
    url: str = ""
    to: str = ""
    state: Said | None = None
    risk: Said | None = None
    sure: str = ""
    share: float | None = None
    text: str = ""
    sources: Sequence[Source] = ()
    more_sources: int = 0
    notes: Sequence[str] = ()
    plan: str = ""
    what: Artefact | None = None
    until: datetime | None = None
    why: Why | None = None
    answers: Answers | None = None
    acts: Sequence[Act] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Known:
    """What cards are told with, read once for all of them."""

    types: Mapping[str, ActionType]
    calibration: Any
    signals: Mapping[str, Source]
    contacts: Mapping[UUID, str]
    members: Mapping[UUID, str]
    # Tools that can be asked what became of an act.
    seeing: Collection[str]


def cards(
    rows: Sequence[Any], caller: Caller, *, now: datetime, here: str
) -> list[Card]:
    """Rows of any list as cards. `here`: where one goes on after a click."""
    known = know(rows)

    def made(row: Any) -> Card:
        match row:
            case Approval():
                return of_question(row, caller, known, now=now, here=here)
            case Execution():
                return _of_doubt(row, caller, known)
            case Intent():
                return _of_held(row, caller, known)
            case _:
                return _of_parked(row, caller)

    return [made(row) for row in rows]


def know(rows: Sequence[Any]) -> Known:
    """A constant number of queries, however many rows there are."""
    intents = [intent for row in rows if (intent := _intent(row)) is not None]
    read_layers(verdict for row in rows if (verdict := _verdict(row)) is not None)
    return Known(
        types={each.key: each for each in all_types()} if intents else {},
        calibration=ranking.calibration() if intents else None,
        signals=_signals(each.evidence for each in intents),
        contacts=_contacts(each.contact_id for each in intents),
        members=_members(row for row in rows if isinstance(row, Approval)),
        seeing=_seeing(row for row in rows if isinstance(row, Execution)),
    )


def of_question(
    row: Approval,
    caller: Caller,
    known: Known,
    *,
    now: datetime,
    here: str,
    whole: bool = False,
) -> Card:
    """A question, with what the caller may answer."""
    type_ = known.types.get(row.intent.action_type)
    what = artefact(offers.asked_about(row), type_, whole=whole)
    answers = offers.answers(row, caller, now=now, here=here, is_cut=what.is_cut)
    card = _of_intent("approval", row.id, row.intent, known)
    return replace(
        card,
        account_name=row.account.name,
        text=unsaid(card.text, what),
        what=what,
        at=row.asked_at,
        until=row.expires_at,
        why=why_of(row.verdict),
        notes=[*_notes(row, caller, known), *card.notes],
        answers=answers,
    )


def _of_doubt(row: Execution, caller: Caller, known: Known) -> Card:
    card = _of_intent("doubt", row.id, row.intent, known)
    said = row.error or "The tool gave no clear answer."
    what = artefact(row.intent.parameters, known.types.get(row.action_type))
    return replace(
        card,
        account_name=row.account.name,
        text=unsaid(card.text, what),
        what=what,
        at=row.started_at,
        state=("Nobody knows whether it was done", "wait"),
        notes=[_done_with(row), f"What we know: {said}", *card.notes],
        why=why_of(row.permit.verdict),
        acts=offers.of_doubt(
            row, caller, title=card.title, can_look=row.tool in known.seeing
        ),
    )


def _of_held(row: Intent, caller: Caller, known: Known) -> Card:
    card = _of_intent("held", row.id, row, known)
    what = artefact(row.parameters, known.types.get(row.action_type))
    return replace(
        card,
        account_name=row.account.name,
        text=unsaid(card.text, what),
        what=what,
        at=row.updated_at,
        until=row.due_at,
        state=("Held back", "run"),
        notes=["It goes out by itself when its time has come.", *card.notes],
        acts=offers.of_held(row, caller, title=card.title),
    )


def _of_parked(row: Run, caller: Caller) -> Card:
    stage = words.STAGES.get(row.stage, f"at {row.stage.lower()}")
    said = f"It stopped {stage}, after {row.attempts} tries." if row.attempts else ""
    return Card(
        kind="parked",
        id=row.id,
        title=f"Run: {spaced(row.trigger).lower()}",
        url=reverse("run-page", args=[row.id]),
        account=row.account_id,
        account_name=row.account.name,
        at=row.updated_at,
        state=("Stopped", "bad"),
        notes=[said or f"It stopped {stage}.", row.error or "It left no word why."],
        acts=offers.of_parked(row, caller),
    )


def _of_intent(kind: str, id_: UUID, intent: Intent, known: Known) -> Card:
    """What is told of every intent."""
    registered = known.types.get(intent.action_type)
    risk = risk_of(
        registered.traits.risk_level if registered else None, intent.risk_level or None
    )
    shown = ranking.shown(known.calibration, intent.confidence)
    share = intent.confidence if shown is None else shown
    sources = _sources(intent, known)
    plan = reverse("plan-page", args=[intent.plan_id]) if intent.plan_id else ""
    return Card(
        kind=kind,
        id=id_,
        title=words.action(intent.action_type),
        account=intent.account_id,
        account_name="",
        at=intent.created_at,
        url=reverse("intent-page", args=[intent.id]),
        to=known.contacts.get(intent.contact_id, "") if intent.contact_id else "",
        risk=words.risk(risk),
        sure="" if share is None else words.sure(share),
        share=share,
        text=intent.rationale,
        sources=sources[:SOURCES],
        more_sources=max(0, len(sources) - SOURCES),
        notes=[TAINTED] if intent.tainted else [],
        plan=plan,
    )


def _notes(row: Approval, caller: Caller, known: Known) -> list[str]:
    found = []
    if row.escalated_at is not None:
        found.append("Nobody has decided for a long time: any approver can.")
    if row.assigned_to_id == caller.membership:
        found.append("It was handed to you.")
    elif row.assigned_to_id:
        who = known.members.get(row.assigned_to_id, "somebody")
        found.append(f"It was handed to {who}.")
    if row.edits:
        who = known.members.get(UUID(row.edits[-1]["by"]), "Somebody")
        found.append(f"{who} has changed it.")
    return found


def _done_with(row: Execution) -> str:
    is_here = not row.tool or row.tool.startswith("internal.")
    where = "" if is_here else f", by the tool {row.tool}"
    tries = f", {row.attempts} times" if row.attempts > 1 else ""
    return f"It was begun on {words.when(row.started_at)}{where}{tries}."


def _seeing(rows: Iterable[Execution]) -> set[str]:
    """Asked once for each tool."""
    tools = {row.tool: row for row in rows if row.status == Execution.Status.IN_DOUBT}
    return {tool for tool, row in tools.items() if desk.can_look(row)}


def _sources(intent: Intent, known: Known) -> list[Source]:
    found = []
    for each in intent.evidence:
        what = known.signals.get(str(each))
        if what is not None:
            found.append(what)
        elif id_in(each) is None:
            found.append(Source(what=str(each)[:120]))
    return found


def _intent(row: Any) -> Intent | None:
    if isinstance(row, Intent):
        return row
    return None if isinstance(row, Run) else row.intent


def _verdict(row: Any) -> Verdict | None:
    held = row.permit if isinstance(row, Execution) else row
    found: Verdict | None = getattr(held, "verdict", None)
    return found


def _signals(listed: Iterable[Sequence[Any]]) -> dict[str, Source]:
    ids = {id_ for evidence in listed for each in evidence if (id_ := id_in(each))}
    rows = Signal.objects.filter(tenant_id=current_tenant(), pk__in=ids)
    names_ = [f"payload__{each}" for each in NAMES]
    found = rows.values_list("id", "type", "occurred_at", *names_)
    return {
        str(id_): Source(what=spaced(type_), at=at, name=_named(called))
        for id_, type_, at, *called in found
    }


def _named(called: Iterable[Any]) -> str:
    """What something is called, on one line."""
    said = (" ".join(each.split()) for each in called if isinstance(each, str))
    found = next((each for each in said if each), "")
    return found if len(found) <= NAMED else f"{found[: NAMED - 1]}…"


def _contacts(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    rows = Contact.objects.filter(
        tenant_id=current_tenant(), pk__in={id_ for id_ in ids if id_}
    )
    return dict(rows.values_list("id", "name"))


def _members(rows: Iterable[Approval]) -> dict[UUID, str]:
    ids: set[UUID] = set()
    for row in rows:
        ids |= {row.assigned_to_id} if row.assigned_to_id else set()
        ids |= {UUID(each["by"]) for each in row.edits}
    return names(ids)


def names(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Members by name."""
    rows = Membership.objects.filter(pk__in={id_ for id_ in ids if id_})
    return {each.id: str(each.person) for each in rows.select_related("person")}
