"""Runs: claimed with a fence, moved by it, parked when they fail too often."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models.functions import Now
from psycopg2.extensions import AsIs

from autonomy import notices
from autonomy.models import Intent, Run
from autonomy.rows import Writes
from autonomy.rules.runs import TERMINAL, RunStatus, Stage
from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

May = Callable[[Stage], bool]

# Whoever claims keeps what that found for what is asked in the same breath.
_CLAIM = """
SELECT set_config('app.claimed',
    coalesce(autonomy_claim_run(%s, %s, %s, %s, %s)::text, ''), true)
"""
_SAID = "current_setting('app.claimed', true)"
# The same among the columns of what is asked then.
CLAIMED = ("claimed", _SAID)


def _claimed(name: str, kind: str) -> Any:
    return AsIs(f"(nullif({_SAID}, '')::jsonb->>'{name}')::{kind}")


@dataclass(frozen=True, kw_only=True)
class Claiming:
    """A run that is claimed in the same breath, so that what is known of it is in the
    database's words. Where the claim finds nothing, all of it is NULL.
    """

    id: UUID
    tenant: UUID
    may: May
    # What was tried before is looked at once the claim counts.
    again: bool = False
    account: ClassVar[Any] = _claimed("account_id", "uuid")
    signal: ClassVar[Any] = _claimed("signal_id", "uuid")
    trigger: ClassVar[Any] = _claimed("trigger", "text")
    fence: ClassVar[Any] = _claimed("fence", "integer")
    at: ClassVar[Any] = _claimed("at", "timestamptz")


@dataclass(kw_only=True)
class Held:
    """A run that this process, and no other, works on until its lease ends."""

    id: UUID
    tenant: UUID
    account: UUID
    signal: UUID | None
    trigger: str
    origin: str
    status: RunStatus
    fence: int
    deferred: int
    at: datetime
    # Whether it was tried before, so that this claim has to count whatever comes of it.
    again: bool
    # Whether this worker goes on into a stage.
    may: May
    # Whether what others wait for may be taken with the commit; where that was refused
    # once, it is asked.
    rides: bool = False
    # Whether another stage follows in the transaction at hand; what of the run's columns
    # is written, and what is stated, with its move.
    joined: bool = False
    noted: dict[str, Any] = field(default_factory=dict)
    told: list[Fact] = field(default_factory=list)
    # The stage that it goes on into, where this worker may not.
    left: Stage | None = None
    # What its stage looks at, as it was seen in the transaction at hand.
    seen: Any = None
    # What was proposed in the transaction at hand, and what was approved on this walk.
    proposed: list[Intent] = field(default_factory=list)
    approved: list[UUID] = field(default_factory=list)

    @property
    def subjects(self) -> dict[str, UUID]:
        named = {"run": self.id, "account": self.account}
        return {**named, "signal": self.signal} if self.signal else named


def everywhere(stage: Stage) -> bool:
    """A worker that takes every stage along."""
    return True


# What a stage looks at first of a run that is held, or claimed in the same breath: what
# the claim said, and what was seen; None where there is nothing.
Look = Callable[["Held | Claiming", Writes], tuple[str, Any] | None]


def at_nothing(of: Held | Claiming, writes: Writes) -> tuple[str, Any]:
    """What the claim said alone."""
    ((said,),) = writes.ask(f"SELECT {_SAID}", [])
    return said, None


def claim(
    run: UUID,
    stage: Stage,
    *,
    tenant: UUID,
    may: May,
    rides: bool = False,
    look: Look = at_nothing,
) -> Held | None:
    """Take a run of the tenant in scope that waits at a stage; None where there is
    nothing to take. It is taken once that is committed. `look`: at what its stage needs
    of it, for the same transaction.
    """
    lasts, most = settings.LEASE_SECONDS, settings.MAX_ATTEMPTS
    writes = Writes().add(_CLAIM, [tenant, run, stage.value, lasts, most])
    of = Claiming(id=run, tenant=tenant, may=may)
    said, seen = look(of, writes) or at_nothing(of, Writes())
    if not said:
        return None
    row = orjson.loads(said)
    if row["status"] == RunStatus.PARKED:
        _state_parked(run, UUID(row["account_id"]), row)
        return None
    return Held(
        id=run,
        tenant=tenant,
        account=UUID(row["account_id"]),
        signal=UUID(row["signal_id"]) if row["signal_id"] else None,
        trigger=row["trigger"],
        origin=row["origin"],
        status=RunStatus(row["status"]),
        fence=row["fence"],
        deferred=row["deferred"],
        at=datetime.fromisoformat(row["at"]),
        again=row["attempts"] > 1,
        may=may,
        rides=rides,
        seen=seen,
    )


def look_at(held: Held, look: Look) -> Any:
    """What its stage needs of it: it came with the claim, or is asked for now."""
    seen, held.seen = held.seen, None
    if seen is None and (found := look(held, Writes())):
        seen = found[1]
    return seen


def move(
    held: Held,
    status: RunStatus,
    stage: Stage,
    *,
    after: Writes | None = None,
    **more: Any,
) -> bool:
    """Move a held run on; False where somebody else took it meanwhile. `after`: what is
    written in the same breath before it.

    What goes on stays under the lease, for the next stage; what ends, or waits for
    another worker, lets go.
    """
    return (
        _change(held, _moved(held, status, stage, more), after or Writes()).send() > 0
    )


def go_on(
    held: Held,
    status: RunStatus,
    stage: Stage,
    writes: Writes,
    *,
    at: datetime | None = None,
    **more: Any,
) -> None:
    """The same at the end of a stage, with what it wrote and told: it rides with the
    commit, or with the move of a stage that follows before that. `at`: of what it told.
    """
    values = _moved(held, status, stage, more)
    if held.joined and status not in TERMINAL:
        held.noted |= values
        writes.ride()
        return
    told, held.told = held.told, []
    _change(held, values, writes.state(told, now=at or held.at)).ride()


def settle(held: Held) -> None:
    """Write what waits for the move of a stage that does not end yet."""
    if held.noted:
        _change(held, {}, Writes()).ride()


def keep(held: Held, **values: Any) -> bool:
    """Write down what a stage found before it ends; False as above."""
    return _change(held, values, Writes()).send() > 0


def sent_at(held: Held, stage: Stage) -> datetime | None:
    """Since when a stage is on its way to whoever takes it: whoever walks goes on, and
    of a literal chain each message sends the next. None: the relay sends it.
    """
    is_literal = settings.SPINE_STRIDE is not None
    return held.at if is_literal or held.may(stage) else None


def put_off(held: Held, *, error: str, claimed: bool = True) -> None:
    """After a failure: again, a little later each time. Not `claimed`: the claim was
    taken back with what failed, and counts from now on.
    """
    fence = held.fence if claimed else held.fence - 1
    rows = Run.objects.filter(tenant_id=held.tenant, pk=held.id, fence=fence)
    tried = rows.values_list("attempts", flat=True).first() or 1
    pause = timedelta(seconds=min(2**tried, 30))
    rows.update(
        attempts=tried,
        lease_until=None,
        dispatched_at=None,
        due_at=Now() + pause,
        error=error[:300],
    )


def retry(run: Run, *, by: Actor, now: datetime) -> bool:
    """Send a parked run on its way again, from the stage at which it stopped."""
    status = {
        Stage.TRIGGER: RunStatus.RECEIVED,
        Stage.GATE: RunStatus.TRIGGERED,
        Stage.DECIDE: RunStatus.TRIGGERED,
    }.get(Stage(run.stage), RunStatus.DECIDED)
    rows = Run.objects.filter(
        tenant_id=current_tenant(), pk=run.pk, status=RunStatus.PARKED.value
    )
    moved = rows.update(
        status=status.value,
        attempts=0,
        lease_until=None,
        dispatched_at=None,
        due_at=now,
        updated_at=now,
    )
    if moved:
        subjects = {"run": run.id, "account": run.account_id}
        fact = Fact(
            kind=Kind.RUN_RETRIED, by=by, subjects=subjects, data={"stage": run.stage}
        )
        record(fact, now=now)
    return bool(moved)


def _moved(
    held: Held, status: RunStatus, stage: Stage, more: Mapping[str, Any]
) -> dict[str, Any]:
    ended = status in TERMINAL or status is RunStatus.DEFERRED
    sent = None if ended else sent_at(held, stage)
    stays = not ended and held.may(stage)
    return {
        "status": status.value,
        "stage": stage.value,
        "updated_at": held.at,
        "error": "",
        "attempts": 1 if stays else 0,
        **({} if stays else {"lease_until": None, "dispatched_at": sent}),
        **more,
    }


def _change(held: Held, values: Mapping[str, Any], writes: Writes) -> Writes:
    """Columns of a run, written last if it is still held."""
    values, held.noted = {**held.noted, **values}, {}
    changes = ", ".join(f"{name} = %s" for name in values)
    plain = [
        orjson.dumps(value).decode() if isinstance(value, dict) else value
        for value in values.values()
    ]
    return writes.add(
        f"UPDATE autonomy_run SET {changes} "  # noqa: S608  names of columns
        "WHERE tenant_id = %s AND id = %s AND fence = %s",
        [*plain, held.tenant, held.id, held.fence],
    )


def _state_parked(run: UUID, account: UUID, row: dict[str, Any]) -> None:
    at = datetime.fromisoformat(row["at"])
    record(
        Fact(
            kind=Kind.RUN_PARKED,
            by=SYSTEM,
            subjects={"run": run, "account": account},
            data={"stage": row["stage"], "error": row["error"]},
        ),
        now=at,
    )
    notices.note(Kind.RUN_PARKED, run, at=at, account=account, stage=row["stage"])
