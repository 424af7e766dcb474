"""H4: who is told of what, how soon, and when a try that failed is made again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from autonomy.rules.approvals import APPROVERS, DECIDERS, Standing, hindrance
from ledger.rules.kinds import Kind
from perception.rules.roles import Role


class Topic(StrEnum):
    """What a member can want to be told of, or not."""

    DECISIONS = "decisions"
    REMINDERS = "reminders"
    ESCALATIONS = "escalations"
    SWITCHES = "switches"
    SERVICE = "service"
    PARKED = "parked"
    DIGESTS = "digests"


# What a tool raised for approvers; it is an effect, and its kind of entry is the act's.
RAISED = "escalation.raised"
TOPIC_OF: Mapping[str, Topic] = {
    Kind.APPROVAL_REQUESTED: Topic.DECISIONS,
    Kind.APPROVAL_DELEGATED: Topic.DECISIONS,
    Kind.APPROVAL_REMINDED: Topic.REMINDERS,
    Kind.APPROVAL_ESCALATED: Topic.ESCALATIONS,
    RAISED: Topic.ESCALATIONS,
    Kind.SWITCH_ENGAGED: Topic.SWITCHES,
    Kind.SWITCH_RELEASED: Topic.SWITCHES,
    Kind.SERVICE_ALERTED: Topic.SERVICE,
    Kind.SERVICE_RECOVERED: Topic.SERVICE,
    Kind.RUN_PARKED: Topic.PARKED,
    Kind.DIGEST_FAILED: Topic.DIGESTS,
}
QUESTIONS = frozenset(
    {
        Kind.APPROVAL_REQUESTED,
        Kind.APPROVAL_DELEGATED,
        Kind.APPROVAL_REMINDED,
        Kind.APPROVAL_ESCALATED,
    }
)
ALERTS = frozenset({Kind.SERVICE_ALERTED, Kind.SERVICE_RECOVERED})
# What comes in swarms waits a little, so that a swarm is one mail.
SOON, LATER = timedelta(minutes=2), timedelta(minutes=5)
PAUSES: Mapping[Topic, timedelta] = {
    Topic.DECISIONS: SOON,
    Topic.REMINDERS: SOON,
    Topic.PARKED: LATER,
    Topic.DIGESTS: LATER,
}
# It is tried so often, further and further apart: for about five hours.
TRIES = 10
FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
# Which switches concern everybody; the others concern who stands there, and overseers.
NARROW = frozenset({"account", "seller"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A member as far as it matters to notices. `wants`: by mail, besides the digest."""

    id: str
    role: Role
    muted: Collection[str] = ()
    digest_only: bool = False

    def wants(self, topic: Topic) -> bool:
        return not self.digest_only and topic not in self.muted


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a notice is about. Ids are text; empty where there is nobody.

    `target`: whom alone a switch concerns. `by`: whoever did it, and knows.
    """

    kind: str
    requires_role: str = ""
    owner: str = ""
    assigned: str = ""
    authors: Collection[str] = ()
    four_eyes: bool = False
    scope: str = ""
    target: str = ""
    by: str = ""


def readers_of(about: About, members: Iterable[Reader]) -> list[Reader]:
    """Whom it concerns, whether they want to be told or not."""
    found = list(members)
    if about.kind in QUESTIONS:
        return _asked(about, found)
    others = [each for each in found if each.id != about.by]
    match TOPIC_OF[about.kind]:
        case Topic.SWITCHES:
            return [each for each in others if _is_switched(about, each)]
        case Topic.ESCALATIONS:
            return _approvers(others)
        case _:
            return [each for each in others if each.role is Role.ADMIN]


def may_decide(about: About, reader: Reader) -> bool:
    """Whether a yes of theirs would count."""
    standing = Standing(
        role=reader.role,
        owns_account=bool(about.owner) and about.owner == reader.id,
        is_assigned=bool(about.assigned) and about.assigned == reader.id,
        is_author=reader.id in about.authors,
    )
    found = hindrance(about.requires_role, standing, four_eyes=about.four_eyes)
    return found is None


def pause(topic: Topic) -> timedelta:
    """For how long more of its kind is waited for."""
    return PAUSES.get(topic, timedelta(0))


def again(attempts: int, *, now: datetime) -> datetime | None:
    """When it is tried once more after so many times; None: no more."""
    if attempts >= TRIES:
        return None
    doubled: int = 2 ** max(attempts - 1, 0)
    return now + min(FIRST * doubled, LONGEST)


def message_id(bundle: str, domain: str) -> str:
    """The same for each repetition, and for nothing else: servers know it again."""
    return f"<notice.{bundle.replace('-', '')}@{domain}>"


def _asked(about: About, members: list[Reader]) -> list[Reader]:
    """Those whose turn it is: whom it was handed to, its owner, or the approvers."""
    able = [each for each in members if may_decide(about, each)]
    # Whoever wrote it knows that it waits.
    able = [each for each in able if each.id not in about.authors or about.assigned]
    if about.assigned:
        return [each for each in able if each.id == about.assigned]
    is_owners = about.requires_role == Role.SELLER
    if is_owners and about.kind != Kind.APPROVAL_ESCALATED:
        owners = [each for each in able if each.id == about.owner]
        if owners or about.owner in about.authors:
            return owners
    return _approvers(able)


def _approvers(members: list[Reader]) -> list[Reader]:
    """Approvers; where there is none, admins, who may decide as well."""
    found = [each for each in members if each.role is Role.APPROVER]
    return found or [each for each in members if each.role in APPROVERS]


def _is_switched(about: About, reader: Reader) -> bool:
    if reader.role in APPROVERS:
        return True
    if about.scope in NARROW:
        return reader.id == about.target
    return reader.role in DECIDERS
