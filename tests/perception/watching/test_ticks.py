"""P4 to P8: what is due is looked at, pulls are admitted, every decision is stated."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.record import SYSTEM
from ledger.scope import current_tenant, tenant_scope
from perception import scheduler
from perception.intake import receive
from perception.models import Account, Connector, Pull
from perception.scheduler import Ticked, tick
from tests.conftest import NOW
from tests.perception.watching.conftest import BY_ACCOUNT, WHOLE, Watch
from tests.races import FORK, in_processes

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


pytestmark = pytest.mark.usefixtures("alone")


def test_a_new_account_is_looked_at_at_once_and_then_by_its_tier(
    make_watch: Callable[..., Watch],
) -> None:
    """P5: COLD between 3 and 7 days, each at a time of its own; no source, no pull."""
    watch = make_watch(8)
    assert tick(now=NOW - HOUR) == Ticked()
    assert tick(now=NOW).looked == 8
    assert tick(now=NOW).looked == 0
    later = [account.next_poll_at for account in watch.accounts()]
    assert all(3 * DAY <= at - NOW <= 7 * DAY for at in later if at)
    assert len(set(later)) == 8
    assert {account.seen_at for account in watch.accounts()} == {NOW}
    assert watch.pulls() == []
    assert watch.stated("pull.judged") == []


def test_each_source_of_accounts_gets_a_pull_and_the_decision_is_stated(
    make_watch: Callable[..., Watch],
) -> None:
    """P6, P7: HOT deep for 3 units, and what is whole is read whole."""
    watch = make_watch(1)
    feed, crm = watch.connect(WHOLE, next_pull_at=NOW), watch.connect(BY_ACCOUNT)
    watch.connect(BY_ACCOUNT, is_active=False)
    watch.connect("webhook")
    watch.move(heat_tier="HOT", heat_score=0.9, heat_at=NOW)
    assert tick(now=NOW) == Ticked(looked=1, admitted=2)
    (account,) = watch.accounts()
    made = {pull.connector_id: pull for pull in watch.pulls()}
    assert {id_: (pull.depth, pull.units, pull.account_id) for id_, pull in made.items()} == {
        feed: ("DEEP", 3, None),
        crm: ("DEEP", 3, account.id),
    }  # fmt: skip
    assert watch.used() == {None: 6, feed: 3, crm: 3}
    assert (account.next_poll_at, account.deep_at) == (NOW + HOUR, NOW + HOUR)
    facts = watch.stated("pull.judged")
    assert [fact["reason"] for fact in facts] == ["ADMITTED"] * 2
    assert {fact.get("tier") for fact in facts} == {None, "HOT"}
    due = watch.connector(feed).next_pull_at
    assert due
    assert 4.7 < (due - NOW).total_seconds() / 60 < 5.3


def test_what_is_still_under_way_is_not_asked_again(
    make_watch: Callable[..., Watch],
) -> None:
    """P7: DUPLICATE_PULL_JOB_ID; nothing is paid, and it is tried again soon."""
    watch = make_watch(1)
    watch.connect(BY_ACCOUNT)
    tick(now=NOW)
    watch.move(next_poll_at=NOW + HOUR)
    assert tick(now=NOW + HOUR) == Ticked(looked=1, refused=1)
    assert len(watch.pulls()) == 1
    assert watch.used()[None] == 1
    reasons = [fact["reason"] for fact in watch.stated("pull.judged")]
    assert reasons == ["ADMITTED", "DUPLICATE_PULL_JOB_ID"]
    (account,) = watch.accounts()
    assert account.next_poll_at
    assert account.next_poll_at < NOW + DAY


def test_an_open_breaker_puts_off_and_says_until_when(
    make_watch: Callable[..., Watch],
) -> None:
    """P10: OPEN means later, for both kinds of sources."""
    watch = make_watch(1)
    watch.connect(BY_ACCOUNT, opened_at=NOW)
    feed = watch.connect(WHOLE, forced_open=True, next_pull_at=NOW)
    assert tick(now=NOW) == Ticked(looked=1, refused=2)
    assert watch.pulls() == []
    assert set(watch.used().values()) == {0}
    facts = watch.stated("pull.judged")
    assert {fact["reason"] for fact in facts} == {"BREAKER_OPEN"}
    assert all("is open until" in fact["explanation"] for fact in facts)
    due = watch.connector(feed).next_pull_at
    assert due
    assert due > NOW


def test_beyond_its_rate_a_connector_gets_no_more(
    make_watch: Callable[..., Watch],
) -> None:
    """P7: a slot within a minute, or RATE_LIMIT; slots lie apart."""
    watch = make_watch(8)
    watch.connect(BY_ACCOUNT, rate_per_s=0.05)
    assert tick(now=NOW) == Ticked(looked=8, admitted=4, refused=4)
    slots = [(pull.due_at - NOW).total_seconds() for pull in watch.pulls()]
    assert slots == [0, 20, 40, 60]
    reasons = [fact["reason"] for fact in watch.stated("pull.judged")]
    assert reasons.count("RATE_LIMIT") == 4


def test_all_tenants_share_the_rate_of_a_kind(
    make_watch: Callable[..., Watch], superuser: Any
) -> None:
    """P7: then global, per kind of connector."""
    with superuser.cursor() as cursor:
        cursor.execute("INSERT INTO perception_kindrate VALUES ('http', 0.05, NULL)")
    watches = [make_watch(4), make_watch(4)]
    for watch in watches:
        watch.connect(BY_ACCOUNT)
    done = tick(now=NOW)
    assert (done.admitted, done.refused) == (4, 4)
    slots = sorted(pull.due_at for watch in watches for pull in watch.pulls())
    assert [(at - NOW).total_seconds() for at in slots] == [0, 20, 40, 60]


def test_short_units_go_to_heat_times_staleness_and_overdue_first(
    make_watch: Callable[..., Watch],
) -> None:
    """P5, P6: three units, five accounts; who is left out comes first after midnight."""
    watch = make_watch(5)
    watch.connect(BY_ACCOUNT)
    watch.set(pull_units_per_day=3, timezone="UTC")
    with tenant_scope(watch.tenant):
        rows = Account.objects.filter(tenant_id=watch.tenant)
        rows.update(created_at=NOW - DAY, heat_at=NOW)
        for number, heat in enumerate([0.1, 0.3, 0.2, 0.3, 0.0]):
            rows.filter(external_id=f"crm-{number}").update(heat_score=heat)
        rows.filter(external_id="crm-4").update(created_at=NOW - 8 * DAY)
        rows.filter(external_id="crm-3").update(created_at=NOW - 2 * DAY)
    # A look would score them anew, from signals that are not there.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("perception.scheduler.look_again", lambda *_, **__: [])
        assert tick(now=NOW) == Ticked(looked=5, admitted=3, refused=2)
    served = {pull.account_id for pull in watch.pulls()}
    names = {each.external_id for each in watch.accounts() if each.id in served}
    assert names == {"crm-4", "crm-3", "crm-1"}
    midnight = NOW.replace(hour=0) + DAY
    for each in watch.accounts():
        at = each.next_poll_at
        left_out = each.id not in served
        assert at
        assert (midnight <= at <= midnight + HOUR) == left_out
    assert watch.used()[None] == 3


def test_a_promotion_and_a_fresh_signal_bring_the_look_forward(
    make_watch: Callable[..., Watch],
) -> None:
    """P5: WARM within 6 hours; HOT, shallow, on a signal, but not on each."""
    watch = make_watch(1)
    tick(now=NOW)

    def tell(now: Any) -> Any:
        item = {"account": "crm-0", "type": "news", "payload": {}, "occurred_at": now}
        with tenant_scope(watch.tenant):
            receive([item], by=SYSTEM, now=now)
        (account,) = watch.accounts()
        return account.heat_tier, account.next_poll_at

    at = NOW + HOUR
    assert tell(at) == ("WARM", NOW + 6 * HOUR)
    assert tell(at) == ("HOT", at)
    tick(now=at)
    assert tell(at + HOUR / 60) == ("HOT", at + HOUR / 12)


def _tick_together(barrier: Any) -> None:
    barrier.wait(60)
    for minute in range(3):
        tick(now=NOW + timedelta(minutes=minute), most=40)


def test_eight_processes_take_each_slot_once_and_no_unit_too_many(
    make_watch: Callable[..., Watch],
) -> None:
    """P6, P7, law a: real processes; caps exact, no account judged twice for a slot."""
    watches = [make_watch(60), make_watch(60)]
    for watch in watches:
        watch.connect(BY_ACCOUNT, units_per_day=45)
        watch.connect(BY_ACCOUNT)
        watch.set(pull_units_per_day=70)
    in_processes(8, _tick_together, FORK.Barrier(8))
    for watch in watches:
        used, made = watch.used(), watch.pulls()
        assert used.pop(None) == 70 == sum(pull.units for pull in made)
        assert sum(used.values()) == 70
        assert min(used.values()) <= 45
        assert len({pull.key for pull in made}) == len(made)
        assert len({(pull.connector_id, pull.account_id) for pull in made}) == len(made)
        facts = watch.stated("pull.judged")
        assert len(facts) == 120
        assert {fact["reason"] for fact in facts} == {"ADMITTED", "BUDGET_EXCEEDED"}
        assert all(account.seen_at for account in watch.accounts())


def test_as_many_statements_for_ten_as_for_many(
    make_watch: Callable[..., Watch],
) -> None:
    """P8, law e: what a tick asks the database does not grow with what is due."""
    counts = []
    for size in (10, 500):
        watch = make_watch(0)
        watch.connect(BY_ACCOUNT)
        with tenant_scope(watch.tenant):
            Account.objects.bulk_create(
                Account(
                    tenant_id=watch.tenant, external_id=f"n{number}", name="N",
                    next_poll_at=NOW, created_at=NOW, updated_at=NOW,
                )
                for number in range(size)
            )  # fmt: skip
        with CaptureQueriesContext(connection) as asked:
            assert tick(now=NOW).looked == size
        counts.append(len(asked))
    assert counts[0] == counts[1] < 45


def test_one_tenants_backlog_does_not_hold_up_another(
    make_watch: Callable[..., Watch],
) -> None:
    """P8: each has its share of every tick."""
    large, small = make_watch(90), make_watch(3)
    assert tick(now=NOW, most=40).looked == 23
    assert all(account.seen_at for account in small.accounts())
    assert sum(bool(account.seen_at) for account in large.accounts()) == 20


def test_a_tenant_that_cannot_be_served_does_not_hold_up_another(
    make_watch: Callable[..., Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = make_watch(1), make_watch(1)
    real = scheduler._watch

    def watch(now: Any, most: int) -> Ticked:
        if current_tenant() == broken.tenant:
            raise ValueError("broken")
        return real(now, most)

    monkeypatch.setattr(scheduler, "_watch", watch)
    with pytest.raises(ValueError, match="broken"):
        tick(now=NOW)
    assert sound.accounts()[0].seen_at == NOW
    assert broken.accounts()[0].seen_at is None


def test_closed_accounts_and_connectors_off_cost_nothing(
    make_watch: Callable[..., Watch],
) -> None:
    watch = make_watch(2)
    watch.connect(WHOLE, is_active=False, next_pull_at=NOW)
    watch.move(closed_at=NOW)
    assert tick(now=NOW + DAY) == Ticked()
    with tenant_scope(watch.tenant):
        assert not Pull.objects.exists()
        assert Connector.objects.count() == 1
