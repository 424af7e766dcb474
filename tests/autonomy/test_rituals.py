"""G2: rituals of a real tenant: told once, caught up with once, taken up again."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from autonomy import rites, rituals, turns
from autonomy.models import Intent, Ritual, Run, Told
from autonomy.pacing import change_trigger
from autonomy.pipeline import walk
from autonomy.rules.rituals import LEASE
from autonomy.rules.runs import Stage
from config.worlds.time import VirtualTime, virtual_time
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Account, Membership, Opportunity, Tenant
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.races import in_threads

DAY = timedelta(days=1)
BRIEF, WEEKLY, RUNWAY = (
    "RITUAL_MORNING_BRIEF",
    "RITUAL_WEEKLY_REVIEW",
    "RITUAL_RENEWAL_RUNWAY",
)


def monday_at(time: VirtualTime, hour: int = 7) -> datetime:
    """The second Monday from now, at an hour of the tenant's clock."""
    berlin = ZoneInfo("Europe/Berlin")
    day = time.now().astimezone(berlin).date() + timedelta(days=8)
    day += timedelta(days=-day.weekday() % 7)
    return datetime(day.year, day.month, day.day, hour, 1, tzinfo=berlin)


def another(desk: Desk, name: str, **given: Any) -> Account:
    with tenant_scope(desk.tenant):
        seller = str(desk.house.members[Role.SELLER].id)
        return add_account(
            {"external_id": name, "name": name, "owner": seller, **given},
            by=desk.admin,
            now=NOW,
        )


def done(desk: Desk) -> list[tuple[str, str, int, bool]]:
    with tenant_scope(desk.tenant):
        rows = Ritual.objects.order_by("day", "kind")
        return [
            (row.kind, row.day.isoformat(), row.count, row.ended_at is not None)
            for row in rows
        ]


def told(desk: Desk, kind: str) -> dict[str, Any]:
    with tenant_scope(desk.tenant):
        (row,) = Told.objects.filter(ritual__kind=kind)
        assert row.member_id == desk.house.members[Role.SELLER].id
        return dict(row.body)


def runs(desk: Desk, kind: str) -> list[Run]:
    with tenant_scope(desk.tenant):
        return list(Run.objects.filter(trigger=kind).order_by("key"))


def test_two_beats_run_a_monday_morning_once(desk: Desk) -> None:
    """G2: brief, review and runway, each once; runs by local date; stated."""
    asked = desk.propose("send_follow_up_email")
    quiet, asleep = another(desk, "quiet"), another(desk, "asleep")
    with tenant_scope(desk.tenant):
        Account.objects.filter(pk=quiet.pk).update(heat_score=0.4)
    with virtual_time() as time:
        now = monday_at(time)
        time.move_to(now)
        day = now.date().isoformat()
        with tenant_scope(desk.tenant):
            Account.objects.update(created_at=now - 20 * DAY)
        ran = in_threads(2, lambda _: rituals.run_of(desk.tenant, now=now))
        assert sum(ran) == 3
        assert rituals.run_of(desk.tenant, now=now + timedelta(hours=3)) == 0
        assert done(desk) == [
            (BRIEF, day, 1, True), (RUNWAY, day, 0, True), (WEEKLY, day, 1, True),
        ]  # fmt: skip
        review = told(desk, WEEKLY)
        assert review["accounts"][0]["account"] == str(quiet.id)
        assert {each["account"] for each in review["neglected"]} == {
            str(desk.account.id), str(quiet.id), str(asleep.id),
        }  # fmt: skip
        assert {each["why"] for each in review["neglected"]} == {"SILENT"}
        started = runs(desk, WEEKLY)
        assert {str(run.account_id) for run in started} == set(review["preparing"])
        assert {run.origin for run in started} == {"ritual"}
        assert {run.key.rpartition(" ")[2] for run in started} == {day}
        assert started[0].context == {"ritual": WEEKLY, "day": day}
        # The brief tells of what the review began until then, by whichever beat it
        # was begun, and begins nothing twice.
        brief = told(desk, BRIEF)
        assert set(brief["preparing"]) <= set(review["preparing"])
        assert len(started) == 3
        assert not runs(desk, BRIEF)
        with tenant_scope(desk.tenant):
            stated = list(Entry.objects.filter(kind="ritual.run"))
        assert sorted(entry.data["kind"] for entry in stated) == [BRIEF, RUNWAY, WEEKLY]
        assert {entry.actor["type"] for entry in stated} == {"schedule"}
        assert {entry.data["day"] for entry in stated} == {day}
    assert asked.status == "AWAITING_APPROVAL"


