"""Anybody may propose an action: it is checked, kept, and judged at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry

from autonomy import registry
from autonomy.approve import approve
from autonomy.errors import (
    AccountClosed,
    AlreadySubmitted,
    NoSuchTarget,
    WrongParameters,
)
from autonomy.models import ActionRow, Intent
from autonomy.permits import digest
from autonomy.rows import Writes
from autonomy.rules.actions import ActionType, normalise
from autonomy.rules.snapshots import is_external
from autonomy.subjects import subjects_of
from ledger import spans
from ledger.record import Actor, Fact, Secret, record
from ledger.rules.ids import id_in
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Account, Contact, Opportunity, Signal

MOST_FAULTS = 20
FORMATS = FormatChecker(formats=("date", "uuid"))


@FORMATS.checks("date-time", raises=ValueError)  # type: ignore[untyped-decorator]
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value).tzinfo)


@dataclass(frozen=True, kw_only=True)
class Step:
    """The step of a plan that is submitted, and which of its tries this is."""

    plan: UUID
    step: UUID
    try_: int
    plan_type: str
    # It starts before that, or never.
    not_after: datetime | None = None

    def columns(self) -> dict[str, Any]:
        """As an intent keeps them."""
        return {
            "plan_id": self.plan,
            "step_id": self.step,
            "step_try": self.try_,
            "plan_type": self.plan_type,
            "not_after": self.not_after,
        }


def propose(
    given: Mapping[str, Any],
    account: Account,
    *,
    origin: str,
    by: Actor,
    member: UUID | None,
    now: datetime,
    for_step: Step | None = None,
    tainted: bool = False,
) -> Intent:
    """Keep a proposal and judge it; what the verdict says happens at once.

    A try of a step is submitted once: whoever comes later is told so, and leaves no
    trace. Its plan knows what the verdict made of it, and need not be told.
    """
    if account.closed_at is not None:
        raise AccountClosed
    key = normalise(given["action_type"])
    action = known_type(key)
    if action is not None:
        check_parameters(action, given["parameters"])
    intent = _drawn_up(
        {**given, "action_type": key},
        account,
        origin=Intent.Origin(origin).value,
        reaches_out=action is None or action.traits.external_contact,
        tainted=tainted or cites_outside(given.get("evidence") or (), account),
        proposed_by_id=member,
        created_at=now,
        updated_at=now,
        **(for_step.columns() if for_step else {}),
    )
    if not Writes().insert(intent, unless_there=for_step is not None).send():
        raise AlreadySubmitted
    record(proposed(intent, by), now=now)
    _judged(intent)
    if for_step is not None:
        intent.heard = str(intent.status)
        Writes().update(intent, "heard").send()
    return intent


def _judged(intent: Intent) -> None:
    """No signal led here: the intent's own id names the trace."""
    named = {
        "tenant": intent.tenant_id,
        "account": intent.account_id,
        "intent": intent.id,
        "plan": intent.plan_id,
        "step": intent.step_id,
    }
    spans.begun("intent", intent.id, **named)
    with spans.span("approve", intent.id, stage="APPROVE", **named):
        approve(intent)


def _drawn_up(given: Mapping[str, Any], account: Account, **more: Any) -> Intent:
    """The row, not yet kept."""
    return Intent(
        tenant_id=current_tenant(),
        account=account,
        opportunity=target(Opportunity, given.get("opportunity"), account),
        contact=target(Contact, given.get("contact"), account),
        action_type=given["action_type"],
        parameters=given["parameters"],
        confidence=given["confidence"],
        risk_level=given.get("risk_level") or "",
        rationale=given.get("rationale") or "",
        evidence=given.get("evidence") or [],
        status=Intent.Status.PROPOSED,
        **more,
    )


def known_type(key: str) -> ActionType | None:
    """The tenant's type of this key, if it has one."""
    rows = ActionRow.objects.filter(tenant_id=current_tenant(), key=key)
    return registry.merge(key, rows.values(*registry.COLUMNS).first())


def check_parameters(
    action: ActionType, parameters: Mapping[str, Any], *, at: str = "parameters"
) -> None:
    """Refuse parameters outside the type's schema; say where and why.

    `at`: where they stand in the body that was sent.
    """
    validator = Draft202012Validator(
        dict(action.schema), registry=Registry(), format_checker=FORMATS
    )
    faults: dict[str, str] = {}
    for each in islice(validator.iter_errors(dict(parameters)), MOST_FAULTS):
        where = ".".join(map(str, each.absolute_path))
        faults[where] = f"{faults.get(where, '')} {each.message}.".lstrip()
    if faults:
        raise WrongParameters(faults, at=at)


def target(model: Any, id_: UUID | None, account: Account) -> Any:
    """The deal or person that an intent names; it must belong to the account."""
    if id_ is None:
        return None
    found = model.objects.filter(
        tenant_id=current_tenant(), account=account, pk=id_
    ).first()
    if found is None:
        noun = model._meta.verbose_name
        raise NoSuchTarget(f"The account has no {noun} with the id {id_}.", str(noun))
    return found


def cites_outside(evidence: Sequence[str], account: Account) -> bool:
    """Whether any of it may be what somebody outside wrote: a signal with text in it, or
    whatever is no signal of the account.
    """
    if not evidence:
        return False
    ids = {id_in(each) for each in evidence}
    rows = Signal.objects.filter(
        tenant_id=current_tenant(),
        account=account,
        pk__in=[each for each in ids if each],
    )
    found = list(rows.values_list("payload", "is_known"))
    return len(found) < len(ids) or any(
        is_external(payload, is_known=is_known) for payload, is_known in found
    )


def proposed(intent: Intent, by: Actor) -> Fact:
    """What was proposed; words about a person are committed to, not shown."""
    words = {"parameters": intent.parameters, "rationale": intent.rationale}
    private = (
        [Secret(person=intent.contact_id, field="words", value=words)]
        if intent.contact_id
        else []
    )
    return Fact(
        kind=Kind.INTENT_PROPOSED,
        by=by,
        subjects=subjects_of(intent),
        data={
            "action_type": intent.action_type,
            "origin": intent.origin,
            "confidence": intent.confidence,
            "risk_level": intent.risk_level,
            "parameters_digest": digest(intent.parameters),
        },
        private=private,
    )
