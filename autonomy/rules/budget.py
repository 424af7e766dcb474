"""A11: budgets of autonomous acts, by the tenant's day."""

from autonomy.rules.facts import BudgetLine, Facts
from autonomy.rules.verdict import Judgement, Layer, allow, ask, first_of


def budget(facts: Facts) -> Judgement:
    """Every budget that applies has something left; and there is one."""
    layer = Layer.BUDGET
    if not facts.budgets:
        return ask(
            layer,
            "NO_BUDGET",
            "No budget covers this, so a person decides.",
            "a budget is set",
        )
    spent = [line for line in facts.budgets if line.used >= line.limit]
    if not spent:
        return allow(
            layer, "budget.left", "Every budget that applies has something left."
        )
    return first_of(
        [
            ask(
                layer,
                "BUDGET_EXHAUSTED",
                f"Today's budget of the {said_scope(line)} is used up "
                f"({line.used} of {line.limit}).",
                f"the {said_scope(line)} has budget left today",
            )
            for line in spent
        ]
    )


def said_scope(line: BudgetLine) -> str:
    return line.scope.replace("_", " ").replace("+", " and ")


def effective_limit(limit: int, *, decay_percent: int, idle_days: int) -> int:
    """What a limit is worth after days without use: it shrinks, but not to nothing."""
    if limit <= 0 or decay_percent <= 0 or idle_days <= 0:
        return max(limit, 0)
    worth = limit * (1 - decay_percent / 100) ** idle_days
    return max(1, int(worth))
