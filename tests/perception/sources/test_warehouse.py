"""P9: a second, real Postgres is asked by a role that may read one view, and nothing else."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket
from typing import Any

import pytest

from perception.sources.base import Asked, Found, SourceFailed, SourceRefuses, Wire
from perception.sources.warehouse import ROWS, WIDEST, Warehouse
from tests.perception.sources.stores import NOW, PASSWORD, Secured, Store, certified

QUERY = """
SELECT account, kind AS type, at AS occurred_at, id AS key, metric, direction, change
FROM usage_seen
WHERE at >= %(since)s AND at < %(until)s AND metric NOT LIKE '%internal%'
ORDER BY at LIMIT %(limit)s
"""


@pytest.fixture(scope="module")
def shared(services: None) -> Iterator[Store]:
    store = Store()
    yield store
    store.drop()


@pytest.fixture
def store(shared: Store, settings: Any) -> Store:
    shared.run("TRUNCATE usage")
    settings.EGRESS_ALLOW = [f"{shared.given['host']}:{shared.given['port']}"]
    return shared


def ask(
    store: Store,
    cursor: Mapping[str, Any] | None = None,
    *,
    secret: str = PASSWORD,
    wire: Wire | None = None,
    now: datetime = NOW,
    **config: Any,
) -> Found:
    given = {
        "host": store.given["host"],
        "port": int(store.given["port"]),
        "database": store.name,
        "user": store.name,
        "tls": False,
        "query": QUERY,
        **config,
    }
    asked = Asked(
        config=given, secret=secret, cursor=cursor or {}, is_deep=False, now=now
    )
    return Warehouse().pull(asked, wire or Wire(timeout=60, pace=lambda: None))


def test_rows_become_signals_and_known_ones_make_nothing(store: Store) -> None:
    """P9: columns of the row; a second pull looks back, and brings the same keys."""
    store.add(1, NOW - timedelta(hours=2))
    store.add(2, NOW - timedelta(hours=1), kind="churn_risk", account="beta")
    store.add(3, NOW - timedelta(hours=1), metric="internal_test")
    store.add(4, NOW - timedelta(days=30))
    found = ask(store)
    assert [each.account for each in found.signals] == ["acme", "beta"]
    first, second = found.signals
    assert (first.type, second.type) == ("product_usage_anomaly", "churn_risk")
    assert first.payload == {"metric": "seats", "direction": "down", "change": -0.5}
    assert first.occurred_at == NOW - timedelta(hours=2)
    assert not found.more
    store.add(5, NOW - timedelta(minutes=30), account="late")
    after = ask(store, found.cursor, now=NOW + timedelta(hours=1), overlap_minutes=60)
    assert [each.account for each in after.signals] == ["beta", "late"]
    assert after.signals[0].dedupe_key == second.dedupe_key


def test_more_rows_than_one_pull_takes(store: Store) -> None:
    """P9: nothing is lost between pages, and what is not in order is refused."""
    store.run(
        "INSERT INTO usage SELECT n, 'a' || n, NULL, %s::timestamptz + n * interval '1 s',"
        " 'seats', 'up', 1 FROM generate_series(1, %s) n",
        [NOW - timedelta(hours=3), ROWS + 50],
    )
    first = ask(store)
    assert first.more
    assert len(first.signals) == ROWS
    second = ask(store, first.cursor, now=NOW + timedelta(hours=5))
    assert not second.more
    assert second.cursor == {"mark": NOW.isoformat()}
    keys = {each.dedupe_key for each in [*first.signals, *second.signals]}
    assert len(keys) == ROWS + 50
    with pytest.raises(SourceRefuses, match="not ordered"):
        ask(store, query=QUERY.replace("ORDER BY at", "ORDER BY at DESC"))
    store.run("UPDATE usage SET at = %s", [NOW - timedelta(hours=3)])
    page = ask(store)
    with pytest.raises(SourceRefuses, match="the same time"):
        ask(store, page.cursor)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("DELETE FROM usage RETURNING account", "cannot be asked"),
        (
            "WITH x AS (DELETE FROM usage RETURNING *) SELECT * FROM x",
            "cannot be asked",
        ),
        ("SELECT 1; COMMIT; DELETE FROM usage", "without a semicolon"),
        ("SELECT private FROM usage", "may not read"),
        ("SELECT word FROM secrets", "may not read"),
        ("SELECT pg_read_file('/etc/passwd') AS account", "may not read"),
        ("SELECT lo_create(0) AS account", "only read"),
        ("SELECT set_config('transaction_read_only', 'off', false)", "only read"),
        ("SELECT nothing FROM nowhere", "cannot be asked"),
        ("SELECT %(tenant)s AS account", "no value for 'tenant'"),
    ],
    ids=range(10),
)
def test_a_query_can_do_nothing_but_read(store: Store, query: str, said: str) -> None:
    """P9, S7: whatever the role may, the transaction only reads; nothing is changed."""
    store.add(1, NOW - timedelta(hours=2))
    store.run(f"GRANT ALL ON usage_seen TO {store.name}")
    with pytest.raises(SourceRefuses, match=said):
        ask(store, query=query)
    assert store.count() == 1


def test_long_and_huge_answers_are_cut_off(store: Store) -> None:
    """P9: time, width of rows, number of rows and bytes have their bounds."""
    slow = "SELECT 'acme' AS account, now() AS occurred_at, pg_sleep(120)"
    wire = Wire(timeout=2, pace=lambda: None)
    with pytest.raises(SourceFailed, match=r"too long|in time"):
        ask(store, query=slow, wire=wire)
    assert len(wire.said) == 1
    wide = (
        f"SELECT 'acme' AS account, now() AS occurred_at, repeat('x', {WIDEST}) AS text"
    )
    found = ask(store, query=wide)
    assert not found.signals
    assert "wider than" in found.skipped[0]
    endless = (
        "SELECT 'acme' AS account, %(since)s + n * interval '1 ms' AS occurred_at, n"
        " FROM generate_series(1, 200000) n"
    )
    found = ask(store, query=endless)
    assert len(found.signals) == ROWS
    assert found.more
    much = (
        "SELECT 'acme' AS account, now() AS occurred_at, repeat('x', 30000) AS text"
        " FROM generate_series(1, 1000)"
    )
    with pytest.raises(SourceFailed, match="bytes came"):
        ask(store, query=much, wire=Wire(timeout=60, pace=lambda: None, limit=200_000))


def test_who_may_not_come_in(store: Store, settings: Any) -> None:
    """P9, API7: a wrong password, a superuser, an address that is not on the list."""
    with pytest.raises(SourceRefuses, match="accept the secret"):
        ask(store, secret="wrong")
    with pytest.raises(SourceRefuses, match="no such database"):
        ask(store, database="nowhere")
    with pytest.raises(SourceRefuses, match="superuser"):
        ask(store, user=store.given["user"], secret=store.given["password"])
    with pytest.raises(SourceRefuses, match="certificate"):
        ask(store, tls=True)
    wire = Wire(timeout=60, pace=lambda: None)
    settings.EGRESS_ALLOW = []
    with pytest.raises(SourceRefuses, match="EGRESS_ALLOW"):
        ask(store, wire=wire)
    assert PASSWORD not in str(wire.said)
    assert wire.said[0].answer.endswith("EGRESS_ALLOW.")


@pytest.fixture
def secured(store: Store, tmp_path: Path) -> Iterator[Callable[[str], Secured]]:
    made: list[Secured] = []

    def make(name: str) -> Secured:
        made.append(Secured(store, certified(name, tmp_path / "own.pem")))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_tls_is_with_the_host_by_its_name(
    store: Store,
    secured: Callable[[str], Secured],
    settings: Any,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    """API7: the certificate is held to the name, and to the authorities of the machine."""
    store.add(1, NOW - timedelta(hours=2))
    named = {"host": "localhost", "tls": True}
    line = secured("localhost")
    settings.EGRESS_ALLOW = [f"localhost:{line.port}"]
    with pytest.raises(SourceRefuses, match="certificate"):
        ask(store, port=line.port, **named)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    assert len(ask(store, port=line.port, **named).signals) == 1
    other = secured("elsewhere.example")
    settings.EGRESS_ALLOW = [f"localhost:{other.port}"]
    with pytest.raises(SourceRefuses, match="certificate"):
        ask(store, port=other.port, **named)


def test_a_silent_server_holds_nobody(store: Store, settings: Any) -> None:
    """P9: who takes the connection and says nothing is left."""
    silent = socket(AF_INET, SOCK_STREAM)
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    port = silent.getsockname()[1]
    settings.EGRESS_ALLOW = [f"127.0.0.1:{port}"]
    try:
        with pytest.raises(SourceFailed, match="in time"):
            ask(
                store,
                port=port,
                host="127.0.0.1",
                wire=Wire(timeout=0.5, pace=lambda: None),
            )
    finally:
        silent.close()