def test_days_without_a_beat_are_caught_up_with_once(desk: Desk) -> None:
    """G2: the newest of them; the review of the last Monday, on whatever day it is."""
    with virtual_time() as time:
        monday = monday_at(time)
        now = monday + 3 * DAY - timedelta(hours=2)
        time.move_to(now)
        assert rituals.run_of(desk.tenant, now=now) == 3
        assert rituals.run_of(desk.tenant, now=now + timedelta(hours=1)) == 0
        found = {kind: day for kind, day, _, _ in done(desk)}
        wednesday = (monday + 2 * DAY).date().isoformat()
        assert found == {
            BRIEF: wednesday, RUNWAY: wednesday, WEEKLY: monday.date().isoformat(),
        }  # fmt: skip
        # Its own day still comes, and on time.
        assert rituals.run_of(desk.tenant, now=monday + 3 * DAY) == 2


def test_what_was_killed_is_taken_up_again_and_nobody_is_told_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G2: after its lease by whoever looks; those that were told before stay told."""

    class Killed(BaseException):
        """The process is gone."""

    approver = desk.house.members[Role.APPROVER].id
    another(desk, "theirs")
    with tenant_scope(desk.tenant):
        Account.objects.filter(external_id="theirs").update(owner_id=approver)
    calls: list[UUID] = []
    brief = rites.brief

    def dies(occasion: Any, seller: Any, *, now: datetime) -> int:
        calls.append(seller.member)
        if len(calls) == 2:
            raise Killed
        return brief(occasion, seller, now=now)

    monkeypatch.setattr(rites, "brief", dies)
    with virtual_time() as time:
        # A Tuesday, so that there is no review.
        now = monday_at(time) + DAY
        time.move_to(now - 6 * DAY)
        with pytest.raises(Killed):
            rituals.run_of(desk.tenant, now=now - 6 * DAY)
        time.move_to(now)
        # That day has gone by: the newest is run, and what was left is said to be.
        assert rituals.run_of(desk.tenant, now=now) == 3
        with tenant_scope(desk.tenant):
            left = Ritual.objects.filter(kind=BRIEF).order_by("day").first()
            assert left is not None
            assert left.error == turns.LEFT
            assert Told.objects.filter(ritual__kind=BRIEF).count() == 3
        # Another day, killed again: taken up after the lease, and not before.
        calls.clear()
        now += DAY
        time.move_to(now)
        with pytest.raises(Killed):
            rituals.run_of(desk.tenant, now=now)
        assert rituals.run_of(desk.tenant, now=now + LEASE / 2) == 0
        time.pass_(LEASE)
        assert rituals.run_of(desk.tenant, now=time.now()) == 1
        assert len(calls) == 3
        assert calls[1] == calls[2] != calls[0]
        with tenant_scope(desk.tenant):
            last = Ritual.objects.filter(kind=BRIEF).latest("day")
            assert last.ended_at is not None
            members = Told.objects.filter(ritual=last).values_list("member", flat=True)
            assert sorted(members) == sorted(set(calls))


def test_what_breaks_at_one_seller_is_theirs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2: the others are told; how many broke, and why, is kept and stated."""
    another(desk, "theirs")
    approver = desk.house.members[Role.APPROVER].id
    with tenant_scope(desk.tenant):
        Account.objects.filter(external_id="theirs").update(owner_id=approver)
    brief = rites.brief

    def breaks(occasion: Any, seller: Any, *, now: datetime) -> int:
        if seller.member != approver:
            raise ValueError("a secret")
        return brief(occasion, seller, now=now)

    monkeypatch.setattr(rites, "brief", breaks)
    with virtual_time() as time:
        now = monday_at(time) + DAY
        time.move_to(now)
        rituals.run_of(desk.tenant, now=now)
        with tenant_scope(desk.tenant):
            row = Ritual.objects.get(kind=BRIEF)
            (said,) = Told.objects.filter(ritual=row)
            entry = Entry.objects.filter(kind="ritual.run").latest("number")
    assert (row.count, row.broken, row.error) == (1, 1, "ValueError")
    assert said.member_id == approver
    assert entry.data["broken"] == 1
    assert "secret" not in str(entry.data)


