"""A8: what a ritual or a plan started runs only where nobody can be surprised."""

from autonomy.rules.facts import Facts
from autonomy.rules.modes import SCHEDULED
from autonomy.rules.verdict import Judgement, Layer, allow, ask, first_of


def schedule(facts: Facts) -> Judgement:
    """Opted in, within a budget, and every digest so far was delivered."""
    layer = Layer.SCHEDULE
    if facts.origin not in SCHEDULED:
        return allow(layer, "schedule.unscheduled", "No ritual or plan started it.")
    found = [
        ask(layer, reason, explanation, remedy)
        for holds, reason, explanation, remedy in (
            (
                facts.opted_in,
                "NOT_OPTED_IN",
                f"A {facts.origin} started this, and nobody opted in to scheduled work.",
                "somebody opts in to scheduled work here",
            ),
            (
                facts.budgets,
                "NO_BUDGET",
                "Scheduled work needs a budget, and none is set.",
                "a budget is set",
            ),
            (
                facts.digest_delivered,
                "DIGEST_NOT_DELIVERED",
                "A digest that was due since the opt-in has not reached its reader.",
                "every digest due so far is delivered",
            ),
        )
        if not holds
    ]
    if found:
        return first_of(found)
    return allow(
        layer, "schedule.open", "Opted in, within a budget, digests delivered."
    )
