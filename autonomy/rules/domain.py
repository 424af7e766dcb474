"""The finite domain of policy: for every fact, the values that can make a difference."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from autonomy.rules.actions import ActionType, Risk
from autonomy.rules.bundles import BEYOND, NO_CAP, Clause
from autonomy.rules.clauses import TEXT, around, numbers
from autonomy.rules.guardrails import GATED_STAGES, OPEN_STAGES
from autonomy.rules.modes import MODES

STAGES = (None, *sorted(OPEN_STAGES | GATED_STAGES), "", "nobody_knows")
LIFECYCLES = ("PROSPECT", "SUSPECT", "CUSTOMER", "CHURNED", "")
EITHER = (False, True)
WORD = re.compile(r"\b[a-z_][a-z0-9_]*\b")

# These come together, from one action type.
OF_TYPE = (
    "action_type", "tier", "external_contact", "touches", "reversal", "idempotent",
)  # fmt: skip
UNKNOWN_TYPE: tuple[Any, ...] = ("nobody_knows", "UNKNOWN", True, [], "UNKNOWN", False)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The values of each fact; those of an action type vary together."""

    actions: tuple[ActionType, ...]
    confidences: tuple[float, ...]
    types: tuple[tuple[Any, ...], ...]
    others: Mapping[str, tuple[Any, ...]]

    @classmethod
    def of(
        cls,
        clauses: Sequence[Clause],
        actions: Sequence[ActionType],
        minimums: Sequence[float],
    ) -> "Domain":
        """The domain on which these clauses can differ."""
        compared = {*numbers(clauses), *minimums}
        confidences = around({0.0, 0.7, 1.0, *compared}, low=0.0, high=1.0)
        amounts = around({0.0, 1000.0, *compared}, low=0.0, high=BEYOND)
        return cls(
            actions=tuple(actions),
            confidences=confidences,
            types=(*(_typed(each) for each in actions), UNKNOWN_TYPE),
            others={
                "risk_level": (*(risk.value for risk in Risk), "nobody_knows"),
                "stage": (*(each or "" for each in STAGES[:-2]), "nobody_knows"),
                "lifecycle": LIFECYCLES,
                "origin": ("signal", "agent", "ritual", "plan", "nobody_knows"),
                "mode": (*MODES, "", "nobody_knows"),
                "min_confidence": confidences,
                "allowlisted": EITHER,
                "amount": amounts,
                "amount_cap": (*amounts, NO_CAP),
                "within_hours": EITHER,
                "tainted": EITHER,
                "opted_in": EITHER,
                "profile": EITHER,
                # Last, so that it varies fastest.
                "confidence": confidences,
            },
        )

    def mentioned(self, clauses: Sequence[Clause]) -> frozenset[str]:
        """The facts that clauses speak of."""
        known = {*self.others, *OF_TYPE}
        found: set[str] = set()
        for clause in clauses:
            found |= known & set(WORD.findall(TEXT.sub("''", clause.condition)))
        return frozenset(found)

    def size(self, names: frozenset[str]) -> int:
        """How many cases there are when these facts vary."""
        sizes = (len(values) for name, values in self.others.items() if name in names)
        return len(self._types(names)) * prod(sizes)

    def points(self, names: frozenset[str]) -> Iterator[dict[str, Any]]:
        """Every case, with the first value of each fact that does not vary."""
        axes = [
            values if name in names else values[:1]
            for name, values in self.others.items()
        ]
        for typed in self._types(names):
            for rest in product(*axes):
                yield dict(zip((*OF_TYPE, *self.others), (*typed, *rest), strict=True))

    def _types(self, names: frozenset[str]) -> list[tuple[Any, ...]]:
        """One action type for each combination of those of its facts that vary."""
        chosen = [place for place, name in enumerate(OF_TYPE) if name in names]
        kept = {repr([typed[at] for at in chosen]): typed for typed in self.types}
        return list(kept.values())


def _typed(action: ActionType) -> tuple[Any, ...]:
    traits = action.traits
    return (
        action.key,
        traits.tier,
        traits.external_contact,
        list(traits.touches),
        traits.reversal,
        traits.idempotent,
    )
