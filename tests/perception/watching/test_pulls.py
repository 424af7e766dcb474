"""P7, P9: a pull is read page by page; a page and its cursor are kept together."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from ledger.clock import clock
from ledger.scope import system_scope, tenant_scope
from perception import pulls
from perception.models import Connector, Interaction, Pull, Signal
from tests.conftest import NOW
from tests.perception.watching.conftest import BY_ACCOUNT, Peer, Watch

DAY = timedelta(days=1)


def test_all_pages_are_kept_with_the_cursor_and_stated(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """P9: signals under the connector's own keys; the end is a fact."""
    watch = make_watch()
    feed = watch.to_peer(peer)
    peer.add(5)
    pull = watch.queue(feed)
    assert watch.run(pull) == "DONE"
    assert watch.signals() == ["e0", "e1", "e2", "e3", "e4"]
    assert (watch.cursor(), peer.calls) == ({"after": 5}, 3)
    (kept,) = watch.pulls()
    assert (kept.status, kept.signals, kept.attempts, kept.fence) == ("DONE", 5, 0, 1)
    (fact,) = watch.stated("pull.completed")
    assert (fact["signals"], fact["pages"], fact["more"]) == (5, 3, False)
    assert watch.connector(feed).pulled_at == kept.ended_at
    # Once done, a message that comes again finds nothing to take.
    assert watch.run(pull) == "NOTHING"
    assert peer.calls == 3


@pytest.mark.parametrize(("depth", "pages"), [("SHALLOW", 3), ("DEEP", 20)])
def test_depth_says_how_many_pages_and_the_next_pull_goes_on(
    make_watch: Callable[..., Watch], peer: Peer, depth: str, pages: int
) -> None:
    """P6: 3 or 20 pages; what is read whole is read on at once."""
    watch = make_watch()
    feed = watch.to_peer(peer)
    peer.page = 1
    peer.add(pages + 1)
    assert watch.run(watch.queue(feed, depth=depth)) == "DONE"
    assert (len(watch.signals()), peer.calls) == (pages, pages)
    assert watch.connector(feed).next_pull_at == watch.pulls()[0].ended_at
    assert watch.run(watch.queue(feed)) == "DONE"
    assert len(watch.signals()) == pages + 1


def test_accounts_are_found_by_name_and_by_address_never_by_domain(
    make_watch: Callable[..., Watch], peer: Peer, other: Any
) -> None:
    watch = make_watch(1)
    ann = {"external_id": "c1", "name": "Ann", "email": "Ann@Acme.example"}
    with tenant_scope(watch.tenant):
        watch.add("one", contacts=[ann])
        watch.add("two", contacts=[{**ann, "email": "ann@acme.example"}])
    named = {"account": "", "mail": True}
    peer.add(account="crm-0")
    peer.add(**named, emails=["ANN@acme.example", "nobody@else.example"])
    peer.add(**named, emails=["ben@acme.example"])
    peer.add(account="nobody")
    assert watch.run(watch.queue(watch.to_peer(peer))) == "DONE"
    # What concerns two accounts comes to each of them.
    assert watch.signals() == ["e0", "e1", "e1"]
    (pull,) = watch.pulls()
    assert (pull.signals, pull.unmatched) == (3, 3)
    with tenant_scope(watch.tenant):
        assert Interaction.objects.count() == 2


