"""What is read for the story of one act, or of a run that came to none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from autonomy.models import (
    Approval,
    Choice,
    Execution,
    Intent,
    Replay,
    Run,
    Undo,
)
from autonomy.responses import Answer, answer_to
from autonomy.rules.undo import Standing
from autonomy.undo import standing_of
from ledger.api import entries, entries_about
from ledger.clock import clock
from ledger.models import Entry
from ledger.rules.ids import id_in
from ledger.scope import current_tenant
from perception.accounts import visible_to
from perception.models import Account, Membership, Signal, Tenant
from perception.rules.callers import Caller
from perception.rules.roles import sees_all_accounts

# Of an act that was gone through again and again, the newest.
ENTRIES = 200
CITED = 10
PENDING = Approval.Status.PENDING


@dataclass(frozen=True, kw_only=True)
class Told:
    """An act as it stands, and everything that the ledger says of it, oldest first."""

    tenant: Tenant
    account: Account
    intent: Intent | None
    run: Run | None
    entries: Sequence[Entry]
    names: Mapping[str, str]
    signals: Mapping[UUID, Signal]
    siblings: Sequence[Intent]
    choice: Choice | None = None
    executions: Sequence[Execution] = field(default=())
    undos: Sequence[Undo] = field(default=())
    replays: Sequence[Replay] = field(default=())
    asked: Approval | None = None
    undoable: Standing | None = None
    answer: Answer | None = None

    @property
    def execution(self) -> Execution | None:
        """The newest: what stands now is what that one did."""
        return self.executions[-1] if self.executions else None

    @property
    def signal(self) -> Signal | None:
        """What started it."""
        started = self.run.signal_id if self.run else None
        return self.signals.get(started) if started else None

    def said(self, *kinds: str) -> list[Entry]:
        """The entries of these kinds, oldest first."""
        return [each for each in self.entries if each.kind in kinds]

    def last(self, *kinds: str) -> Entry | None:
        found = self.said(*kinds)
        return found[-1] if found else None


def intents_seen_by(caller: Caller) -> QuerySet[Intent]:
    """The intents of the accounts that a caller sees."""
    return _seen_by(caller, Intent.objects.filter(tenant_id=caller.tenant))


def of_intent(caller: Caller, pk: UUID) -> Told:
    """The story of an act; what is not the caller's to see is not there."""
    rows = intents_seen_by(caller).select_related(
        "account__owner__person", "opportunity", "contact", "proposed_by__person"
    )
    intent = get_object_or_404(rows, pk=pk)
    run = _run(Run.objects.filter(tenant_id=caller.tenant), intent.run_id)
    lines = sorted([*_about(intent), *_before(run)], key=_number)
    executions = list(_here(Execution, intent=intent).order_by("id"))
    undos = _undos(executions)
    return Told(
        tenant=Tenant.objects.get(pk=caller.tenant),
        account=intent.account,
        intent=intent,
        run=run,
        entries=lines,
        names=_names(lines),
        signals=_signals(intent.account_id, run, intent.evidence),
        siblings=_siblings(run),
        choice=_here(Choice, intent=intent).defer("features", "shadow").first(),
        executions=executions,
        undos=undos,
        replays=list(_here(Replay, intent=intent).order_by("id")),
        asked=_asked(intent),
        undoable=standing_of(executions[-1]) if executions else None,
        answer=_answer(intent, executions),
    )


def of_run(caller: Caller, pk: UUID) -> Told:
    """The story of a run, as far as it went."""
    rows = _seen_by(caller, Run.objects.filter(tenant_id=caller.tenant))
    run = get_object_or_404(rows.defer("context"), pk=pk)
    lines = _before(run)
    accounts = Account.objects.select_related("owner__person")
    return Told(
        tenant=Tenant.objects.get(pk=caller.tenant),
        account=accounts.get(tenant_id=caller.tenant, pk=run.account_id),
        intent=None,
        run=run,
        entries=lines,
        names=_names(lines),
        signals=_signals(run.account_id, run, ()),
        siblings=_siblings(run),
    )


def _seen_by(caller: Caller, rows: QuerySet[Any]) -> QuerySet[Any]:
    if sees_all_accounts(caller.role):
        return rows
    return rows.filter(account_id__in=visible_to(caller).values("id"))


def _here(model: Any, **more: Any) -> QuerySet[Any]:
    rows: QuerySet[Any] = model.objects.filter(tenant_id=current_tenant(), **more)
    return rows


def _run(rows: QuerySet[Run], pk: UUID | None) -> Run | None:
    return rows.defer("context").filter(pk=pk).first() if pk else None


def _about(intent: Intent) -> list[Entry]:
    newest = entries_about("intent", intent.pk).order_by("-number")
    return list(newest[:ENTRIES])


def _before(run: Run | None) -> list[Entry]:
    """What was said of its run before there was any intent."""
    if run is None:
        return []
    rows = entries().filter(run_id=run.pk, intent_id=None)
    return list(rows.order_by("number")[:ENTRIES])


def _number(entry: Entry) -> int:
    return entry.number


def _names(lines: Iterable[Entry]) -> dict[str, str]:
    """The ledger names people by membership; here their names are looked up."""
    people = [each.actor for each in lines if each.actor["type"] == "person"]
    ids = {each["id"] for each in people}
    ids |= {each.data["to"] for each in lines if each.kind == "approval.delegated"}
    members = _here(Membership, pk__in=ids).select_related("person")
    return {str(member.id): str(member.person) for member in members}


def _signals(
    account: UUID, run: Run | None, evidence: Sequence[Any]
) -> dict[UUID, Signal]:
    """What started it, and what it cites."""
    ids = {id_in(each) for each in evidence[:CITED]} | {run.signal_id if run else None}
    rows = _here(Signal, account_id=account, pk__in=[each for each in ids if each])
    return {each.id: each for each in rows}


def _siblings(run: Run | None) -> list[Intent]:
    """What else was proposed with it."""
    if run is None:
        return []
    rows = _here(Intent, run_id=run.pk).order_by("rank", "id")
    return list(rows.only("id", "tenant_id", "action_type", "status", "rank")[:CITED])


def _undos(executions: Sequence[Execution]) -> list[Undo]:
    rows = _here(Undo, execution__in=[each.pk for each in executions])
    return list(rows.select_related("by__person").order_by("id"))


def _answer(intent: Intent, executions: Sequence[Execution]) -> Answer | None:
    """Whether anybody answered; nothing of what reached nobody."""
    if not executions or not intent.reaches_out:
        return None
    return answer_to(executions[-1].pk, now=clock())


def _asked(intent: Intent) -> Approval | None:
    """The question that waits for an answer, if one does."""
    rows = _here(Approval, intent=intent, status=PENDING)
    found = rows.select_related(
        "account", "tenant", "assigned_to__person", "intent__replay"
    )
    asked: Approval | None = found.first()
    return asked
