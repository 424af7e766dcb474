"""Figures for /metrics: of this process's requests, and of the house as a whole."""

from collections.abc import Iterator

from django.db import DatabaseError, connection
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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


def exposition() -> bytes:
    """All figures in Prometheus's text format."""
    house = CollectorRegistry()
    house.register(House())
    connection.close_if_unusable_or_obsolete()
    return generate_latest(REGISTRY) + generate_latest(house)
