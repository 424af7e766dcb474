"""What an approved act must still satisfy when it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autonomy.rules.review import REASON
from autonomy.rules.verdict import Decision, Judgement, Layer, Verdict

# A person saw these when they approved; a new objection of theirs is a moved target.
MOVABLE = frozenset({Layer.TIER, Layer.STAGE, Layer.FLOOR, Layer.MODE, Layer.POLICY})


@dataclass(frozen=True, kw_only=True, slots=True)
class Lapsed:
    """An approval that its giver could not give any more, whatever the layers say."""

    reason: str
    explanation: str

    def stated(self) -> dict[str, str]:
        """As the ledger shows it, beside what the layers say."""
        return {
            "layer": "approval",
            "decision": Decision.REQUIRE_APPROVAL.value,
            "reason": self.reason,
            "clause": f"approval.{self.reason.lower()}",
            "explanation": self.explanation,
        }


GONE = Lapsed(
    reason="APPROVER_GONE",
    explanation="Whoever approved it has no access any more.",
)
LOST_RIGHT = Lapsed(
    reason="APPROVER_LOST_RIGHT",
    explanation="Whoever approved it may not decide this any more.",
)


def objections(
    approved: Sequence[Mapping[str, str]], now: Verdict, *, source: str
) -> list[Judgement]:
    """What stands in the way now and did not when the permit was minted.

    The kill switch is none of them: what it stops waits, and is not asked again.
    """
    standing = [
        each
        for each in now.layers
        if each.decision is not Decision.AUTO_EXECUTE
        and each.layer is not Layer.KILL_SWITCH
    ]
    if source == "POLICY":
        return standing
    seen = {(each["layer"], each["reason"]) for each in approved}
    return [
        each
        for each in standing
        if each.decision is Decision.BLOCK
        or (
            each.layer in MOVABLE
            # Chance wants a person to have looked; one has.
            and each.reason != REASON
            and (each.layer.value, each.reason) not in seen
        )
    ]
