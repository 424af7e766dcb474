"""N1: what became of an intent, in the common taxonomy; what that is worth to learn from.

Expired, undone, blocked and called off are facts of their own, and say nothing against
the idea: none of them is ever IDEA_REJECTED.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum


class Taxonomy(StrEnum):
    """OutcomeTaxonomyV1, and one fact that stands beside it."""

    IDEA_REJECTED = "IDEA_REJECTED"
    IDEA_EDITED = "IDEA_EDITED"
    EXECUTION_FAILED = "EXECUTION_FAILED"
    EXECUTION_SUCCEEDED = "EXECUTION_SUCCEEDED"
    NO_RESPONSE = "NO_RESPONSE"
    NEGATIVE_RESPONSE = "NEGATIVE_RESPONSE"
    UNDONE = "UNDONE"


# What each status of an intent that ended must have left behind; nothing of the others.
OWED: Mapping[str, Taxonomy] = {
    "REJECTED": Taxonomy.IDEA_REJECTED,
    "SUCCEEDED": Taxonomy.EXECUTION_SUCCEEDED,
    "FAILED": Taxonomy.EXECUTION_FAILED,
    "UNDONE": Taxonomy.UNDONE,
}
# They ended without an outcome of the taxonomy, and their status tells why.
OTHER_FACTS = frozenset({"EXPIRED", "BLOCKED", "CANCELLED"})
FINISHED = frozenset({*OWED, *OTHER_FACTS})
# Of what was done, the first of these that holds is what it comes to.
_FOREMOST = (
    Taxonomy.UNDONE,
    Taxonomy.NEGATIVE_RESPONSE,
    Taxonomy.IDEA_EDITED,
    Taxonomy.NO_RESPONSE,
    Taxonomy.EXECUTION_SUCCEEDED,
)
# A refusal for these is none of the idea.
NOT_THE_IDEA = frozenset({"execution", "external"})
_REGRETS = frozenset(
    {Taxonomy.IDEA_EDITED, Taxonomy.UNDONE, Taxonomy.NEGATIVE_RESPONSE}
)


def normalized(status: str, held: Collection[str]) -> str | None:
    """The one word for what became of it; None where it is missing or not over."""
    if status in OTHER_FACTS:
        return status
    if status not in OWED or OWED[status] not in held:
        return None
    if status in ("REJECTED", "FAILED"):
        return OWED[status].value
    return next(each.value for each in _FOREMOST if each in held)


def reward(held: Mapping[str, str]) -> float | None:
    """What it was worth, given its outcomes with their causes; None where they are silent.

    1: approved as it was, or done by policy, succeeded, and nobody regretted it. 0: its
    idea or its timing was refused, it was edited, taken back, or answered badly. Nothing
    is learned from what failed in its execution, was refused for what it could not help,
    or was never decided. Silence after outreach is no regret.
    """
    refused = held.get(Taxonomy.IDEA_REJECTED)
    if refused is not None:
        return None if refused in NOT_THE_IDEA else 0.0
    if _REGRETS & held.keys():
        return 0.0
    return 1.0 if Taxonomy.EXECUTION_SUCCEEDED in held else None
