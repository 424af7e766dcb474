"""Figures for /metrics: of this process's requests, and of the house as a whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from django.db import Error, connection
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from autonomy.rules.service import BOUNDS
from autonomy.service import Served, served
from autonomy.unreached import Counted, counted
from autonomy.workload import MOST, Workload, workload
from ledger.backlog import Backlog, backlog
from perception.pulse import ages

UP = ("autonomy_database_up", "Whether the database answers.")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that is read for one answer."""

    beats: Mapping[str, float]
    waiting: Backlog
    work: Workload
    tools: Served
    unread: Counted


class House(Collector):
    """Read from the database when asked; labels never name a tenant."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        up = GaugeMetricFamily(*UP)
        try:
            seen = Seen(
                beats=ages(now=now),
                waiting=backlog(now=now),
                work=workload(now=now),
                tools=served(now=now),
                unread=counted(now=now),
            )
        except Error:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families(seen)


def families(seen: Seen) -> Iterator[GaugeMetricFamily]:
    """Every figure of the house, of what was read."""
    alive = GaugeMetricFamily(
        "autonomy_heartbeat_age_seconds",
        "Seconds since a process showed life.",
        labels=["process"],
    )
    for process, age in seen.beats.items():
        alive.add_metric([process], age)
    yield alive
    unsealed = GaugeMetricFamily(
        "autonomy_ledger_unsealed", "Ledger entries that wait for the sealer."
    )
    unsealed.add_metric([], seen.waiting.count)
    yield unsealed
    lag = GaugeMetricFamily(
        "autonomy_ledger_lag_seconds", "Age of the oldest unsealed entry."
    )
    lag.add_metric([], seen.waiting.oldest_seconds)
    yield lag
    yield from _spine(seen.work)
    yield from _tools(seen.tools)
    yield from _digests(seen.unread)


def _spine(work: Workload) -> Iterator[GaugeMetricFamily]:
    """What waits in the walk, and how long it has."""
    backlog = GaugeMetricFamily(
        "autonomy_spine_backlog",
        f"Runs and acts that are not over, by stage; counted up to {MOST}.",
        labels=["stage"],
    )
    for stage, count in work.backlog.items():
        backlog.add_metric([stage.lower()], count)
    yield backlog
    for name, meaning, value in (
        ("spine_oldest_seconds", "Age of the oldest unfinished.", work.oldest_seconds),
        (
            "relay_lag_seconds",
            "How long what is due is unsent.",
            work.relay_lag_seconds,
        ),
        ("spine_parked", "Runs that wait for a person.", work.parked),
        ("spine_given_up", "Approved acts that could not start.", work.given_up),
        ("spine_in_doubt", "Acts that may have been done.", work.in_doubt),
    ):
        figure = GaugeMetricFamily(f"autonomy_{name}", meaning)
        figure.add_metric([], value)
        yield figure


def _tools(seen: Served) -> Iterator[GaugeMetricFamily]:
    """How tools served all tenants together in the last five minutes, by family."""
    calls = GaugeMetricFamily(
        "autonomy_tool_calls",
        "Calls of tools in the last five minutes.",
        labels=["family"],
    )
    failed = GaugeMetricFamily(
        "autonomy_tool_failures",
        "Those of them that their tools' keepers answer for.",
        labels=["family"],
    )
    within = GaugeMetricFamily(
        "autonomy_tool_latency_calls",
        "Those of them that took at most so many seconds.",
        labels=["family", "le"],
    )
    for family, tally in seen.families.items():
        calls.add_metric([family], tally.calls)
        failed.add_metric([family], tally.failed)
        bounds = [*(f"{bound / 1000:g}" for bound in BOUNDS), "+Inf"]
        for le, count in zip(bounds, accumulate(tally.within), strict=True):
            within.add_metric([family, le], count)
    yield from (calls, failed, within)
    alerts = GaugeMetricFamily(
        "autonomy_tool_alerts", "Objectives of tools that are being missed."
    )
    alerts.add_metric([], seen.alerts)
    yield alerts


def _digests(seen: Counted) -> Iterator[GaugeMetricFamily]:
    """Readers whose newest digest has not arrived: what is scheduled asks a person."""
    missing = GaugeMetricFamily(
        "autonomy_digests_missing", "Readers whose digest is tried again, or late."
    )
    missing.add_metric([], seen.all - seen.given_up)
    yield missing
    given_up = GaugeMetricFamily(
        "autonomy_digests_undeliverable", "Readers whose digest is given up on."
    )
    given_up.add_metric([], seen.given_up)
    yield given_up


def exposition() -> bytes:
    """All figures in Prometheus's text format."""
    house = CollectorRegistry()
    house.register(House())
    connection.close_if_unusable_or_obsolete()
    return generate_latest(REGISTRY) + generate_latest(house)
