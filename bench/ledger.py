"""The ledger: stating, sealing, verifying, proving. Target B7."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import rfc8785

from bench.parts.share import RUNS, share
from ledger.models import Entry
from ledger.prove import prove_entry
from ledger.reading import rows_of
from ledger.record import Fact, record_all
from ledger.rules.canonical import canonical
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from ledger.verify import verify_tenant

ROUNDS = int(os.environ.get("LEDGER_ROUNDS", "5"))
ENTRIES = int(os.environ.get("LEDGER_ENTRIES", "10000"))


def run() -> dict[str, Any]:
    """Round by round: entries or calls a second, and the share of a stage."""
    rounds = [_round() for _ in range(ROUNDS)]
    return {
        "sizes": f"{ROUNDS} rounds, {ENTRIES:,} entries, {RUNS} runs",
        **{name: [round(one[name]) for one in rounds] for name in rounds[0]},
        "share_of_stage_percent": share(ROUNDS),
    }


def _round() -> dict[str, float]:
    tenant, now = uuid4(), datetime.now(UTC)
    facts = [_fact(number) for number in range(ENTRIES)]
    documents = [row.document(place) for place, row in enumerate(_sample(facts))]
    return {
        "stated_in_bulk_per_s": _rate(ENTRIES, lambda: _state(tenant, facts, now)),
        "stated_alone_per_s": _rate(
            300, lambda: _state_alone(tenant, facts[:300], now)
        ),
        "sealed_per_s": _rate(ENTRIES + 300, lambda: _seal(tenant, now)),
        "verified_per_s": _rate(ENTRIES + 300, lambda: verify_tenant(tenant)),
        "proofs_per_s": _rate(100, lambda: _prove(tenant)),
        "canonical_per_s": _rate(5000, lambda: [canonical(d) for d in documents]),
        "rfc8785_alone_per_s": _rate(
            5000, lambda: [rfc8785.dumps(d) for d in documents]
        ),
    }


def _state(tenant: UUID, facts: list[Fact], now: datetime) -> None:
    with tenant_scope(tenant):
        for start in range(0, len(facts), 100):
            record_all(facts[start : start + 100], now=now)


def _state_alone(tenant: UUID, facts: list[Fact], now: datetime) -> None:
    for fact in facts:
        _state(tenant, [fact], now)


def _seal(tenant: UUID, now: datetime) -> None:
    while seal_tenant(tenant, now=now):
        pass


def _prove(tenant: UUID) -> None:
    with tenant_scope(tenant):
        for id_ in Entry.objects.values_list("id", flat=True)[:100]:
            prove_entry(id_)


def _rate(count: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _fact(number: int) -> Fact:
    return Fact(
        kind=Kind.INTENT_JUDGED,
        subjects={"account": uuid4(), "run": uuid4(), "intent": uuid4()},
        data={
            "decision": "REQUIRE_APPROVAL",
            "reason": "EXTERNAL_CONTACT",
            "n": number,
            "layers": [{"layer": "tier", "decision": "AUTO_EXECUTE"}] * 4,
        },
    )


def _sample(facts: list[Fact]) -> list[Any]:
    return rows_of(
        [
            number,
            uuid4(),
            uuid4(),
            datetime.now(UTC),
            fact.kind.value,
            '{"type": "system", "id": "bench"}',
            "{}",
            '{"decision": "REQUIRE_APPROVAL", "layers": [1, 2, 3, 4]}',
        ]
        for number, fact in enumerate(facts[:5000])
    )
