"""Those who live in a world: accounts at which things happen, and people who decide."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from autonomy import decisions, digests, feed, undo
from autonomy.errors import AutonomyError
from autonomy.models import Digest, Execution
from autonomy.registry import change_type
from autonomy.steering import set_mode, set_opt_in
from autonomy.tools.binding import add_tool
from config.seeding import seed
from config.worlds.faults import lot_of
from config.worlds.peer import KEY, TYPE, Peer
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception.intake import receive
from perception.members import person_acting
from perception.models import Membership, Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role
from perception.rules.signals import TYPES

# How far each tenant lets the house go, in turn.
MODES = ("AUTOPILOT", "SCHEDULED", "APPROVAL", "ASSIST")
WORKING = range(8, 18)
WEEKDAYS = 5
# What somebody looks through in an hour, and how they decide.
LOOKED_AT, TAKEN_BACK, READ = 6, 0.02, 0.5
YES, EDITED, NO = 0.72, 0.06, 0.14
CAUSES = ("idea", "timing", "execution", "external")


@dataclass(kw_only=True)
class House:
    """One tenant of a world, and what its people did."""

    tenant: UUID
    slug: str
    zone: ZoneInfo
    mode: str
    accounts: list[str]
    callers: dict[Role, Caller]
    lot: Random
    a_day: float
    told: int = 0
    decided: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def hear(self, hours: int) -> int:
        """What happened at its accounts meanwhile."""
        expected = self.a_day * len(self.accounts) * hours / 24
        count = int(expected) + (self.lot.random() < expected % 1)
        if not count:
            return 0
        items = [self._happened(self.told + each) for each in range(count)]
        with tenant_scope(self.tenant):
            receive(items, by=SYSTEM, now=clock(), source="world")
        self.told += count
        return count

    def work(self) -> None:
        """An hour at the desk, in their own time zone."""
        local = clock().astimezone(self.zone)
        if local.hour not in WORKING or local.weekday() >= WEEKDAYS:
            return
        for role in (Role.SELLER, Role.APPROVER):
            self._decide(self.callers[role])
        self._read()
        self._take_back()

    def _happened(self, number: int) -> dict[str, Any]:
        kinds = [each for each in TYPES if each.stirs and not each.is_derived]
        kind = self.lot.choice(kinds)
        return {
            "account": self.lot.choice(self.accounts),
            "type": kind.key,
            "dedupe_key": f"world {number}",
            "payload": dict(kind.example),
        }

    def _decide(self, by: Caller) -> None:
        with tenant_scope(self.tenant):
            rows: Any = feed.next_for(by, now=clock())
            shown = [
                feed.item(row, by) for row in rows.order_by("-score", "-id")[:LOOKED_AT]
            ]
        for item in shown:
            if item["can_decide"]:
                self._answer(item, by)

    def _answer(self, item: Mapping[str, Any], by: Caller) -> None:
        drawn, id_ = self.lot.random(), item["id"]
        if drawn < YES:
            self._try("approved", by, lambda: decisions.approve(id_, by=by))
        elif drawn < YES + EDITED:
            changed = dict(item["parameters"])
            for name, value in changed.items():
                if isinstance(value, str) and " " in value:
                    changed[name] = f"{value} Thank you."
                    break
            self._try("edited", by, lambda: decisions.edit(id_, changed, by=by))
        elif drawn < YES + EDITED + NO:
            cause = self.lot.choice(CAUSES)
            self._try("rejected", by, lambda: decisions.reject(id_, cause, by=by))

    def _read(self) -> None:
        if self.lot.random() >= READ:
            return
        by, unread = self.callers[Role.SELLER], {"seen_at": None}
        with tenant_scope(self.tenant):
            mine = Digest.objects.filter(
                tenant_id=self.tenant, member_id=by.membership, **unread
            )
            newest = mine.filter(written_at__isnull=False).order_by("-day").first()
        if newest is not None:
            self._try("read", by, lambda: digests.seen(newest.id, by=by, now=clock()))

    def _take_back(self) -> None:
        """Now and then somebody thinks better of it."""
        by = self.callers[Role.SELLER]
        if self.lot.random() >= TAKEN_BACK * LOOKED_AT:
            return
        with tenant_scope(self.tenant):
            rows = feed.autopilot(by).filter(status=Execution.Status.SUCCEEDED)
            last = rows.order_by("-id").first()
        if last is None:
            return
        self._try(
            "undone",
            by,
            lambda: undo.request(
                last.id,
                by=person_acting(by),
                member=by.membership,
                reason="It was not wanted.",
            ),
        )

    def _try(self, what: str, by: Caller, verb: Callable[[], object]) -> None:
        """A refusal is an answer like another: it is counted."""
        try:
            with tenant_scope(self.tenant):
                verb()
        except AutonomyError as refusal:
            self.refused[type(refusal).__name__] += 1
        else:
            self.decided[what] += 1


def settle_in(
    *, tenants: int, accounts: int, a_day: float, lot: Random, peer: Peer, now: datetime
) -> list[House]:
    """Open the tenants of a world, each in another mode, all bound to the same peer."""
    made = seed(how_many=tenants, accounts=accounts, now=now)["tenants"]
    return [
        _house(each, MODES[number % len(MODES)], a_day, lot_of(lot.random()), peer, now)
        for number, each in enumerate(made)
    ]


def _house(
    made: Mapping[str, Any],
    mode: str,
    a_day: float,
    lot: Random,
    peer: Peer,
    now: datetime,
) -> House:
    tenant = UUID(made["id"])
    with tenant_scope(tenant):
        members = {Role(each.role): each for each in Membership.objects.all()}
        callers = {
            role: Caller(tenant=tenant, membership=each.id, role=role)
            for role, each in members.items()
        }
        admin = callers[Role.ADMIN]
        set_mode(mode, {}, by=admin, now=now)
        set_opt_in(True, None, by=admin, now=now)
        add_tool(peer.tool(), by=admin, now=now)
        change_type(TYPE, {"tool": KEY}, by=admin, now=now)
        zone = ZoneInfo(Tenant.objects.get().timezone)
    return House(
        tenant=tenant,
        slug=made["slug"],
        zone=zone,
        mode=mode,
        accounts=[each["external_id"] for each in made["accounts"]],
        callers=callers,
        lot=lot,
        a_day=a_day,
    )
