"""N7: what a signature widened goes back to what it was when the record falls."""

import os
import signal
from datetime import datetime
from typing import Any

import pytest

from autonomy import steering, track
from autonomy.models import Mode, Suggestion
from autonomy.rules.earning import Counts
from ledger.clock import clock
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk
from tests.autonomy.records import (
    BAD,
    DAY,
    NOTE,
    changes,
    decided,
    found,
    kinds,
    later,
    looked,
    mode_rows,
    ran,
    reviewed,
    signed,
)
from tests.races import started


@pytest.fixture
def asking(make_desk: Any) -> Desk:
    """A tenant where a person says yes to everything first."""
    desk: Desk = make_desk(mode="APPROVAL")
    return desk


def slips(desk: Desk) -> datetime:
    """What was widened goes badly; when that is looked at."""
    reviewed(desk, 10, "IDEA_EDITED")
    return later(desk)


@pytest.mark.parametrize("was", [None, "APPROVAL", "ASSIST"])
def test_narrowing_puts_back_what_was(asking: Desk, was: str | None) -> None:
    """N7: through the same verb, by the house itself; nobody is asked."""
    if was:
        asking.mode(was, action_type=NOTE)
    before = mode_rows(asking)
    signed(asking)
    assert looked(asking, slips(asking)) == 1
    assert mode_rows(asking) == before
    (row,) = found(asking)
    assert (row.status, row.narrowed_at is not None) == ("SIGNED", True)
    assert changes(asking)[-1] == (
        "system",
        {"mode": "AUTOPILOT"},
        {"mode": was} if was else None,
    )
    assert kinds(asking)[-1] == "autonomy.narrowed"
    assert asking.propose(NOTE).status != "APPROVED"
    # The record begins anew: what earned it once does not earn it again.
    assert looked(asking, later(asking, 60)) == 0


def test_regrets_of_what_ran_alone_narrow_too(asking: Desk) -> None:
    """N7: without a share for review; silence counts as good there."""
    signed(asking)
    ran(asking, 60)
    assert looked(asking) == 0
    ran(asking, 60, "UNDONE")
    assert looked(asking) == 1
    assert mode_rows(asking) == {"": "APPROVAL"}


def test_only_what_chance_chose_counts_once_it_runs_alone(asking: Desk) -> None:
    """N7: what other layers held back is another matter."""
    signed(asking)
    decided(asking, 60, BAD, reason="MODE_AUTOPILOT", also=("stage",))
    assert looked(asking) == 0
    with tenant_scope(asking.tenant):
        record = track.records(now=later(asking))[NOTE]
    assert (record.says, record.counted) == ("TOO_LITTLE", Counts())


def test_narrowing_never_goes_further_than_before(asking: Desk) -> None:
    """N7: where the modes around it were changed meanwhile, its own says what it was."""
    for around in ("DISABLED", "AUTOPILOT"):
        desk = asking
        signed(desk)
        when = slips(desk)
        with tenant_scope(desk.tenant):
            Mode.objects.filter(action_type="").update(mode=around)
        assert looked(desk, when) == 1
        assert mode_rows(desk) == {"": around, NOTE: "APPROVAL"}
        with tenant_scope(desk.tenant):
            Mode.objects.filter(action_type="").update(mode="APPROVAL")
            Mode.objects.filter(action_type=NOTE).delete()
            Suggestion.objects.all().delete()


@pytest.mark.parametrize("mode", ["DISABLED", "SCHEDULED", "APPROVAL"])
def test_what_a_person_set_since_stays(asking: Desk, mode: str) -> None:
    """N7: a signature that was overruled narrows nothing."""
    signed(asking)
    with tenant_scope(asking.tenant):
        scope = {"action_type": NOTE}
        steering.set_mode(mode, scope, by=asking.admin, now=clock() + 11 * DAY)
    reviewed(asking, 10, BAD)
    assert looked(asking) == 0
    assert mode_rows(asking)[NOTE] == mode


def dies_at(verb: str, desk: Desk, now: datetime) -> None:
    """Look, and be killed as the verb has just done its work."""
    real = getattr(steering, verb)

    def killed(*args: Any, **more: Any) -> None:
        real(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(steering, verb, killed)
    looked(desk, now)


def test_killed_in_the_middle_nothing_has_happened(asking: Desk) -> None:
    """N7: mode, suggestion and ledger move together; the next look does it."""
    signed(asking)
    now = slips(asking)
    (process,) = started(1, dies_at, "unset_mode", asking, now)
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert mode_rows(asking)[NOTE] == "AUTOPILOT"
    assert found(asking)[0].narrowed_at is None
    assert "autonomy.narrowed" not in kinds(asking)
    assert looked(asking, now) == 1
    assert mode_rows(asking) == {"": "APPROVAL"}
