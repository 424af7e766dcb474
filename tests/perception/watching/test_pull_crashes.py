"""P9: wherever a pull dies, nothing is lost, nothing doubled, and the cursor agrees."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from django.db import connection

from ledger.scope import tenant_scope
from perception import holds, pulls, readings
from perception.models import Pull
from tests import trials
from tests.conftest import NOW
from tests.perception.watching.conftest import Peer, Watch
from tests.races import started

FILES = {module.__file__ for module in (pulls, readings, holds)}
EVENTS = 5


class Killed(BaseException):
    """The process is gone: nothing that follows runs."""


class Trap:
    """Dies at one line of the code that reads and keeps; counts the lines it passed."""

    def __init__(self, at: int) -> None:
        self.at, self.passed = at, 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line":
            self.passed += 1
            if self.passed == self.at:
                raise Killed
        return self


def until_done(watch: Watch, pull: Any) -> None:
    for _ in range(20):
        with tenant_scope(watch.tenant):
            if Pull.objects.get(pk=pull).status == "DONE":
                # It died after all was written.
                return
            Pull.objects.filter(status="RUNNING").update(lease_until=NOW)
            Pull.objects.filter(status="QUEUED").update(due_at=NOW)
        if watch.run(pull, most=50) == "DONE":
            return
    raise AssertionError("never done")


def die_at(watch: Watch, pull: Any, line: int) -> int:
    trap, before = Trap(line), sys.gettrace()
    sys.settrace(trap)
    try:
        watch.run(pull)
    except Killed:
        # Its connection dies with a process.
        connection.close()
    finally:
        sys.settrace(before)
    return trap.passed


def agrees(watch: Watch) -> None:
    assert watch.signals() == [f"e{number}" for number in range(EVENTS)]
    assert watch.cursor() == {"after": EVENTS}
    (pull,) = watch.pulls()
    assert (pull.status, pull.signals) == ("DONE", EVENTS)
    assert len(watch.stated("pull.completed")) == 1


def _at_lines(make_watch: Callable[..., Watch], peer: Peer, every: int) -> None:
    peer.add(EVENTS)
    calm = make_watch()
    lines = die_at(calm, calm.queue(calm.to_peer(peer)), 10**9)
    agrees(calm)
    assert lines > 100
    chosen = range(1, lines + 1, every)
    for line in chosen:
        watch = make_watch()
        pull = watch.queue(watch.to_peer(peer))
        assert die_at(watch, pull, line) == line
        until_done(watch, pull)
        agrees(watch)
    trials.record("crashes", trials=len(chosen), seed=None, lines=lines)


def test_a_pull_may_die_at_sampled_lines(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """Law c, sampled."""
    _at_lines(make_watch, peer, 29)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_pull_may_die_at_every_line(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """Law c, all of them."""
    _at_lines(make_watch, peer, 1)


def _run(watch: Watch, pull: Any) -> None:
    watch.run(pull)


def test_a_process_killed_in_the_middle_of_a_request(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """Law c: kill -9 while the second page is under way; the first one stays."""
    watch = make_watch()
    peer.add(EVENTS)
    pull = watch.queue(watch.to_peer(peer))
    wait = peer.answering

    class Second:
        def wait(self, seconds: float) -> None:
            if peer.calls == 2:
                wait.clear()
                wait.wait(seconds)

        def set(self) -> None:
            wait.set()

    peer.answering = Second()  # type: ignore[assignment]
    (victim,) = started(1, _run, watch, pull)
    while peer.calls < 2:
        victim.join(0.01)
    victim.kill()
    victim.join(60)
    wait.set()
    assert watch.signals() == ["e0", "e1"]
    assert watch.cursor() == {"after": 2}
    until_done(watch, pull)
    agrees(watch)
