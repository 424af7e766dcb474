"""An act is taken for its start, with everything that the start rests on."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from autonomy import approve, switchboard
from autonomy.facts import Answer, read
from autonomy.models import Intent, Permit
from autonomy.reading import facts_about
from autonomy.rows import Writes
from ledger.scope import current_tenant

_FREE = "SELECT FROM autonomy_intent WHERE tenant_id = %s AND id = %s FOR UPDATE"
_CLAIMED = "t.tenant_id = %s AND t.id = %s FOR UPDATE"
_READ_AT = ("read_at", "clock_timestamp()")
_UNSPENT = """
t.tenant_id = %s AND t.intent_id = %s AND t.spent_at IS NULL AND t.voided_at IS NULL
"""
_BESIDE = ("intent", "verdict", "receipt")


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An intent that is ours for one transaction, as of a moment of the database's clock;
    what it rests on where it may start: a permit, neither spent nor withdrawn.
    """

    intent: Intent
    at: datetime
    permit: Permit | None
    # Its facts as they were read with the permit.
    facts: str = ""

    @cached_property
    def answer(self) -> Answer:
        """What is to be known of it now."""
        if self.facts:
            return approve.answer_about(self.intent, self.facts)
        return read(approve.question_about(self.intent), tenant=current_tenant())


def claimed(intent: UUID) -> Claimed | None:
    """The intent, for this transaction alone, with what its start rests on.

    The locks come first, each in a statement of its own: a switch engaged before them is
    seen after them, and so is a closing of the account.
    """
    named = [current_tenant(), intent]
    locked = switchboard.hold().add(_FREE, named)
    also = (_READ_AT, facts_about("intent"))
    found = locked.find(Permit, _UNSPENT, named, beside=_BESIDE, also=also)
    for permit in found:
        return Claimed(
            intent=permit.intent, at=permit.read_at, permit=permit, facts=permit.facts
        )
    for held in Writes().find(Intent, _CLAIMED, named, also=(_READ_AT,)):
        return Claimed(intent=held, at=held.read_at, permit=None)
    return None
