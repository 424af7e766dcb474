"""X1, X3, X4: what every tool keeps, whichever it is, wherever a worker dies.

In the suite a sample of the lines is tried for each tool; `-m long` tries every line.
"""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial, partialmethod
from types import FrameType
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from autonomy import carry, settle, undo, undoing
from autonomy import perform as performing
from autonomy.errors import CannotUndo
from autonomy.models import Execution, Intent, Undo
from autonomy.perform import perform
from autonomy.tools import outside
from autonomy.tools.hands import HANDS
from autonomy.undoing import take_back
from ledger.clock import clock
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.errors import EgressFailed
from perception.sources.base import SourceRefuses
from tests import trials
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import due
from tests.autonomy.tools.worlds import NAMES, Servers, World, intend, world
from tests.races import in_threads

pytestmark = pytest.mark.timeout(1800)
SOMEBODY = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000009")
FILES = {each.__file__ for each in (performing, carry, outside, settle, undo, undoing)}
FILES |= {sys.modules[type(each).__module__].__file__ for each in HANDS.values()}
SEED = trials.seed(20261121)
SAMPLE = 2


class Killed(BaseException):
    """The process is gone: nothing that follows runs."""


class Trap:
    """Dies at one line of what acts; counts the lines that it passed."""

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


def die_at(line: int, does: Callable[[], Any]) -> int:
    trap, before = Trap(line), sys.gettrace()
    sys.settrace(trap)
    try:
        does()
    except Killed:
        # Its connection dies with a process.
        connection.close()
    finally:
        sys.settrace(before)
    return trap.passed


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(params=NAMES)
def here(
    request: pytest.FixtureRequest, servers: Servers, settings: Any, desk: Desk
) -> Iterator[World]:
    settings.MAX_ATTEMPTS = 10
    with world(request.param, servers, settings) as made:
        made.open(desk)
        yield made


def until_over(desk: Desk, intent: UUID) -> str:
    """As workers do: whoever finds the lease over goes on."""
    said = []
    for _ in range(20):
        perform(intent, tenant=desk.tenant)
        with tenant_scope(desk.tenant):
            row = Intent.objects.get(pk=intent)
        if row.status not in ("APPROVED", "EXECUTING"):
            return str(row.status)
        said.append(row.error)
        due(desk, intent)
    raise AssertionError(f"it never ends: {said}")


def done(here: World, desk: Desk) -> UUID:
    """An act that went well."""
    intent = intend(here, desk)
    assert until_over(desk, intent) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        found: UUID = Execution.objects.get(intent=intent).id
    return found


def asked(desk: Desk, execution: UUID) -> Undo:
    with tenant_scope(desk.tenant):
        return undo.request(execution, by=SOMEBODY, member=None, reason="Wrong.")


def until_back(desk: Desk, row: Undo) -> Undo:
    for _ in range(20):
        take_back(row.id, tenant=desk.tenant)
        with tenant_scope(desk.tenant):
            row.refresh_from_db()
            if row.status != Undo.Status.REQUESTED:
                return row
            Undo.objects.filter(pk=row.pk).update(due_at=clock(), lease_until=None)
    raise AssertionError(f"it never ends: {row.error}")


def test_it_acts_once_however_often_it_is_asked(here: World, desk: Desk) -> None:
    """X1, X3: eight workers at once, and one more afterwards."""
    intent = intend(here, desk)
    said = in_threads(8, lambda _: perform(intent, tenant=desk.tenant))
    assert said.count("SUCCEEDED") == 1
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert here.effects() == 1


