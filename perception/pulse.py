"""Signs of life of the processes."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from perception.models import Heartbeat

STALE_AFTER = timedelta(seconds=60)
# So many beats that did not come, and a process is taken for gone.
LATE_BEATS = 3
# Of a silence so much passes between two calls, and never more than this.
PART, MOST = 4, timedelta(seconds=60)


def beat(process: str, *, now: datetime) -> None:
    """Note that a process made progress."""
    Heartbeat.objects.update_or_create(process=process, defaults={"at": now})


def ages(*, now: datetime) -> dict[str, float]:
    """Seconds since each process last showed life."""
    return {
        row.process: round((now - row.at).total_seconds(), 3)
        for row in Heartbeat.objects.all()
    }


@dataclass
class Calls:
    """What was sent for a process to show life, and whether it has since.

    Calls lie in the broker until somebody takes them. While nobody does, the rows keep
    what there is to do, and little more need lie there.
    """

    process: str
    first: datetime | None = None
    last: datetime | None = None

    def begin(self, *, now: datetime) -> None:
        """One more is sent; should the broker refuse it, nobody answers it either."""
        self.first = self.first or now

    def sent(self, *, now: datetime) -> None:
        """It lies in the broker now."""
        self.last = now

    def listen(self, *, now: datetime) -> None:
        """Any sign of life answers all that was sent before it."""
        if self.first is None:
            return
        age = ages(now=now).get(self.process, math.inf)
        if age < (now - self.first).total_seconds():
            self.first = None

    def is_heard(self, *, now: datetime) -> bool:
        """Whether nothing has been waiting for an answer for too long."""
        late = timedelta(seconds=LATE_BEATS * settings.TICK_SECONDS)
        return self.first is None or now - self.first <= late

    def may_send(self, *, now: datetime) -> bool:
        """Whether another is worth its place: what lies in the broker may be lost."""
        if self.first is None or self.last is None or self.is_heard(now=now):
            return True
        return now - self.last >= min((now - self.first) / PART, MOST)
