"""Admission: does a trigger fire, and is a decision worth its cost. G1, G3, G4."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import orjson

from autonomy import runs
from autonomy.rows import Writes
from autonomy.rules.gate import GateFacts, GateVerdict, judge_cost
from autonomy.rules.runs import GateResult, RunStatus, Stage
from autonomy.rules.triggers import SHIPPED, Pace, Trigger, Windows, fire, within_hour
from autonomy.rules.worth import worth
from autonomy.runs import CLAIMED, Claiming, Held
from ledger import spans
from ledger.record import Fact
from ledger.rules.kinds import Kind

# What holds where a tenant set nothing.
RUNS_PER_DAY = 50_000
RUNS_PER_ACCOUNT_DAY = 48
COST_PER_DAY = 50.0
# So many of an account's proposals waiting for people saturate it.
SATURATED = 10
# So much due at once is a crowd.
CROWD = 500

_FIRED = """
UPDATE autonomy_accountpace SET fired_at = %s, recent = %s::jsonb
WHERE tenant_id = %s AND account_id = %s AND trigger = %s
"""
# What both look at, as the gate goes on in the transaction of the trigger.
_LOOKED = f"""
SELECT {CLAIMED[1]}, (autonomy_gate(a.tenant_id, a.id, %s, %s, %s)
        || jsonb_build_object('closed', a.closed_at IS NOT NULL))::text
FROM perception_account a WHERE a.tenant_id = %s AND a.id = %s
"""  # noqa: S608  its own pieces
_ADMITTED = "autonomy_admit(%s, %s, %s, %s, %s, %s, %s)"


def look(of: Held | Claiming, writes: Writes) -> tuple[str, Any] | None:
    """What admission rests on, as of a moment of the database's clock."""
    asked = [of.trigger, of.id, CROWD, of.tenant, of.account]
    for said, text in writes.ask(_LOOKED, asked):
        return said, orjson.loads(text)
    return None


def trigger(held: Held) -> Stage | None:
    """Whether the run's trigger fires; stated either way."""
    row = held.seen = runs.look_at(held, look)
    windows = _windows(held.trigger, row["windows"])
    at = datetime.fromisoformat(row["at"])
    recent = within_hour([datetime.fromisoformat(at) for at in row["recent"]], now=at)
    pace = Pace(
        last_fired=_moment(row["fired_at"]),
        account_hour=len(recent),
        tenant_hour=row["tenant_hour"],
        closed=row["closed"],
    )
    fired = fire(windows, pace, now=at)
    spans.note(result=fired.reason)
    data = {"trigger": held.trigger, "reason": fired.reason}
    if not fired.fires:
        _tell(held, Kind.TRIGGER_HELD, {**data, "explanation": fired.explanation})
        runs.go_on(
            held,
            RunStatus.SKIPPED,
            Stage.TRIGGER,
            Writes(),
            at=at,
            gate_reason=fired.reason,
            gate_explanation=fired.explanation,
        )
        return None
    moments = orjson.dumps([*recent, at]).decode()
    named = [held.tenant, held.account, held.trigger]
    _tell(held, Kind.TRIGGER_FIRED, data)
    writes = Writes().add(_FIRED, [at, moments, *named])
    runs.go_on(held, RunStatus.TRIGGERED, Stage.GATE, writes, at=at)
    return Stage.GATE


def gate(held: Held) -> Stage | None:
    """The cost gate's verdict, and what follows: a decision, a pause, or an end."""
    row = runs.look_at(held, look)
    at = datetime.fromisoformat(row["at"])
    verdict = judge_cost(_facts(held, row), now=at)
    admitted = _admitted(held, row, at)
    if verdict.result is GateResult.ALLOW and not held.rides:
        ((has_room,),) = Writes().ask(f"SELECT {_ADMITTED}", admitted)
        if not has_room:
            # Whatever was read: somebody else had the last one, so that none is left.
            verdict = judge_cost(replace(_facts(held, row), runs_left=0), now=at)
    spans.note(result=verdict.result.value, reason=verdict.reason)
    _tell(held, Kind.GATE_JUDGED, _said(verdict))
    following = _follow(held, verdict, at)
    if following and held.rides:
        # Last of all, as everybody's decisions are counted in the same rows.
        Writes().insist(_ADMITTED, admitted)
    return following


def _follow(held: Held, verdict: GateVerdict, at: datetime) -> Stage | None:
    said: dict[str, Any] = {
        "gate_result": verdict.result.value,
        "gate_reason": verdict.reason,
        "gate_explanation": verdict.explanation,
        "defer_until": verdict.until,
    }
    status, stage = RunStatus.SKIPPED, Stage.GATE
    if verdict.result is GateResult.ALLOW:
        status, stage = RunStatus.TRIGGERED, Stage.DECIDE
    elif verdict.result is GateResult.DEFER:
        status = RunStatus.DEFERRED
        count = held.deferred + (1 if verdict.counts else 0)
        said |= {"due_at": verdict.until, "deferred": count}
    runs.go_on(held, status, stage, Writes(), at=at, **said)
    return stage if stage is Stage.DECIDE else None


def _facts(held: Held, row: dict[str, Any]) -> GateFacts:
    limits = row["limits"] or {}
    runs_limit = limits.get("runs_per_day", RUNS_PER_DAY)
    account_limit = limits.get("runs_per_account_day", RUNS_PER_ACCOUNT_DAY)
    cost_limit = float(limits.get("cost_per_day", COST_PER_DAY))
    known = held.trigger in list(Trigger)
    return GateFacts(
        known_trigger=known,
        is_first=True,
        runs_left=runs_limit - row["runs_used"],
        account_runs_left=account_limit - row["account_runs_used"],
        cost_left=cost_limit - float(row["cost_used"]),
        last_allowed=_moment(row["allowed_at"]),
        cooldown_s=_windows(held.trigger, row["windows"]).cooldown_s,
        saturation=row["waiting"] / SATURATED,
        value=worth(held.trigger, row["signal_type"], heat=row["heat"]),
        crowded=row["open"] >= CROWD,
        absorbed=row["absorbed"],
        was_deferred=held.deferred > 0,
        closed=row["closed"],
    )


def _admitted(held: Held, row: dict[str, Any], at: datetime) -> list[Any]:
    """What counts the decision, unless the day's last one went to somebody else."""
    limits = row["limits"] or {}
    return [
        *(held.tenant, held.account, held.trigger, at, date.fromisoformat(row["day"])),
        limits.get("runs_per_day", RUNS_PER_DAY),
        limits.get("runs_per_account_day", RUNS_PER_ACCOUNT_DAY),
    ]


def _windows(trigger_: str, row: dict[str, Any] | None) -> Windows:
    return Windows(**row) if row else SHIPPED[Trigger(trigger_)]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _said(verdict: GateVerdict) -> dict[str, Any]:
    return {
        "result": verdict.result.value,
        "reason": verdict.reason,
        "explanation": verdict.explanation,
        "defer_until": verdict.until.isoformat() if verdict.until else None,
    }


def _tell(held: Held, kind: Kind, data: dict[str, Any]) -> None:
    held.told.append(Fact(kind=kind, subjects=held.subjects, data=data))
