"""A8: what a ritual or a plan started runs only where nobody can be surprised."""

from datetime import date

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
                _undelivered(facts),
                "the account's owner has read their newest digest, on its page or by mail",
            ),
        )
        if not holds
    ]
    if found:
        return first_of(found)
    return allow(
        layer, "schedule.open", "Opted in, within a budget, digests delivered."
    )


def _undelivered(facts: Facts) -> str:
    """Which digest has not arrived, and what would help."""
    if facts.digest_delivered is None:
        return (
            f"A {facts.origin} started this, and nobody owns the account: nobody would "
            "read of it in a digest. Give the account an owner."
        )
    day = (
        "of a day" if not facts.digest_missing else f"of {_said(facts.digest_missing)}"
    )
    return (
        f"A {facts.origin} started this, and the digest {day} has not reached the "
        "account's owner. They read it under Digest, which counts; or somebody mends "
        "the address that it goes to."
    )


def _said(day: str) -> str:
    """A day as people say it."""
    found = date.fromisoformat(day)
    return f"{found:%A}, {found.day} {found:%B}"
