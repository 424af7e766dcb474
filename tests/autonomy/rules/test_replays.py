"""Which intents may be gone through again for good, as a table (X5)."""

import pytest

from autonomy.models import Intent
from autonomy.rules.replays import Bar, Standing, barred, differences

# The status; whether its tool is keyed, then and now; whether it is where it was.
TABLE = {
    ("FAILED", False, False): None,
    ("FAILED", True, True): None,
    ("IN_DOUBT", True, True): None,
    ("IN_DOUBT", True, False): Bar.MAY_BE_DONE,
    ("IN_DOUBT", False, True): Bar.MAY_BE_DONE,
    ("IN_DOUBT", False, False): Bar.MAY_BE_DONE,
    ("SUCCEEDED", True, True): Bar.ALREADY_DONE,
    ("UNDONE", True, True): Bar.ALREADY_DONE,
    ("REJECTED", True, True): Bar.NOT_REPLAYABLE,
    ("EXPIRED", True, True): Bar.NOT_REPLAYABLE,
    ("BLOCKED", True, True): Bar.NOT_REPLAYABLE,
    ("CANCELLED", True, True): Bar.NOT_REPLAYABLE,
    ("PROPOSED", True, True): Bar.STILL_OPEN,
    ("AWAITING_APPROVAL", True, True): Bar.STILL_OPEN,
    ("APPROVED", True, True): Bar.STILL_OPEN,
    ("EXECUTING", True, True): Bar.STILL_OPEN,
}


@pytest.mark.parametrize(("case", "bar"), TABLE.items())
def test_who_may(case: tuple[str, bool, bool], bar: Bar | None) -> None:
    """X5: never a second success; what is in doubt only by the same key and place."""
    status, keyed, same_place = case
    standing = Standing(status=status, keyed=keyed, same_place=same_place)
    found = barred(standing)
    assert (found.bar if found else None) == bar
    assert found is None or found.why.endswith(".")
    opened = Standing(status=status, keyed=keyed, same_place=same_place, is_open=True)
    found = barred(opened)
    assert found is not None
    assert found.bar is Bar.REPLAY_OPEN


@pytest.mark.parametrize("status", ["FAILED", "IN_DOUBT"])
def test_a_plan_tries_its_steps_again_itself(status: str) -> None:
    """R12: an act that a plan would not know of is outside its contract."""
    found = barred(Standing(status=status, keyed=True, same_place=True, of_plan=True))
    assert found is not None
    assert found.bar is Bar.NOT_REPLAYABLE


def test_the_table_has_every_status() -> None:
    assert {status for status, *_ in TABLE} == set(Intent.Status.values)


def test_differences_are_pairs_of_then_and_now() -> None:
    def verdict(decision: str, mode: str, tool: str) -> dict[str, object]:
        layer = {"layer": "mode", "decision": decision, "reason": "R", "clause": "c"}
        return {
            "decision": decision,
            "reason": "R",
            "policy_clause": "c",
            "policy_version": "v1",
            "layers": [layer],
            "facts": {"stage": None, "mode": mode, "traits": {"tool": tool}},
        }

    was = verdict("AUTO_EXECUTE", "AUTOPILOT", "hook")
    assert differences(was, was) == {
        "verdict": {}, "layers": {}, "traits": {}, "facts": {},
    }  # fmt: skip
    assert differences(was, verdict("BLOCK", "DISABLED", "other")) == {
        "verdict": {"decision": ["AUTO_EXECUTE", "BLOCK"]},
        "layers": {
            "mode": [
                {"decision": "AUTO_EXECUTE", "reason": "R"},
                {"decision": "BLOCK", "reason": "R"},
            ]
        },
        "traits": {"tool": ["hook", "other"]},
        "facts": {"mode": ["AUTOPILOT", "DISABLED"]},
    }
