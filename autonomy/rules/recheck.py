"""What an approved act must still satisfy when it starts."""

from collections.abc import Mapping, Sequence

from autonomy.rules.verdict import Decision, Judgement, Layer, Verdict

# A person saw these when they approved; a new objection of theirs is a moved target.
MOVABLE = frozenset({Layer.TIER, Layer.STAGE, Layer.FLOOR, Layer.MODE, Layer.POLICY})


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
        or (each.layer in MOVABLE and (each.layer.value, each.reason) not in seen)
    ]
