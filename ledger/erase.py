"""Erase what is known of a person; what was stated stays provable."""

from datetime import datetime
from uuid import UUID

from ledger.models import Private
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind


def erase_person(person: UUID, *, by: Actor, now: datetime) -> int:
    """Delete the private values of a person, with their salts; return how many."""
    count, _ = Private.objects.filter(person_id=person).delete()
    record(
        Fact(
            kind=Kind.CONTACT_ERASED,
            by=by,
            subjects={"contact": person},
            data={"values": count},
        ),
        now=now,
    )
    return count
