"""The default: playbooks, deterministic, without network and without cost."""

from autonomy.rules.playbooks import candidates
from autonomy.synthesizers.base import Answer, Asked


class Rules:
    """Reads the playbooks; leaves out what the tenant does not have."""

    name = "rules"
    charged = False

    def propose(self, asked: Asked, *, timeout: float) -> Answer:
        allowed = frozenset(asked.allowed_action_types)
        found = candidates(asked.context)
        return Answer(
            drafts=tuple(each for each in found if each.action_type in allowed)
        )


def make() -> Rules:
    return Rules()