def test_renewals_that_come_near_are_looked_ahead_to_once_for_each_window(
    make_desk: Callable[..., Desk],
) -> None:
    """G2: within 90, 60 and 30 days; what breaks at the plans is found again."""
    desk = make_desk()
    asked: list[list[UUID]] = []

    def foresee(accounts: Sequence[UUID], /, *, tenant: UUID, now: datetime) -> int:
        asked.append(list(accounts))
        if len(asked) == 1:
            raise ValueError
        return len(accounts)

    with virtual_time() as time:
        now = monday_at(time) + DAY
        time.move_to(now)
        with tenant_scope(desk.tenant):
            deals = Opportunity.objects.filter(account=desk.account)
            deals.filter(external_id="o1").update(renewal_date=now.date() + 91 * DAY)

        def morning(days: int) -> list[str]:
            asked[1:] = []
            moment = now + days * DAY
            time.move_to(moment)
            rituals.run_of(desk.tenant, now=moment, foresee=foresee)
            return [run.key.rpartition(" ")[2] for run in runs(desk, RUNWAY)]

        assert morning(0) == []
        assert not asked
        # The plans broke: nothing was started either, and the next day begins anew.
        assert morning(1) == []
        assert morning(2) == ["90"]
        assert morning(3) == ["90"]
        assert len(asked) == 1
        assert morning(31) == ["60", "90"]
        assert asked[1] == [desk.account.id]
        assert morning(61) == ["30", "60", "90"]


def test_what_is_more_than_one_look_takes_is_gone_on_with(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G2: at once, by whoever looks next; the nearest renewals first, and all told."""
    monkeypatch.setattr(rites, "AHEAD", 2)
    with virtual_time() as time:
        now = monday_at(time) + DAY
        time.move_to(now)
        for number in range(5):
            renewal = (now + (70 + number) * DAY).date()
            deal = {"external_id": "r", "stage": "discovery", "renewal_date": renewal}
            another(desk, f"a{number}", opportunities=[deal])
        looks = []
        for _ in range(4):
            rituals.run_of(desk.tenant, now=time.now())
            looks.append(len(runs(desk, RUNWAY)))
        assert looks == [2, 4, 5, 5]
        with tenant_scope(desk.tenant):
            row = Ritual.objects.get(kind=RUNWAY)
            first = Run.objects.filter(trigger=RUNWAY).earliest("id")
            assert first.account.external_id in ("a0", "a1")
        assert (row.count, row.ended_at is not None) == (5, True)


def test_a_ritual_that_is_switched_off_does_nothing_and_is_not_made_up_for(
    desk: Desk,
) -> None:
    """G1: its day counts as run; switched on again, it comes on the next day."""
    with tenant_scope(desk.tenant):
        change_trigger(BRIEF, {"enabled": False}, by=desk.admin, now=NOW)
    with virtual_time() as time:
        now = monday_at(time) + DAY
        time.move_to(now)
        rituals.run_of(desk.tenant, now=now)
        with tenant_scope(desk.tenant):
            assert not Told.objects.filter(ritual__kind=BRIEF).exists()
            assert not Run.objects.filter(trigger=BRIEF).exists()
            change_trigger(BRIEF, {"enabled": True}, by=desk.admin, now=NOW)
        assert rituals.run_of(desk.tenant, now=now + timedelta(hours=1)) == 0
        time.pass_(DAY)
        assert rituals.run_of(desk.tenant, now=now + DAY) == 2
        with tenant_scope(desk.tenant):
            assert Told.objects.filter(ritual__kind=BRIEF).count() == 1


def test_the_tick_finds_the_tenants_that_are_due(desk: Desk, other: Any) -> None:
    """G2: whoever began today is not yet; people without accounts are told nothing."""
    begun = datetime.now(UTC) - 3 * DAY
    with tenant_scope(desk.tenant):
        Tenant.objects.filter(pk=desk.tenant).update(created_at=begun)
        Membership.objects.filter(role="SELLER").update(is_active=False)
    assert rituals.run_due(now=datetime.now(UTC)) >= 2
    assert len(done(desk)) >= 2
    with tenant_scope(desk.tenant):
        assert not Told.objects.exists()
    with tenant_scope(other.tenant):
        assert not Ritual.objects.exists()


def test_what_a_ritual_starts_walks_like_anything_else(desk: Desk) -> None:
    """G1, A8: through gate and layers; and AUTOPILOT does not cover it."""
    with virtual_time() as time:
        now = monday_at(time) + DAY
        time.move_to(now)
        rituals.run_of(desk.tenant, now=now)
        (run,) = runs(desk, BRIEF)
        walk(run.id, Stage.TRIGGER, tenant=desk.tenant, may=lambda _: True)
    with tenant_scope(desk.tenant):
        run.refresh_from_db()
        intents = list(Intent.objects.filter(run_id=run.id))
    assert run.status == "DONE"
    assert intents
    assert {intent.origin for intent in intents} == {"ritual"}
    assert {intent.status for intent in intents} == {"AWAITING_APPROVAL"}
