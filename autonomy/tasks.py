"""The chain of five: ids in, one call, nothing back.

During a rollout senders and workers are of two versions: what a later one sends besides
is `later`, and ignored; what a later one takes besides has a default.
"""

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any
from uuid import UUID

from celery import current_app, shared_task
from django.conf import settings

from autonomy import pipeline
from autonomy.relay import Sent
from autonomy.rules.runs import Stage
from autonomy.undoing import take_back

# Seconds after which a worker hands on the runs that came along with the first.
PATIENCE = 0.25


def _of_spine(step: Callable[..., None]) -> Any:
    """A task that opens its tenant's scope itself, once for each stage."""
    register: Any = shared_task
    return register(name=f"autonomy.tasks.{step.__name__}", house_wide=True)(step)


@_of_spine
def trigger(
    *, run: str, tenant: str, others: Sequence[Sequence[str]] = (), **later: Any
) -> None:
    """Walk this run, then those that came along, for as long as none takes its time."""
    waiting, until = deque(others), monotonic() + PATIENCE
    try:
        _walk(run, Stage.TRIGGER, tenant)
        while waiting and monotonic() < until:
            one, whose = waiting.popleft()
            _walk(one, Stage.TRIGGER, whose)
    finally:
        # One that is slow, or breaks, holds nobody else up.
        if waiting:
            _send_together(waiting)


@_of_spine
def gate(*, run: str, tenant: str, **later: Any) -> None:
    _walk(run, Stage.GATE, tenant)


@_of_spine
def decide(*, run: str, tenant: str, **later: Any) -> None:
    _walk(run, Stage.DECIDE, tenant)


@_of_spine
def approve(*, run: str, tenant: str, **later: Any) -> None:
    _walk(run, Stage.APPROVE, tenant)


@_of_spine
def execute(
    *, tenant: str, run: str | None = None, intent: str | None = None, **later: Any
) -> None:
    if intent is not None:
        pipeline.act(UUID(intent), tenant=UUID(tenant))
    elif run is not None:
        pipeline.act_on_run(UUID(run), tenant=UUID(tenant))


@_of_spine
def undo(*, tenant: str, undo: str, **later: Any) -> None:
    take_back(UUID(undo), tenant=UUID(tenant))


WALK = {
    Stage.TRIGGER: trigger,
    Stage.GATE: gate,
    Stage.DECIDE: decide,
    Stage.APPROVE: approve,
    Stage.EXECUTE: execute,
}


def publish(sent: Sent) -> None:
    """Hand a message to the broker: the rest of the walk, or as far as one stride goes."""
    tenant = str(sent.tenant)
    if sent.undo is not None:
        undo.send({"undo": str(sent.undo), "tenant": tenant})
    elif sent.intent is not None:
        execute.send({"intent": str(sent.intent), "tenant": tenant})
    elif sent.along:
        _send_together([(sent.run, sent.tenant), *sent.along])
    else:
        WALK[sent.stage].send({"run": str(sent.run), "tenant": tenant})


def _walk(run: str, stage: Stage, tenant: str) -> None:
    """Take a run as far as this worker may go. What a stride leaves is sent by the relay;
    of a literal chain each message sends the next.
    """
    whose = UUID(tenant)
    held = pipeline.walk(UUID(run), stage, tenant=whose, may=_may_stride)
    if held is None or held.left is None or settings.SPINE_STRIDE is None:
        return
    if held.left is Stage.EXECUTE:
        for intent in held.approved:
            publish(Sent(tenant=whose, stage=held.left, intent=intent))
    else:
        publish(Sent(tenant=whose, stage=held.left, run=held.id))


def _send_together(runs: Sequence[Sequence[object]]) -> None:
    """Runs with their tenants in one message, to be walked one after the other."""
    (run, tenant), *others = ([str(id_) for id_ in ids] for ids in runs)
    trigger.send({"run": run, "tenant": tenant, "others": others})


def _may_stride(stage: Stage) -> bool:
    """Whether this worker goes on into a stage: only into queues that it consumes."""
    queues = current_app.amqp.queues.consume_from
    return settings.SPINE_STRIDE is None and stage.value.lower() in queues
