"""The broker of a world: it keeps what is sent, and may lose, repeat and shuffle it."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import structlog

from autonomy import pipeline
from autonomy.relay import Relay, Sent
from autonomy.rules.runs import Stage
from autonomy.runs import everywhere
from autonomy.undoing import take_back
from config.worlds.faults import Fate
from perception import pulls

logger = structlog.get_logger("config.worlds")
# What is sent again and again within one moment of a world is sent for ever.
ROUNDS = 200


@dataclass(kw_only=True)
class Broker:
    """Messages, and hands that take them up, one after the other."""

    fate: Fate
    waiting: list[Callable[[], object]] = field(default_factory=list)
    taken: int = 0
    broke: Counter[str] = field(default_factory=Counter)
    # Seconds of CPU that each kind of process took.
    spent: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.relay = Relay(self.send)

    def send(self, sent: Sent) -> None:
        """A message of the relay: what a worker of the spine would do with it."""
        work: Callable[[], object]
        if sent.undo is not None:
            work = partial(take_back, sent.undo, tenant=sent.tenant)
        elif sent.intent is not None:
            work = partial(pipeline.act, sent.intent, tenant=sent.tenant)
        elif sent.run is not None:
            work = partial(
                _walk_all, sent.stage, ((sent.run, sent.tenant), *sent.along)
            )
        else:
            return
        self._keep(work)

    def pull(self, id_: UUID, tenant: UUID) -> None:
        """A pull that is due."""
        self._keep(partial(pulls.run, id_, tenant=tenant))

    def settle(self) -> None:
        """Send and take up, until nothing is due or what is left was lost."""
        for _ in range(ROUNDS):
            with self.cpu_of("relay"):
                sent = self.relay.round() + pulls.send_due(self.pull)
            if not sent and not self.waiting:
                return
            self._deliver()

    def cpu_of(self, process: str) -> "Stopwatch":
        return Stopwatch(self.spent, process)

    def _keep(self, work: Callable[[], object]) -> None:
        if self.fate.strikes("lost"):
            return
        self.waiting.append(work)
        if self.fate.strikes("repeated"):
            self.waiting.append(work)

    def _deliver(self) -> None:
        messages, self.waiting = self.waiting, []
        if self.fate.odds.repeated:
            self.fate.lot.shuffle(messages)
        for work in messages:
            self.taken += 1
            with self.cpu_of("worker"):
                self.do(work)

    def do(self, work: Callable[[], object]) -> None:
        """As a worker does: what breaks is said, and the row says what comes next."""
        try:
            with self.fate.mortal():
                work()
        except Exception as error:  # noqa: BLE001  counted, and told in the report
            self.broke[type(error).__name__] += 1
            logger.warning("work broke", error=type(error).__name__)


def _walk_all(stage: Stage, runs: Sequence[tuple[UUID, UUID]]) -> None:
    for run, tenant in runs:
        pipeline.walk(run, stage, tenant=tenant, may=everywhere)


@dataclass(frozen=True)
class Stopwatch:
    """Adds what passes under it to a sum."""

    sums: Counter[str]
    name: str
    began: list[float] = field(default_factory=list)

    def __enter__(self) -> None:
        self.began.append(time.process_time())

    def __exit__(self, *_: object) -> None:
        # A Counter of seconds: its type only knows whole numbers.
        self.sums[self.name] += time.process_time() - self.began.pop()  # type: ignore[assignment]
