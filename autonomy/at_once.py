"""An act of the house, done in the same breath as its verdict.

What a start checks again was read in this very transaction, under the lock of the
switches. So the permit is minted and spent, and the act begins and ends, in what is
written before the budget is taken: all of it stands, or nothing.
"""

from autonomy import execute, settle, traces
from autonomy.facts import Answer
from autonomy.models import Intent, Permit
from autonomy.rows import Writes
from autonomy.tools import internal
from autonomy.tools.reaching import way_of
from ledger import spans
from ledger.record import Fact


def at_once(permit: Permit, answer: Answer, stated: list[Fact]) -> Writes | None:
    """Spend a permit that is not kept yet, and do what it allows; what is to be written
    after it, with the facts `stated` before. None where the act has to wait.
    """
    intent = permit.intent
    if not _may(intent, permit, answer):
        return None
    with traces.act(intent.id, intent.tenant_id):
        execution, begun = execute.opened(intent, permit, answer)
        effects = Writes()
        end = internal.done(execution, effects)
        writes, ended = settle.ended(execution, end, at=answer.at, depth=answer.depth)
        spans.note(outcome=end.status.value)
    intent.status = Intent.Status(end.status.value)
    before = Writes().insert(execution).take(effects)
    return before.take(writes).state([*stated, *begun, *ended], now=answer.at)


def _may(intent: Intent, permit: Permit, answer: Answer) -> bool:
    """Whether nothing is to be waited for: no hold, no call, no row that others change."""
    tool = answer.action.traits.tool if answer.action else ""
    return (
        not (answer.closed or answer.hold_seconds or intent.replay_id)
        and permit.expires_at > answer.at
        and tool in internal.ONLY_WRITE
        and way_of(tool) is None
    )
