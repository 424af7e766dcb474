"""Figures for /metrics: of this process's requests, and of the house as a whole."""

from collections.abc import Iterator

from django.db import DatabaseError, connection
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from autonomy.workload import MOST, Workload, workload
from ledger.backlog import backlog
from perception.pulse import ages


class House(Collector):
    """Read from the database when asked; labels never name a tenant."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        up = GaugeMetricFamily("autonomy_database_up", "Whether the database answers.")
        try:
            beats = ages(now=now)
            waiting = backlog(now=now)
            work = workload(now=now)
        except DatabaseError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        alive = GaugeMetricFamily(
            "autonomy_heartbeat_age_seconds",
            "Seconds since a process showed life.",
            labels=["process"],
        )
        for process, age in beats.items():
            alive.add_metric([process], age)
        yield alive
        unsealed = GaugeMetricFamily(
            "autonomy_ledger_unsealed", "Ledger entries that wait for the sealer."
        )
        unsealed.add_metric([], waiting.count)
        yield unsealed
        lag = GaugeMetricFamily(
            "autonomy_ledger_lag_seconds", "Age of the oldest unsealed entry."
        )
        lag.add_metric([], waiting.oldest_seconds)
        yield lag
        yield from _spine(work)


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


def exposition() -> bytes:
    """All figures in Prometheus's text format."""
    house = CollectorRegistry()
    house.register(House())
    connection.close_if_unusable_or_obsolete()
    return generate_latest(REGISTRY) + generate_latest(house)
