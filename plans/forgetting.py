"""A contact is forgotten whole, as far as plans go, too: words leave, digests are stated."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Model

from autonomy import forgetting
from autonomy.models import Intent
from autonomy.permits import digest
from ledger.record import Actor, Fact, record_all
from ledger.scope import current_tenant
from perception.erasure import gone_of, said_without
from perception.models import Contact
from perception.rules.erasing import Gone
from plans import drafting, ending, facts
from plans.models import Plan, Revision, Step
from plans.rules.lifecycle import RUNNING, Status
from plans.transitions import edited

# Where people's words may stand, and what an approval is given to.
PLAN = (
    "objective", "constraints", "rationale", "explanation", "baseline", "contract",
    "closing", "waits", "error",
)  # fmt: skip
STEP = ("parameters", "explanation")
REVISION = ("body", "changed")
AGREED = frozenset({"objective", "constraints", "parameters"})
GONE = "Words of it were erased with somebody; it is to be agreed on anew."

# Whoever is named here, and erased, may go out of what is kept for good.
_ERASING = "SELECT set_config('app.erasing', %s, true)"


@dataclass(frozen=True, kw_only=True)
class Named:
    """A plan, with the rows of it that said something else before, and which columns."""

    plan: Plan
    steps: Sequence[Step]
    changed: Sequence[tuple[Model, Sequence[str]]]

    @property
    def is_agreed_on(self) -> bool:
        """Whether what an approval is given to is among them."""
        rows = (names for row, names in self.changed if not isinstance(row, Revision))
        return any(AGREED & set(names) for names in rows)


def forget_contact(contact: UUID, *, by: Actor, now: datetime) -> int:
    """Erase a contact of the tenant in scope; return the interactions that changed.

    A plan that runs on words that named them goes back to draft. What has ended keeps
    its end; the ledger is told by digests what its rows hold from here on. Plans are
    held first, then the contact, as by whoever looks at a plan.
    """
    _held(contact)
    who = (
        Contact.objects.select_for_update()
        .filter(tenant_id=current_tenant(), pk=contact, erased_at__isnull=True)
        .first()
    )
    if who is None:
        return forgetting.forget_contact(contact, by=by, now=now)
    # And what was drafted about them until a moment ago.
    plans = _held(contact)
    gone = gone_of(who)
    named = [_named(plan, gone) for plan in plans]
    before = _acts(plans)
    for each in named:
        if each.is_agreed_on:
            _open_again(each, by=by, now=now)
    changed = forgetting.forget_contact(contact, by=by, now=now)
    with _erasing(contact):
        for each in named:
            _keep(each, now=now)
    after = _acts(plans)
    others = {id_: said for id_, said in after.items() if said != before[id_]}
    stated = [_stated(each, others, contact, by=by) for each in named]
    record_all([fact for fact in stated if fact is not None], now=now)
    return changed


def _held(contact: UUID) -> list[Plan]:
    """The plans of the contact's account, for this transaction alone."""
    accounts = Contact.objects.filter(tenant_id=current_tenant(), pk=contact)
    rows = Plan.objects.select_for_update(of=("self",)).filter(
        tenant_id=current_tenant(), account_id__in=accounts.values("account_id")
    )
    return list(rows.order_by("id"))


def _named(plan: Plan, gone: Gone) -> Named:
    steps = facts.steps_of(plan)
    revisions = Revision.objects.filter(tenant_id=current_tenant(), plan_id=plan.pk)
    rows: list[tuple[Model, Sequence[str]]] = [
        (plan, PLAN),
        *((step, STEP) for step in steps),
        *((revision, REVISION) for revision in revisions.order_by("number")),
    ]
    changed = [(row, _blot(row, names, gone)) for row, names in rows]
    return Named(
        plan=plan,
        steps=steps,
        changed=[(row, names) for row, names in changed if names],
    )


def _blot(row: Model, names: Sequence[str], gone: Gone) -> list[str]:
    """Take the words out of a row that is not yet kept; say out of which columns."""
    found = []
    for name in names:
        # Parameters are a tool's, and may be called as people like; other keys are the
        # product's own, and stay what they are, whatever somebody is called.
        put = said_without(row, name, gone, keys=name == "parameters")
        if put != getattr(row, name):
            setattr(row, name, put)
            found.append(name)
    return found


def _open_again(named: Named, *, by: Actor, now: datetime) -> None:
    """Nobody agreed to these words: a draft has another revision, what runs goes back."""
    plan = named.plan
    if plan.status in RUNNING:
        ending.back_to_draft(
            plan, named.steps, reason="WORDS_ERASED", explanation=GONE, by=by,
            member=None, now=now,
        )  # fmt: skip
    elif plan.status == Status.DRAFT:
        plan.revision += 1
        rows = Plan.objects.filter(tenant_id=current_tenant(), pk=plan.pk)
        rows.update(revision=plan.revision)
        body = drafting.body_of(plan, named.steps)
        drafting.keep_revision(plan, body, member=None, at=now)


def _keep(named: Named, *, now: datetime) -> None:
    """As they are by now: going back to draft may have put other words there."""
    for row, names in named.changed:
        told = {name: getattr(row, name) for name in names}
        if isinstance(row, Plan):
            told["updated_at"] = now
        rows = type(row)._default_manager.filter(tenant_id=current_tenant(), pk=row.pk)
        rows.update(**told)


@contextmanager
def _erasing(contact: UUID) -> Iterator[None]:
    """The database lets the words of one who is erased be taken out, while this lasts."""
    with connection.cursor() as cursor:
        cursor.execute(_ERASING, [str(contact)])
        yield
        cursor.execute(_ERASING, [""])


def _acts(plans: Sequence[Plan]) -> dict[tuple[UUID, str], str]:
    """What the acts of plans ask for, by digest."""
    rows = Intent.objects.filter(
        tenant_id=current_tenant(), plan_id__in=[plan.pk for plan in plans]
    ).values_list("plan_id", "id", "parameters")
    return {(plan, str(id_)): digest(asked) for plan, id_, asked in rows if plan}


def _stated(
    named: Named,
    acts: Mapping[tuple[UUID, str], str],
    contact: UUID,
    *,
    by: Actor,
) -> Fact | None:
    """What the rows of a plan hold from here on; no word of it, and nothing for no change."""
    plan = named.plan
    mine = {id_: said for (of, id_), said in acts.items() if of == plan.pk}
    if not (named.changed or mine):
        return None
    whole = {name: getattr(plan, name) for name in ("contract", "closing")}
    names = {name for row, names in named.changed if row is plan for name in names}
    steps = {
        str(row.step_id): digest(row.parameters)
        for row, names in named.changed
        if isinstance(row, Step) and "parameters" in names
    }
    erased = {
        "contact": str(contact),
        "rows": {name: digest(whole[name]) for name in whole if name in names},
        "steps": steps,
        "acts": mine,
    }
    changed = [{"field": name} for name in PLAN if name in names]
    return edited(
        plan, [*changed, *({"step": id_} for id_ in steps)], by=by, erased=erased
    )
