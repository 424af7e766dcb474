"""P10: a source that fails is left alone by all workers, and found again by one."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

from django.db import connections

from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.guards import state_of
from perception.models import Connector, Pull
from perception.rules.breaker import COOLDOWN
from tests.conftest import NOW
from tests.perception.watching.conftest import BY_ACCOUNT, Peer, Watch

WORKERS = 8


def hurry(watch: Watch) -> None:
    with tenant_scope(watch.tenant):
        Pull.objects.filter(status="QUEUED").update(due_at=NOW)


def cool(watch: Watch) -> None:
    """A cooldown goes by."""
    with tenant_scope(watch.tenant):
        then = clock() - COOLDOWN - timedelta(seconds=1)
        Connector.objects.filter(opened_at__isnull=False).update(opened_at=then)


def how(watch: Watch) -> str:
    with tenant_scope(watch.tenant):
        return state_of(Connector.objects.get(), now=clock()).value


def test_a_dead_source_gets_its_probes_and_nothing_more(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """Law d: 5 failures open it; then one call for each cooldown, however many ask."""
    watch = make_watch(WORKERS)
    crm, peer.status = watch.to_peer(peer, BY_ACCOUNT), 500
    ids = [watch.queue(crm, account.id) for account in watch.accounts()]
    for _ in range(2):
        for pull in ids:
            assert watch.run(pull) == "WAITS"
        hurry(watch)
    assert (peer.calls, how(watch)) == (5, "OPEN")
    for calls in (6, 7):
        cool(watch)
        for pull in ids:
            watch.run(pull)
        hurry(watch)
        assert (peer.calls, how(watch)) == (calls, "OPEN")
    # It works again: the first probe finds out, and everything goes on.
    peer.status = 200
    cool(watch)
    assert [watch.run(pull) for pull in ids] == ["DONE"] * WORKERS
    assert how(watch) == "CLOSED"


def test_eight_workers_make_exactly_one_call_at_half_open(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """Law d: seven go away while the probe is out; its answer closes the breaker."""
    watch = make_watch(WORKERS)
    crm = watch.to_peer(peer, BY_ACCOUNT, opened_at=NOW)
    ids = [watch.queue(crm, account.id) for account in watch.accounts()]
    peer.answering.clear()
    ended: list[str] = []

    def work(number: int) -> None:
        try:
            ended.append(watch.run(ids[number]))
        finally:
            connections.close_all()

    crew = [Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for one in crew:
        one.start()
    end = time.monotonic() + 60
    while len(ended) < WORKERS - 1 and time.monotonic() < end:
        time.sleep(0.01)
    assert (ended, peer.calls) == (["WAITS"] * (WORKERS - 1), 1)
    peer.answering.set()
    for one in crew:
        one.join(60)
    assert sorted(ended) == ["DONE", *["WAITS"] * (WORKERS - 1)]
    assert (peer.calls, how(watch)) == (1, "CLOSED")


def test_a_probe_that_died_frees_the_next(
    make_watch: Callable[..., Watch], peer: Peer
) -> None:
    """Law d: nobody waits for a dead worker longer than its lease."""
    watch = make_watch()
    feed = watch.to_peer(peer, opened_at=NOW)
    with tenant_scope(watch.tenant):
        probe = clock() + COOLDOWN
        Connector.objects.update(probe_until=probe)
    pull = watch.queue(feed)
    assert (watch.run(pull), peer.calls) == ("WAITS", 0)
    with tenant_scope(watch.tenant):
        Connector.objects.update(probe_until=NOW)
    hurry(watch)
    assert (watch.run(pull), peer.calls) == ("DONE", 1)
    assert how(watch) == "CLOSED"


def test_who_was_never_asked_is_neither_there_nor_away(
    make_watch: Callable[..., Watch], peer: Peer, settings: Any
) -> None:
    """P10, API7: a refused address and a wrong configuration move no breaker."""
    watch = make_watch()
    failures = [NOW.isoformat()]
    given = {"failures": failures}
    barred = {"url": f"http://127.0.0.1:{peer.port}/{{account}}"}
    wrong = {"url": f"http://127.0.0.1:{peer.port}/"}
    settings.EGRESS_ALLOW = ()
    for config, said in ((barred, "EGRESS_ALLOW"), (wrong, "Configuration, url")):
        lookup = watch.connect("lookup", config=config, **given)
        pull = watch.queue(lookup, watch.accounts()[0].id)
        assert watch.run(pull) == "FAILED"
        assert said in watch.stated("pull.failed")[-1]["error"]
        # Neither cleared, as after an answer, nor one more.
        assert watch.connector(lookup).failures == failures
    assert peer.calls == 0


def test_a_probe_that_may_not_go_out_leaves_it_open(
    make_watch: Callable[..., Watch], peer: Peer, settings: Any
) -> None:
    """P10: nobody was asked, so nobody is thought to be well again."""
    watch = make_watch()
    config = {"url": f"http://127.0.0.1:{peer.port}/{{account}}"}
    lookup = watch.connect("lookup", config=config, opened_at=NOW)
    settings.EGRESS_ALLOW = ()
    cool(watch)
    assert watch.run(watch.queue(lookup, watch.accounts()[0].id)) == "FAILED"
    assert how(watch) != "CLOSED"
    assert (watch.connector(lookup).opened_at is not None, peer.calls) == (True, 0)