def test_one_account_is_read_with_a_cursor_of_its_own(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    watch = make_watch(2)
    crm = watch.to_peer(peer, BY_ACCOUNT)
    peer.add(2, account="crm-0")
    peer.add(1, account="crm-1")
    for account in watch.accounts():
        assert watch.run(watch.queue(crm, account.id)) == "DONE"
    with tenant_scope(watch.tenant):
        found = Signal.objects.values_list("account__external_id", flat=True)
        assert sorted(found) == ["crm-0", "crm-0", "crm-1"]


def test_what_cannot_be_kept_loses_nobody_else(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    watch = make_watch()
    peer.page = 10
    peer.add(3)
    peer.events[1] |= {"type": "crm_update", "payload": {"object": 5}}
    peer.events[2] |= {"type": "x" * 99}
    peer.add(1)
    assert watch.run(watch.queue(watch.to_peer(peer))) == "DONE"
    assert watch.signals() == ["e0", "e3"]
    assert "2 things" in watch.pulls()[0].error
    assert watch.stated("pull.completed")[0]["skipped"] == 2


def test_reading_again_makes_nothing_twice(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """P9: even with its cursor lost."""
    watch = make_watch()
    feed = watch.to_peer(peer)
    peer.add(3)
    watch.run(watch.queue(feed))
    with tenant_scope(watch.tenant):
        watch.connector(feed).cursors.all().delete()
    assert watch.run(watch.queue(feed)) == "DONE"
    assert watch.signals() == ["e0", "e1", "e2"]
    assert [pull.signals for pull in watch.pulls()] == [3, 0]


def hurry(watch: Watch) -> None:
    """What waits is due, and what was left may be taken."""
    with tenant_scope(watch.tenant):
        Pull.objects.filter(status="QUEUED").update(due_at=NOW)
        Pull.objects.filter(status="RUNNING").update(lease_until=NOW)


def test_a_failure_is_tried_again_and_then_said_in_words(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    watch = make_watch()
    feed, peer.status = watch.to_peer(peer), 500
    pull = watch.queue(feed)
    for attempt in (1, 2):
        assert watch.run(pull, most=3) == "WAITS"
        (kept,) = watch.pulls()
        assert (kept.status, kept.attempts) == ("QUEUED", attempt)
        with tenant_scope(watch.tenant):
            assert kept.due_at > clock() + timedelta(seconds=1)
        assert watch.run(pull) == "NOTHING"
        hurry(watch)
    assert watch.run(pull, most=3) == "FAILED"
    assert watch.stated("pull.failed") == [
        {"error": "The source could not be read. It answered 500."}
    ]
    assert watch.connector(feed).last_error == watch.pulls()[0].error
    assert len(watch.connector(feed).failures) == 3
    assert watch.signals() == [] and watch.cursor() is None  # noqa: PT018


def test_a_refused_secret_is_final_and_no_outage(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    watch = make_watch()
    feed, peer.status = watch.to_peer(peer), 403
    assert watch.run(watch.queue(feed)) == "FAILED"
    assert "secret" in watch.stated("pull.failed")[0]["error"]
    assert watch.connector(feed).failures == []


def test_who_says_when_to_come_back_is_heeded_and_works(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    watch = make_watch()
    feed, peer.status = watch.to_peer(peer), 429
    assert watch.run(watch.queue(feed)) == "WAITS"
    assert watch.connector(feed).failures == []


def test_waiting_is_no_attempt(make_watch: Callable[..., Watch], peer: Peer) -> None:
    """P10: a breaker that is open puts a pull off; the source hears nothing."""
    watch = make_watch()
    feed = watch.to_peer(peer, forced_open=True)
    pull = watch.queue(feed)
    for _ in range(3):
        assert watch.run(pull, most=1) == "WAITS"
        hurry(watch)
    assert (peer.calls, watch.pulls()[0].attempts) == (0, 0)


def test_requests_keep_to_the_rate_of_their_connector(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """P7: the second page of two a minute waits, after the first was kept."""
    watch = make_watch()
    feed = watch.to_peer(peer, rate_per_s=1 / 30)
    peer.add(3)
    assert watch.run(watch.queue(feed)) == "WAITS"
    assert (peer.calls, watch.signals()) == (1, ["e0", "e1"])
    assert watch.cursor() == {"after": 2}


def test_whoever_lost_the_fence_writes_nothing(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """P9: a worker that slept past its lease; another reads instead."""
    watch = make_watch()
    pull = watch.queue(watch.to_peer(peer))
    peer.add(1)
    peer.answering.clear()
    ended: list[str] = []

    def sleeper() -> None:
        try:
            ended.append(watch.run(pull))
        finally:
            connections.close_all()

    thread = Thread(target=sleeper)
    thread.start()
    while not peer.calls:
        pass
    hurry(watch)
    with tenant_scope(watch.tenant):
        Pull.objects.update(fence=7, lease_until=clock() + DAY)
    peer.answering.set()
    thread.join(60)
    assert ended == ["NOTHING"]
    assert watch.signals() == []
    hurry(watch)
    assert watch.run(pull) == "DONE"
    assert watch.signals() == ["e0"]


def test_a_connector_that_is_off_is_not_read(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    watch = make_watch()
    assert watch.run(watch.queue(watch.to_peer(peer, is_active=False))) == "FAILED"
    assert peer.calls == 0


def test_what_is_due_is_sent_once_and_what_was_left_again(
    make_watch: Callable[..., Watch], superuser: Any
) -> None:
    with superuser.cursor() as cursor:
        cursor.execute("DELETE FROM perception_pull")
    watch, second = make_watch(), make_watch()
    ids = []
    for one in (watch, second):
        ids += [one.queue(one.connect("feed")) for _ in range(2)]
    with tenant_scope(watch.tenant):
        later = clock() + DAY
    watch.queue(watch.connect("feed"), due_at=later)
    watch.queue(watch.connect("feed"), status="DONE")
    sent: list[tuple[UUID, UUID]] = []
    assert pulls.send_due(lambda *given: sent.append(given)) == 4
    assert sorted(pull for pull, _ in sent) == sorted(ids)
    # One of each tenant in turn.
    assert {tenant for _, tenant in sent[:2]} == {watch.tenant, second.tenant}
    assert pulls.send_due(lambda *given: sent.append(given)) == 0
    with tenant_scope(watch.tenant):
        mine = Pull.objects.filter(pk=ids[0])
        mine.update(status="RUNNING", lease_until=NOW, sent_at=NOW)
    assert pulls.send_due(lambda *given: sent.append(given)) == 1
    assert sent[-1] == (ids[0], watch.tenant)


def test_old_pulls_are_forgotten(make_watch: Callable[..., Watch]) -> None:
    watch = make_watch()
    for days in (40, 20):
        id_ = watch.queue(watch.connect("feed"))
        with tenant_scope(watch.tenant):
            end = NOW - days * DAY
            Pull.objects.filter(pk=id_).update(status="DONE", ended_at=end)
    assert pulls.forget(now=NOW) >= 1
    assert len(watch.pulls()) == 1
    with system_scope("test"):
        assert Connector.objects.filter(tenant_id=watch.tenant).count() == 2
