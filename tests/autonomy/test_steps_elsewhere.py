"""A step is explained and simulated like any other intent."""

from autonomy.perform import perform
from ledger.explain import explain, story_of_execution
from ledger.scope import tenant_scope
from tests.autonomy.api.replay import tried
from tests.autonomy.conftest import Desk
from tests.autonomy.replays import acts
from tests.autonomy.steps import let_run, submitted


def test_it_explains_itself(desk: Desk) -> None:
    """L4: why, and who allowed it."""
    let_run(desk)
    intent = submitted(desk)
    perform(intent.id, tenant=desk.tenant)
    (act,) = acts(desk, intent.id)
    with tenant_scope(desk.tenant):
        story = story_of_execution(act.id)
        assert story
        said = explain(story)
    assert said["intent"] == str(intent.id)
    assert (said["approval_source"], said["auto_executed"]) == ("POLICY", True)
    assert said["what_it_knew"]["origin"] == "plan"
    clauses = {each["clause"] for each in said["why"]["layers"]}
    assert clauses >= {"mode.scheduled", "schedule.open"}


def test_what_is_in_force_on_its_own_past_differs_nowhere(desk: Desk) -> None:
    """A13: and a mode for signals alone would have asked a person."""
    let_run(desk)
    for _ in range(3):
        submitted(desk)
    assert tried(desk)["differences"] == 0
    assert tried(desk, modes=[{"mode": "AUTOPILOT"}])["differences"] == 3
