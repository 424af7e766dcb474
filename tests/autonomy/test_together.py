"""S3: fresh runs travel together where many are due; none is lost, none holds others up."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy import pipeline, tasks
from autonomy.relay import Sent, bundled
from autonomy.rules.flow import APART, LEAST, MOST_TOGETHER, together
from autonomy.rules.runs import Stage
from config.celery import HouseTask

TENANTS = [uuid4(), uuid4()]


@given(room=st.integers(0, 1000), count=st.integers(0, 1000))
def test_messages_are_even_and_never_too_large(room: int, count: int) -> None:
    size = together(room, count)
    assert 1 <= size <= MOST_TOGETHER
    # Hands that are slow, or few, get them one by one.
    assert size == 1 or room >= 2 * APART
    messages = -(-count // size)
    assert messages * size - count < max(1, messages)


def test_at_first_each_goes_alone() -> None:
    """Nobody has seen hands at work yet."""
    assert together(LEAST, 100) == 1


def _sent(kind: int) -> Sent:
    tenant = TENANTS[kind % 2]
    if kind < 2:
        return Sent(tenant=tenant, stage=Stage.EXECUTE, intent=uuid4())
    if kind < 4:
        return Sent(tenant=tenant, stage=Stage.APPROVE, run=uuid4())
    return Sent(tenant=tenant, stage=Stage.TRIGGER, run=uuid4())


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 200))
def test_each_is_sent_once_with_its_tenant(kinds: list[int], window: int) -> None:
    """Only what is fresh travels together, in its order."""
    sent = [_sent(kind) for kind in kinds]
    messages = bundled(sent, window)
    fresh = [(m.run, m.tenant) for m in sent if m.run and m.stage is Stage.TRIGGER]
    found: list[tuple[UUID | None, UUID]] = []
    for message in messages:
        if message.stage is Stage.TRIGGER:
            found += [(message.run, message.tenant), *message.along]
        else:
            assert message.along == ()
    assert found == fresh
    others = [m for m in sent if m.stage is not Stage.TRIGGER]
    assert [m for m in messages if m.stage is not Stage.TRIGGER] == others


@pytest.fixture
def handed_on(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a worker sends on."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(HouseTask, "send", lambda _, ids: sent.append(ids))
    return sent


def _three() -> tuple[list[str], Sequence[Sequence[str]]]:
    runs = [str(uuid4()) for _ in range(3)]
    return runs, [[run, str(TENANTS[0])] for run in runs[1:]]


def test_all_that_came_along_are_walked(
    handed_on: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[str] = []
    monkeypatch.setattr(pipeline, "walk", lambda run, *_, **__: walked.append(str(run)))
    runs, others = _three()
    tasks.trigger(run=runs[0], tenant=str(TENANTS[1]), others=others)
    assert walked == runs
    assert handed_on == []


@pytest.mark.parametrize("breaks", [True, False])
def test_one_that_is_slow_or_breaks_holds_nobody_up(
    breaks: bool, handed_on: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest goes on its way at once, each with its tenant."""

    def walk(run: UUID, *_: Any, **__: Any) -> None:
        if breaks:
            raise KeyError("nobody expected this")

    monkeypatch.setattr(pipeline, "walk", walk)
    monkeypatch.setattr(tasks, "PATIENCE", 60 if breaks else 1e-9)
    runs, others = _three()
    given_ = {"run": runs[0], "tenant": str(TENANTS[1]), "others": others}
    if breaks:
        with pytest.raises(KeyError):
            tasks.trigger(**given_)
    else:
        tasks.trigger(**given_)
    (rest,) = handed_on
    tenant = str(TENANTS[0])
    assert rest == {"run": runs[1], "tenant": tenant, "others": [[runs[2], tenant]]}


def test_what_is_sent_together_arrives_together(
    handed_on: list[dict[str, Any]],
) -> None:
    """Ids alone, as text."""
    runs = [uuid4() for _ in range(3)]
    along = tuple((run, TENANTS[0]) for run in runs[1:])
    message = Sent(tenant=TENANTS[1], stage=Stage.TRIGGER, run=runs[0], along=along)
    tasks.publish(message)
    assert handed_on == [
        {
            "run": str(runs[0]),
            "tenant": str(TENANTS[1]),
            "others": [[str(run), str(TENANTS[0])] for run in runs[1:]],
        }
    ]
