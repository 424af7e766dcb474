"""What of a run is judged next, and what the verdict on it rests on."""

from dataclasses import dataclass
from typing import Any

from autonomy import approve, runs, switchboard
from autonomy.facts import Answer
from autonomy.models import Intent
from autonomy.reading import facts_about
from autonomy.rows import Writes
from autonomy.rules.runs import Stage
from autonomy.runs import CLAIMED, Claiming, Held

# Where the claim found nothing, there is no fence.
_UNJUDGED = """
t.tenant_id = %s AND t.run_id = %s AND %s::integer IS NOT NULL AND t.judged_at IS NULL
"""
_LOCK = f"SELECT FROM autonomy_intent t WHERE {_UNJUDGED} ORDER BY t.id FOR UPDATE"
_FIRST = f"{_UNJUDGED} ORDER BY t.rank LIMIT 1"
_OTHERS = """
(SELECT count(*) FROM autonomy_intent o
 WHERE o.tenant_id = t.tenant_id AND o.run_id = t.run_id AND o.judged_at IS NULL) - 1
"""
_ALSO = (CLAIMED, ("others", _OTHERS), facts_about("t"))


@dataclass(frozen=True, kw_only=True)
class Next:
    """A proposal, for this transaction alone, and how many others wait behind it. What
    it rests on, where that was read with it.
    """

    intent: Intent
    others: int
    answer: Answer | None = None


def next_of(held: Held) -> Next | None:
    """The first proposal that nobody judged: just made, or read."""
    if held.proposed:
        (intent, *others), held.proposed = held.proposed, []
        return Next(intent=intent, others=len(others))
    intent = runs.look_at(held, look)
    if intent is None:
        return None
    answer = approve.answer_about(intent, intent.facts)
    return Next(intent=intent, others=intent.others, answer=answer)


def look(of: Held | Claiming, writes: Writes) -> tuple[str, Any] | None:
    """The same as it is read, behind its locks, each in a statement of its own."""
    named = [of.tenant, of.id, of.fence]
    if may_act(of):
        writes.take(switchboard.hold())
    for intent in writes.add(_LOCK, named).find(Intent, _FIRST, named, also=_ALSO):
        return intent.claimed, intent
    return None


def may_act(held: Held | Claiming) -> bool:
    """Whether an act may follow at once on its verdict. What was tried before goes step
    by step, so that each attempt is counted.
    """
    return held.may(Stage.EXECUTE) and not held.again
