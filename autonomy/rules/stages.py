"""A candidate's own stage gate, on top of a policy."""

from autonomy.rules.facts import Facts
from autonomy.rules.judge import Policy
from autonomy.rules.verdict import Judgement, Layer, ask, lowest


class Staged:
    """A policy that also asks a person in further stages."""

    def __init__(self, policy: Policy, stages: frozenset[str]) -> None:
        self.version = policy.version
        self._policy = policy
        self._stages = stages

    def __call__(self, facts: Facts) -> Judgement:
        found = self._policy(facts)
        if facts.stage not in self._stages:
            return found
        gate = ask(
            Layer.POLICY,
            "STAGE_GATED",
            f"The deal is in {facts.stage}, which this candidate leaves to people.",
            "the deal is in an earlier stage",
        )
        return lowest([found, gate])
