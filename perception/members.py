"""Find the memberships of the tenant in scope."""

from uuid import UUID

from ledger.record import Actor
from ledger.scope import current_tenant
from perception.errors import NoSuchMember
from perception.models import Membership
from perception.rules.callers import Caller
from perception.rules.roles import Role


def caller_of_session(person: UUID) -> Caller | None:
    """The caller that a logged-in person is in the tenant in scope, if any."""
    member = Membership.objects.filter(person_id=person, is_active=True).first()
    if member is None:
        return None
    return Caller(tenant=current_tenant(), membership=member.id, role=Role(member.role))


def find_member(text: str, *, at: str = "") -> Membership:
    """A member by id or e-mail address; `at`: the field that names them."""
    try:
        found = Membership.objects.filter(pk=UUID(text), is_active=True).first()
    except ValueError:
        found = Membership.objects.filter(
            person__email__iexact=text, is_active=True
        ).first()
    if found is None:
        said = f"{text!r} is neither the id nor the e-mail of one."
        raise NoSuchMember(said, *filter(None, [at]))
    return found


def person_acting(caller: Caller) -> Actor:
    """How the ledger names a caller: by membership, never by name."""
    return Actor(type="person", id=str(caller.membership))