def test_what_did_apply_though_no_answer_came(
    here: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X3: found by its key, or repeated under it; where neither can be, it is in doubt."""
    acted = outside.act

    def lost(hand: Any, *given: Any) -> Any:
        act = hand.act

        def silent(*rest: Any) -> Any:
            act(*rest)
            raise EgressFailed("It did not answer in time.", ambiguous=True)

        with monkeypatch.context() as patched:
            patched.setattr(type(hand), "act", lambda _, *rest: silent(*rest))
            return acted(hand, *given)

    intent = intend(here, desk)
    with monkeypatch.context() as patched:
        patched.setattr(outside, "act", lost)
        perform(intent, tenant=desk.tenant)
    assert here.effects() == 1
    due(desk, intent)
    stands = until_over(desk, intent)
    assert stands == ("SUCCEEDED" if here.keyed else "IN_DOUBT")
    assert here.effects() == 1
    trials.record("answers", trials=1, seed=None, doubts=int(not here.keyed))


def test_a_look_that_fails_after_the_act_is_no_failure_of_the_act(
    here: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X3: it may be there; whoever looks next sees that it is."""
    intent = intend(here, desk)
    looked: list[Any] = []

    def look(hand: Any, look: Any, *given: Any) -> Any:
        looked.append(hand)
        if len(looked) == 2:
            raise SourceRefuses("Not any more.")
        return look(hand, *given)

    with monkeypatch.context() as patched:
        for hand in HANDS.values():
            kind, own = type(hand), type(hand).look
            patched.setattr(kind, "look", partialmethod(look, own))
        perform(intent, tenant=desk.tenant)
    assert here.effects() == 1
    due(desk, intent)
    assert until_over(desk, intent) == "SUCCEEDED"
    assert here.effects() == 1
    trials.record("answers", trials=1, seed=None)


def test_undo_after_do_is_identity(here: World, desk: Desk) -> None:
    """X4: as it was before, proven by a look, or by the tool's word."""
    before = here.seen()
    execution = done(here, desk)
    assert here.seen() != before
    if not here.undoes:
        with pytest.raises(CannotUndo, match="cannot be called back"):
            asked(desk, execution)
        trials.record("undo", trials=1, seed=None, refused=1)
        return
    row = until_back(desk, asked(desk, execution))
    assert (row.status, row.error) == ("DONE", "")
    assert row.proof in ("READ_BACK", "TOOL")
    assert here.seen() == before
    with tenant_scope(desk.tenant):
        assert Execution.objects.get(pk=execution).status == "UNDONE"
    trials.record("undo", trials=1, seed=None, undone=1)


def test_what_somebody_changed_since_stays(here: World, desk: Desk) -> None:
    """X4: reported, never clobbered."""
    if not here.undoes:
        return
    execution = done(here, desk)
    here.change()
    changed = here.seen()
    row = until_back(desk, asked(desk, execution))
    assert row.status == "CONFLICT"
    assert row.found
    assert here.seen() == changed
    with tenant_scope(desk.tenant):
        assert Execution.objects.get(pk=execution).status == "SUCCEEDED"
    trials.record("undo", trials=1, seed=None, conflicts=1)


def _dies_doing(here: World, desk: Desk, lines: Callable[[int], list[int]]) -> None:
    before = here.effects()
    calm = intend(here, desk)
    count = die_at(10**9, lambda: perform(calm, tenant=desk.tenant))
    assert here.effects() == before + 1
    _taken_back(here, desk, calm)
    start, chosen = here.effects(), lines(count)
    for line in chosen:
        intent = intend(here, desk)
        die_at(line, partial(perform, intent, tenant=desk.tenant))
        due(desk, intent)
        stands = until_over(desk, intent)
        happened = here.effects() - start
        if stands == "IN_DOUBT":
            assert not here.keyed
            assert happened in (0, 1), line
        else:
            assert (stands, happened) == ("SUCCEEDED", 1), line
        _taken_back(here, desk, intent)
        start = here.effects()
    trials.record("crashes", trials=len(chosen), seed=SEED, lines=count)


def _taken_back(here: World, desk: Desk, intent: UUID) -> None:
    """So that the next one begins where this one began."""
    if here.undoes:
        with tenant_scope(desk.tenant):
            execution = Execution.objects.get(intent=intent)
        assert until_back(desk, asked(desk, execution.id)).status == "DONE"


def _dies_undoing(here: World, desk: Desk, lines: Callable[[int], list[int]]) -> None:
    before = here.seen()
    calm = asked(desk, done(here, desk))
    count = die_at(10**9, lambda: take_back(calm.id, tenant=desk.tenant))
    assert here.seen() == before
    chosen = lines(count)
    for line in chosen:
        row = asked(desk, done(here, desk))
        die_at(line, partial(take_back, row.id, tenant=desk.tenant))
        with tenant_scope(desk.tenant):
            Undo.objects.filter(pk=row.pk, status="REQUESTED").update(
                due_at=clock(), lease_until=None
            )
        row = until_back(desk, row)
        assert (row.status, row.error) == ("DONE", ""), line
        assert here.seen() == before, line
    trials.record("crashes", trials=len(chosen), seed=SEED, lines=count)


def _sampled(name: str) -> Callable[[int], list[int]]:
    dice = random.Random(f"{SEED} {name}")
    return lambda count: sorted(dice.sample(range(1, count + 1), min(SAMPLE, count)))


def _all(count: int) -> list[int]:
    return list(range(1, count + 1))


def test_a_worker_may_die_at_sampled_lines(
    here: World, desk: Desk, request: pytest.FixtureRequest
) -> None:
    """X1: exactly one effect, or a doubt where nobody can look; then exactly none."""
    _dies_doing(here, desk, _sampled(f"do {request.node.name}"))
    if here.undoes:
        _dies_undoing(here, desk, _sampled(f"undo {request.node.name}"))


@pytest.mark.long
def test_a_worker_may_die_at_every_line(here: World, desk: Desk) -> None:
    """X1, X4: the same, at all of them."""
    _dies_doing(here, desk, _all)
    if here.undoes:
        _dies_undoing(here, desk, _all)
