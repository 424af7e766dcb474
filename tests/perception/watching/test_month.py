"""P4, P5: thirty days by a clock of our own: who is seen how often, and who cools."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception.intake import receive
from perception.models import Account
from perception.scheduler import tick
from tests.conftest import NOW
from tests.perception.watching.conftest import BY_ACCOUNT, Watch

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# An instant source: what was admitted has been read.
_READ = """
WITH done AS (
    UPDATE perception_pull SET status = 'DONE', ended_at = due_at
    WHERE tenant_id = %(tenant)s AND status = 'QUEUED'
    RETURNING tenant_id, connector_id, account_id, due_at)
INSERT INTO perception_cursor (id, tenant_id, connector_id, account_id, value, moved_at)
SELECT gen_random_uuid(), tenant_id, connector_id, account_id, '{}', due_at FROM done
ON CONFLICT (tenant_id, connector_id, account_id)
DO UPDATE SET moved_at = EXCLUDED.moved_at
"""
_NEXT = """
SELECT min(next_poll_at) FROM perception_account WHERE tenant_id = %s
"""
_STANDS = """
SELECT external_id, seen_at, heat_tier FROM perception_account WHERE tenant_id = %s
"""

pytestmark = pytest.mark.usefixtures("alone")


class Month:
    """A clock that goes from one thing that is due to the next, and what was seen."""

    def __init__(self, watch: Watch, superuser: Any) -> None:
        self.watch, self.cursor = watch, superuser.cursor()
        self.now = NOW
        self.seen: dict[str, list[datetime]] = defaultdict(list)
        self.tiers: dict[str, list[tuple[datetime, str]]] = defaultdict(list)

    def tell(self, account: str) -> None:
        given = {"account": account, "type": "news", "payload": {}}
        with tenant_scope(self.watch.tenant):
            item = {**given, "occurred_at": self.now}
            receive([item], by=SYSTEM, now=self.now)
        self.look()

    def go_to(self, then: datetime, step: timedelta) -> None:
        """Tick whenever something is due; never in shorter steps than `step`."""
        while True:
            self.cursor.execute(_NEXT, [str(self.watch.tenant)])
            due = max(self.cursor.fetchone()[0], self.now)
            if due > then:
                break
            self.now = due
            tick(now=self.now)
            self.cursor.execute(_READ, {"tenant": str(self.watch.tenant)})
            self.look()
            self.now += step
        self.now = then

    def look(self) -> None:
        self.cursor.execute(_STANDS, [str(self.watch.tenant)])
        for name, seen_at, tier in self.cursor.fetchall():
            seen, tiers = self.seen[name], self.tiers[name]
            if seen_at and (not seen or seen[-1] != seen_at):
                seen.append(seen_at)
            if not tiers or tiers[-1][1] != tier:
                tiers.append((self.now, tier))

    def reads(self) -> dict[UUID, list[datetime]]:
        found: dict[UUID, list[datetime]] = defaultdict(list)
        for pull in self.watch.pulls():
            if pull.account_id:
                found[pull.account_id].append(pull.created_at)
        return found


def gaps(times: list[datetime]) -> timedelta:
    return max((b - a for a, b in pairwise(times)), default=timedelta(0))


def test_thirty_days_of_watching(
    make_watch: Callable[..., Watch], superuser: Any
) -> None:
    """Law b: HOT hourly, COLD within 7 days, no flapping, a quiet account cools."""
    watch, dice = make_watch(12), random.Random(7)
    watch.connect(BY_ACCOUNT, rate_per_s=1000)
    month = Month(watch, superuser)
    # One that is talked about all day, and one that is noisy for two.
    for hour in range(24):
        month.go_to(NOW + hour * HOUR, HOUR / 60)
        month.tell("crm-0")
        month.tell("crm-0")
    quiet_from = month.now
    told = 0
    while month.now < quiet_from + 2 * DAY:
        month.go_to(month.now + dice.uniform(0.2, 3.5) * HOUR, HOUR / 60)
        month.tell("crm-1")
        told += 1
    noisy_until = month.now
    month.go_to(NOW + 36 * DAY, HOUR / 60)

    hot = [at for at in month.seen["crm-0"] if at <= quiet_from]
    assert gaps(hot) <= HOUR + HOUR / 60
    for name, seen in month.seen.items():
        assert seen[0] - NOW <= HOUR, name
        assert gaps([*seen, month.now]) <= 7 * DAY, name
    # A quiet one cools down step by step, and stays down.
    tiers = [tier for _, tier in month.tiers["crm-0"]]
    assert tiers == ["COLD", "WARM", "HOT", "WARM", "COLD"]
    # Its score goes up and down with each signal; its tier, only at the beginning.
    noisy = [tier for at, tier in month.tiers["crm-1"] if at <= noisy_until]
    assert told > 20
    assert len(noisy) <= 5, noisy
    assert month.watch.accounts()[1].heat_tier == "COLD"


def test_coverage_holds_when_units_are_short(
    make_watch: Callable[..., Watch], superuser: Any
) -> None:
    """P5: 28 accounts and 5 units a day: each is read within 7 days, the HOT ones too."""
    watch = make_watch(28)
    watch.connect(BY_ACCOUNT, rate_per_s=1000)
    watch.set(pull_units_per_day=5, timezone="UTC")
    month = Month(watch, superuser)
    month.tell("crm-0")
    month.tell("crm-0")
    for day in range(30):
        month.go_to(NOW + day * DAY, HOUR / 4)
    reads = month.reads()
    with tenant_scope(watch.tenant):
        ids = list(Account.objects.values_list("id", flat=True))
    for account in ids:
        assert gaps([NOW, *reads[account], month.now]) <= 7 * DAY
    assert all(used <= 5 for used in watch.used().values())
