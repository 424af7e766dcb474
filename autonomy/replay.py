"""An intent is gone through again: dry, which can do nothing, or for good.

For good, it is governed as it was the first time: judged anew, out of budgets anew, by a
person where one has to be asked. Outside, it goes by the same key as before, so that
nothing is ever done twice.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from autonomy import replaying
from autonomy.approve import Judged, approve, look, question_about
from autonomy.errors import (
    AlreadyDone,
    AutonomyError,
    MayBeDone,
    NotReplayable,
    ReplayOpen,
    StillOpen,
)
from autonomy.models import Intent, Receipt, Replay, Tool, Verdict
from autonomy.propose import known_type
from autonomy.rehearsal import compared, earlier_of, rehearsed
from autonomy.rules.actions import ActionType
from autonomy.rules.replays import Bar, Standing, barred
from autonomy.rules.verdict import Decision
from autonomy.tools.reaching import Way, way_of
from autonomy.waking import wake
from ledger.clock import clock
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.dry import dry

REFUSALS: Mapping[Bar, type[AutonomyError]] = {
    Bar.REPLAY_OPEN: ReplayOpen,
    Bar.STILL_OPEN: StillOpen,
    Bar.ALREADY_DONE: AlreadyDone,
    Bar.NOT_REPLAYABLE: NotReplayable,
    Bar.MAY_BE_DONE: MayBeDone,
}
# It begins anew; only its fence goes on rising.
ANEW: Mapping[str, Any] = {
    "attempts": 0,
    "lease_until": None,
    "dispatched_at": None,
    "due_at": None,
    "error": "",
    "given_up_at": None,
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Who wants an intent gone through again, and why."""

    reason: str
    by: Actor
    member: UUID | None


class _Blocked(Exception):
    """Some layer lets nobody do it."""

    def __init__(self, judged: Judged) -> None:
        super().__init__()
        self.judged = judged


def rehearse(intent: UUID, wanted: Wanted) -> Replay:
    """Go through it dry: what would be said of it now, and what would be done."""
    with _untouched():
        held = _rows().get(pk=intent)
        judged = look(question_about(held))
        with dry():
            way = _way(judged.answer.action)
            refused = barred(_standing(held, way))
            result = rehearsed(held, judged, way, refused)
    at = judged.answer.at
    row = Replay.objects.create(
        **_asked(held, wanted),
        status=Replay.Status.COMPLETED,
        result=result,
        asked_at=at,
        finished_at=at,
    )
    subjects = _subjects(row)
    said = {
        "commit": False,
        **_headed(judged),
        "changed": {name: sorted(each) for name, each in result["differs"].items()},
        "would": {name: result["would"][name] for name in ("by", "tool", "kind")},
        "may_commit": result["may_commit"]["allowed"],
    }
    started = {"commit": False}
    stated = [
        _requested(row, wanted, held),
        Fact(kind=Kind.REPLAY_STARTED, subjects=subjects, data=started),
        Fact(kind=Kind.REPLAY_COMPLETED, subjects=subjects, data=said),
    ]
    record_all(stated, now=at)
    return row


def commit(intent: UUID, wanted: Wanted) -> Replay:
    """Go through it for good: it is judged at once, and what follows of that happens."""
    held = _rows().select_for_update().get(pk=intent)
    if (
        refused := barred(_standing(held, _way(known_type(held.action_type))))
    ) is not None:
        raise REFUSALS[refused.bar](refused.why)
    at, earlier = clock(), earlier_of(held)
    row = _opened(held, wanted)
    record_all([_requested(row, wanted, held)], now=at)
    try:
        with transaction.atomic():
            judged = _reopened(held, row)
    except _Blocked as stop:
        _blocked(row, earlier, stop.judged)
        return row
    row.result = {**row.result, **compared(earlier, judged)}
    row.save(update_fields=["result"])
    transaction.on_commit(wake)
    return row


@contextmanager
def _untouched() -> Iterator[None]:
    """The database itself lets nothing be written in here."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield


def _rows() -> QuerySet[Intent]:
    return Intent.objects.filter(tenant_id=current_tenant())


def _asked(intent: Intent, wanted: Wanted) -> dict[str, Any]:
    return {
        "tenant_id": current_tenant(),
        "account_id": intent.account_id,
        "intent": intent,
        "reason": wanted.reason,
        "by_id": wanted.member,
    }


def _opened(intent: Intent, wanted: Wanted) -> Replay:
    """The one replay that may be under way."""
    try:
        with transaction.atomic():
            return Replay.objects.create(
                **_asked(intent, wanted),
                commit=True,
                result={"was": replaying.was(intent), "key": str(intent.id)},
                asked_at=clock(),
            )
    except IntegrityError as error:
        raise ReplayOpen from error


def _reopened(intent: Intent, row: Replay) -> Judged:
    """It is as if it had just been proposed; what a start used up stays used."""
    Receipt.objects.filter(
        tenant_id=current_tenant(), intent_id=intent.id, returned_at=None, used_at=None
    ).update(used_at=row.asked_at)
    intent.replay = row
    for name, value in ANEW.items():
        setattr(intent, name, value)
    intent.save(update_fields=["replay", *ANEW])
    judged = approve(intent, is_first=False)
    if judged.verdict.decision is Decision.BLOCK:
        raise _Blocked(judged)
    return judged


def _blocked(row: Replay, earlier: Verdict | None, judged: Judged) -> None:
    """Nothing came of it: the intent stays ended as it was."""
    at, said = judged.answer.at, judged.verdict.explanation
    row.status, row.finished_at = Replay.Status.FAILED, at
    row.error = said[: replaying.LONGEST_ERROR]
    row.result = {**row.result, **compared(earlier, judged)}
    row.save(update_fields=["status", "finished_at", "error", "result"])
    data = {"commit": True, "status": "", "error": said, **_headed(judged)}
    failed = Fact(kind=Kind.REPLAY_FAILED, subjects=_subjects(row), data=data)
    record_all([failed], now=at)


def _way(action: ActionType | None) -> Way | None:
    return way_of(action.traits.tool if action else "")


def _standing(intent: Intent, way: Way | None) -> Standing:
    """How an intent stands; of a doubt, what its tool promised and promises."""
    replays = Replay.objects.filter(
        tenant_id=current_tenant(),
        intent=intent,
        commit=True,
        status__in=replaying.OPEN,
    )
    doubted = None
    if intent.status == Intent.Status.IN_DOUBT:
        doubted = replaying.doubted_of(intent.id)
    then = (doubted.outcome if doubted else None) or {}
    promised = then.get("effect") == Tool.Effects.KEYED
    return Standing(
        status=str(intent.status),
        is_open=replays.exists(),
        keyed=promised and (way is None or way.keyed),
        same_place=way is not None and then.get("place") == way.place,
        of_plan=intent.plan_id is not None,
    )


def _headed(judged: Judged) -> dict[str, str]:
    verdict = judged.verdict
    return {
        "decision": verdict.decision.value,
        "reason": verdict.reason,
        "policy_version": verdict.policy_version,
    }


def _requested(row: Replay, wanted: Wanted, intent: Intent) -> Fact:
    status = row.result["was"]["status"] if row.commit else str(intent.status)
    data = {"commit": row.commit, "reason": wanted.reason, "status": status}
    subjects = _subjects(row)
    return Fact(kind=Kind.REPLAY_REQUESTED, by=wanted.by, subjects=subjects, data=data)


def _subjects(row: Replay) -> dict[str, UUID]:
    return {"account": row.account_id, "intent": row.intent_id, "replay": row.id}
