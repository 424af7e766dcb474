"""What is to be reached: every target, its figure, and whether a figure reaches it."""

from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Target:
    """One line of the table. `bench` and `figure` say where it is measured."""

    id: str
    what: str
    bench: str
    figure: str
    least: bool
    target: float
    stretch: float
    unit: str = "×"

    def is_met(self, measured: float) -> bool:
        return self.reaches(measured, self.target)

    def is_stretched(self, measured: float) -> bool:
        return self.reaches(measured, self.stretch)

    def reaches(self, measured: float, wanted: float) -> bool:
        return measured >= wanted if self.least else measured <= wanted


def least(
    id: str, what: str, where: str, target: float, stretch: float, unit: str = "×"
) -> Target:
    """More is better."""
    return _target(id, what, where, target, stretch, unit, least=True)


def most(
    id: str, what: str, where: str, target: float, stretch: float, unit: str = "×"
) -> Target:
    """Less is better."""
    return _target(id, what, where, target, stretch, unit, least=False)


def _target(
    id: str,
    what: str,
    where: str,
    target: float,
    stretch: float,
    unit: str,
    *,
    least: bool,
) -> Target:
    bench, _, figure = where.partition("/")
    return Target(
        id=id,
        what=what,
        bench=bench,
        figure=figure,
        least=least,
        target=target,
        stretch=stretch,
        unit=unit,
    )


def middle(figure: Any) -> float:
    """The median of rounds; a single figure is its own."""
    return float(median(figure) if isinstance(figure, list) else figure)


TARGETS = (
    least("B1", "the whole walk in strides, against a bare chain of five no-ops, CPU",
          "spine/stride to bare, cpu", 1.0, 1.8),
    least("B2", "the same as five literal messages, CPU",
          "spine/literal to bare, cpu", 0.5, 0.7),
    least("B3", "CPU of DBOS, against the whole walk",
          "rivals/DBOS to product, cpu", 2, 4),
    least("B3", "CPU of LangGraph with an interrupt, against the whole walk",
          "rivals/LangGraph to product, cpu", 1.4, 2.5),
    least("B3", "CPU of Procrastinate, against the whole walk",
          "rivals/Procrastinate to product, cpu", 1.6, 3),
    least("B3", "CPU of Prefect, against the whole walk",
          "rivals/Prefect to product, cpu", 40, 60),
    most("B4", "idle, from the commit of the signal to executed, p50, against the bare chain",
         "spine/stride to bare, p50", 1.5, 0.8),
    most("B4", "the same, p99",
         "spine/stride to bare, p99", 6, 3),
    most("B5", "a full verdict: all layers, CEL, explanations",
         "governance/verdict_ms", 0.5, 0.15, "ms"),
    least("B6", "budget consumed with its ledger entry, one hot key, 8 clients, against a bare UPDATE",
          "governance/consume_to_bare_update", 0.7, 0.9),
    most("B7", "the ledger's share of a stage's CPU",
         "ledger/share_of_stage_percent", 15, 8, "%"),
    least("B7", "entries sealed", "ledger/sealed_per_s", 2000, 10_000, "/s"),
    least("B7", "entries verified", "ledger/verified_per_s", 8000, 50_000, "/s"),
    most("B8", "a tick with 1,000 due of 1 M accounts, against 10 k",
         "watch/1m_to_10k_20_tenants", 1.5, 1.1),
    least("B8", "a reload of 50 k beat entries, against that tick",
          "watch/beat_50k_reload_to_tick", 50, 200),
    most("B8", "an idle tick", "watch/idle_ms", 5, 1, "ms"),
    least("B9", "requests a second for a page of 50 of 1 M, against a plain DRF serializer",
          "feed/feed to plain, requests a second", 1.5, 3),
    most("B9", "p99 of that page, against the plain one's",
         "feed/feed to plain, p99", 0.8, 0.4),
    least("B10", "recorded intents judged again by a policy simulation",
          "governance/simulated_per_s", 1000, 4000, "/s"),
    most("B11", "a worker listens after its start",
         "start/worker: seconds until it listens", 3, 1.5, "s"),
    most("B11", "the web answers after its start",
         "start/web: seconds until it answers", 3, 1.5, "s"),
    most("B12", "buffers touched for each run after a long history, against none",
         "spine/buffers: after to before", 1.3, 1.1),
)  # fmt: skip
