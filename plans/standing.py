"""Which plans a caller sees, what they may do to one now, and why not the rest."""

from collections.abc import Mapping
from uuid import UUID

from django.db.models import QuerySet

from autonomy.rules.approvals import CALM
from ledger.scope import current_tenant
from perception.accounts import visible_to
from perception.rules.callers import Caller
from perception.rules.roles import sees_all_accounts
from plans.errors import (
    NeedsApprover,
    NotADraft,
    NotYourPlan,
    PlanError,
    SelfApproval,
)
from plans.models import Plan
from plans.rules.authority import Hindrance, Standing, Verb, hindrance
from plans.rules.gate import Code
from plans.rules.lifecycle import LIVE, MOVES, RUNNING, Status

REFUSALS: Mapping[Hindrance, type[PlanError]] = {
    Hindrance.NOT_YOURS: NotYourPlan,
    Hindrance.NEEDS_APPROVER: NeedsApprover,
    Hindrance.SELF_APPROVAL: SelfApproval,
}
ILLEGAL, NOT_A_DRAFT = "ILLEGAL_MOVE", "NOT_A_DRAFT"
# As the refusal is called outside.
SAID: Mapping[Hindrance, str] = {
    Hindrance.NOT_YOURS: "NOT_YOUR_PLAN",
    Hindrance.NEEDS_APPROVER: "NEEDS_APPROVER",
    Hindrance.SELF_APPROVAL: "SELF_APPROVAL",
}
# From which statuses a verb leads on. What a plan is refused besides, the gate says.
FROM: Mapping[Verb, frozenset[Status]] = {
    Verb.EDIT: frozenset({Status.DRAFT}),
    Verb.APPROVE: frozenset({Status.DRAFT}),
    Verb.ACTIVATE: frozenset({Status.APPROVED}),
    Verb.PAUSE: frozenset({Status.ACTIVE}),
    Verb.RESUME: frozenset({Status.PAUSED}),
    Verb.ABORT: frozenset(each for each in Status if Status.ABORTED in MOVES[each]),
    Verb.REVISE: frozenset(each for each in Status if Status.DRAFT in MOVES[each]),
    Verb.ACCEPT: LIVE,
    Verb.WAIVE: RUNNING,
    Verb.SKIP: RUNNING,
    Verb.RETRY: RUNNING,
}
SUBMIT = "submit"


def seen_by(caller: Caller) -> QuerySet[Plan]:
    """The plans of the accounts that a caller sees."""
    plans = Plan.objects.filter(tenant_id=caller.tenant)
    if sees_all_accounts(caller.role):
        return plans
    return plans.filter(account_id__in=visible_to(caller).values("id"))


def held(id_: UUID) -> Plan:
    """The plan, for this transaction alone."""
    rows = Plan.objects.select_for_update(of=("self",)).select_related("account")
    return rows.get(tenant_id=current_tenant(), pk=id_)


def to_edit(id_: UUID, *, by: Caller) -> Plan:
    """A DRAFT, held for whoever changes it."""
    plan = held(id_)
    insist(plan, Verb.EDIT, by)
    if plan.status != Status.DRAFT:
        raise NotADraft(f"It is {plan.status}.")
    return plan


def insist(plan: Plan, verb: Verb, by: Caller) -> None:
    """Refuse whoever may not."""
    found = hindrance(verb, _standing(plan, by), risk=plan.risk_level)
    if found is not None:
        raise REFUSALS[found]


def may(plan: Plan, by: Caller) -> dict[str, bool | str]:
    """Each verb, and whether the caller may do it now: true, or the code of why not."""
    found = {verb.value: _why_not(plan, verb, by) or True for verb in FROM}
    found[SUBMIT] = _why_not_submit(plan, by) or True
    return found


def _why_not(plan: Plan, verb: Verb, by: Caller) -> str:
    """Who comes first, then where the plan is; as a refusal would have it."""
    hindered = hindrance(verb, _standing(plan, by), risk=plan.risk_level)
    if hindered is not None:
        return SAID[hindered]
    if plan.status not in FROM[verb]:
        return NOT_A_DRAFT if verb is Verb.EDIT else ILLEGAL
    is_asked = plan.accept_by is not None
    if verb is Verb.ACCEPT and not is_asked:
        return ILLEGAL
    # Going on with a plan that waits for its new owner is taking it over.
    return _why_not(plan, Verb.ACCEPT, by) if verb is Verb.RESUME and is_asked else ""


def _why_not_submit(plan: Plan, by: Caller) -> str:
    """Policy approves what is of low risk; whoever may edit it may ask for that."""
    if why := _why_not(plan, Verb.EDIT, by):
        return ILLEGAL if why == NOT_A_DRAFT else why
    return "" if plan.risk_level in CALM else Code.RISK_ELEVATED.value


def _standing(plan: Plan, by: Caller) -> Standing:
    return Standing(
        role=by.role,
        owns=plan.owner_id == by.membership,
        proposed=by.membership in (plan.proposed_by_id, plan.edited_by_id),
        owns_account=plan.account.owner_id == by.membership,
    )
