"""One pull, from its claim to its end: a page is read, then kept in one transaction.

Requests go out between transactions, each admitted by the breaker and the rate that all
workers share. A page, its cursor and its counts commit together and only under the
fence: whoever finds the lease over reads on from the cursor.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, connection

from ledger import spans
from ledger.clock import clock
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception import connectors, guards, readings
from perception.errors import EgressRefused, NotNow, PerceptionError
from perception.holds import Hold, Lost, claim
from perception.models import Account, Connector, Contact, Cursor, Pull
from perception.rules.breaker import COOLDOWN
from perception.rules.cadence import Depth
from perception.rules.pulls import PAGES, backoff
from perception.sources.base import (
    Asked,
    Found,
    Reach,
    Source,
    SourceBarred,
    SourceRefuses,
    Watched,
    Wire,
)
from perception.sources.registry import SOURCES

NOTHING, WAITS = "NOTHING", "WAITS"
DONE, FAILED = Pull.Status.DONE.value, Pull.Status.FAILED.value
KEPT_FOR = timedelta(days=30)
# Pages are read on for so long; a slot of the rate is waited for at most so long.
STRETCH, PATIENCE = 25.0, timedelta(seconds=1)
MOST_SAID = 300
BY = Actor(type="system", id="pull")

_SEND = "SELECT * FROM perception_send_pulls(%s, %s, %s)"


def send_due(publish: Callable[[UUID, UUID], None]) -> int:
    """Hand out what is due, and what was claimed and left: a pull and its tenant."""
    with system_scope("send pulls"), connection.cursor() as cursor:
        cursor.execute(
            _SEND,
            [
                settings.IN_FLIGHT,
                settings.IN_FLIGHT_PER_TENANT,
                settings.LEASE_SECONDS,
            ],
        )
        sent = cursor.fetchall()
    # Only now: a message that comes before its commit would find nothing to take.
    turn: dict[UUID, int] = {}
    for _, tenant in sent:
        turn[tenant] = 0
    ranked = []
    for pull, tenant in sent:
        ranked.append((turn[tenant], pull, tenant))
        turn[tenant] += 1
    for _, pull, tenant in sorted(ranked, key=lambda each: each[0]):
        publish(pull, tenant)
    return len(ranked)


def run(
    pull: UUID, *, tenant: UUID, lease: float | None = None, most: int | None = None
) -> str:
    """Read what a pull is for. Says how it stands now, or why nothing was done."""
    if connection.in_atomic_block:
        raise RuntimeError("a pull opens its own transactions")
    lease = settings.LEASE_SECONDS if lease is None else lease
    most = settings.MAX_ATTEMPTS if most is None else most
    with tenant_scope(tenant):
        hold = claim(pull, span=max(lease, 2 * settings.TOOL_TIMEOUT_SECONDS))
        walk = None if hold is None else _begun(hold, most)
    if walk is None or hold is None:
        return NOTHING
    # A trace of its own: many signals may come of it, each linked with it.
    named = {"tenant": tenant, "pull": pull, "connector": hold.connector}
    with spans.span("pull", **named):
        ended = walk.go()
        spans.note(outcome=ended)
    return ended


def forget(*, now: datetime) -> int:
    """Drop pulls that ended long ago; the count is returned."""
    with system_scope("forget pulls"):
        count, _ = Pull.objects.filter(ended_at__lt=now - KEPT_FOR).delete()
    return count


def _begun(hold: Hold, most: int) -> "_Walk":
    connector = Connector.objects.get(tenant_id=hold.tenant, pk=hold.connector)
    cursors = Cursor.objects.filter(tenant_id=hold.tenant, connector=connector)
    whole = cursors.filter(account=None)
    mine = cursors.filter(account_id=hold.account) if hold.account else whole
    cursor = mine.first()
    return _Walk(
        hold=hold,
        most=most,
        connector=connector,
        watched=_watched(hold.account) if hold.account else None,
        cursor=cursor.value if cursor else {},
    )


def _watched(account: UUID) -> Watched:
    row = Account.objects.get(tenant_id=current_tenant(), pk=account)
    people = Contact.objects.filter(tenant_id=row.tenant_id, account=row)
    return Watched(
        external_id=row.external_id,
        name=row.name,
        emails=[each.email.lower() for each in people.order_by("id") if each.email],
    )


@dataclass(kw_only=True)
class _Walk:
    """A pull under way, and how far it has come."""

    hold: Hold
    most: int
    connector: Connector
    watched: Watched | None
    cursor: Mapping[str, Any]
    probe: datetime | None = None
    pages: int = 0
    # Whether a request was let out; whether the page at hand came.
    let_out: bool = False
    answered: bool = False
    wire: Wire | None = None
    # What could not be kept of all pages, and the first word about it.
    skipped: int = 0
    note: str = ""
    since: float = field(default_factory=monotonic)

    def go(self) -> str:
        """Read page by page; whatever happens, how it ends is written."""
        try:
            return self._read()
        except Lost:
            return NOTHING
        except NotNow as refusal:
            return self._put_off(refusal)
        except Error:
            # The lease ends by itself.
            raise
        except PerceptionError as failure:
            return self._failed(failure)
        except Exception as error:
            with suppress(Error):
                self._failed(error)
            raise

    def _read(self) -> str:
        source = SOURCES.get(self.connector.kind)
        if source is None or not self.connector.is_active:
            raise SourceRefuses("Its connector is switched off.")
        if self.hold.attempts > self.most:
            raise SourceRefuses("It was begun too often, and never ended.")
        live = connectors.secrets_of(self.connector)
        wire = Wire(timeout=settings.TOOL_TIMEOUT_SECONDS, pace=self.pace, hidden=live)
        self.wire = wire
        ended = False
        while not ended:
            self.answered = False
            found = source.pull(self._asked(live[0] if live else ""), wire)
            self.answered = True
            with tenant_scope(self.hold.tenant):
                ended = self._keep(found, source)
            self.probe, self.cursor = None, found.cursor
        return DONE

    def _asked(self, secret: str) -> Asked:
        return Asked(
            config=self.connector.config,
            secret=secret,
            cursor=self.cursor,
            is_deep=self.hold.depth == Depth.DEEP,
            now=self._now(),
            account=self.watched,
            tenant=str(self.hold.tenant),
        )

    def pace(self) -> None:
        """Before each request: the pull is still ours, and breaker and rate admit it."""
        while True:
            try:
                with tenant_scope(self.hold.tenant):
                    self.hold.renew()
                    # Whoever has the probe asks no further: it is the one.
                    if self.probe is None:
                        span = timedelta(seconds=self.hold.span)
                        self.probe = guards.admit(self.connector, probe_for=span)
                self.let_out = True
                return
            except NotNow as refusal:
                wait = refusal.until - self._now()
                is_late = monotonic() - self.since > STRETCH
                if not refusal.every or wait > PATIENCE or is_late:
                    raise
                sleep(max(0.0, wait.total_seconds()))

    def _now(self) -> datetime:
        with tenant_scope(self.hold.tenant):
            return clock()

    def _keep(self, found: Found, source: Source) -> bool:
        """One page, all of it or nothing; whether it was the last. Its row comes last."""
        self.hold.insist()
        now = clock()
        kept = readings.keep(found, self.connector, account=self.hold.account, now=now)
        self.pages += 1
        is_last = (
            not found.more
            or self.pages >= PAGES[Depth(self.hold.depth)]
            or monotonic() - self.since > STRETCH
        )
        guards.note(self.connector, went_well=True, probe=self.probe)
        if is_last:
            # What is read whole and has more is read on at once.
            again = found.more and source.reach is Reach.WHOLE
            fresh: dict[str, Any] = {"next_pull_at": now} if again else {}
            self._mark(pulled_at=now, last_error="", **fresh)
        self.skipped += kept.skipped
        self.note = self.note or next(iter(found.skipped), "")
        signals, unmatched = self.hold.count(
            signals=kept.signals, unmatched=kept.unmatched, said=self._left_out()
        )
        if is_last:
            self.hold.end(Pull.Status.DONE, at=now)
            counts = {"signals": signals, "unmatched": unmatched, "pages": self.pages}
            more = {"skipped": self.skipped, "more": found.more}
            self._state(Kind.PULL_COMPLETED, {**counts, **more}, now=now)
        return is_last

    def _put_off(self, refusal: NotNow) -> str:
        """It has to wait, and did not fail."""
        spread = refusal.every * 10 if refusal.every else COOLDOWN
        due_at = refusal.until + spread * random.random()  # noqa: S311  no secret
        with tenant_scope(self.hold.tenant):
            held = self.hold.let_go(
                due_at, error=str(refusal)[:MOST_SAID], counts=False
            )
        return WAITS if held else NOTHING

    def _failed(self, error: Exception) -> str:
        """Tell the breaker; try again later, or give up and say why."""
        said = self._words(error)
        until: datetime | None = getattr(error, "until", None)
        is_over = self.hold.attempts >= self.most
        with suppress(Lost), tenant_scope(self.hold.tenant):
            self.hold.insist()
            now = clock()
            # A source that nobody asked is neither there nor away.
            if self.let_out and not isinstance(error, EgressRefused | SourceBarred):
                # Whoever says when to come back, or refuses, is there.
                well = self.answered or until or isinstance(error, SourceRefuses)
                guards.note(self.connector, went_well=bool(well), probe=self.probe)
            self._mark(last_error=said)
            if is_over or isinstance(error, SourceRefuses | EgressRefused):
                self.hold.end(Pull.Status.FAILED, at=now, error=said)
                self._state(Kind.PULL_FAILED, {"error": said}, now=now)
                return FAILED
            lot = random.random()  # noqa: S311  no secret
            later = now + backoff(self.hold.attempts, lot=lot)
            self.hold.let_go(max(later, until or later), error=said, counts=True)
            return WAITS
        return NOTHING

    def _left_out(self) -> str:
        if not self.skipped:
            return ""
        number = "1 thing" if self.skipped == 1 else f"{self.skipped} things"
        return self._fit(f"{number} could not be kept. {self.note}".rstrip())

    def _words(self, error: Exception) -> str:
        """Words for a person; what others wrote into their errors may be private."""
        if not isinstance(error, PerceptionError):
            return f"Reading it broke off: {type(error).__name__}."
        return self._fit(str(error))

    def _fit(self, said: str) -> str:
        """As it may be kept: without secrets, and not too long."""
        shown = said if self.wire is None else self.wire.shown(said)
        return shown[:MOST_SAID]

    def _mark(self, **values: Any) -> None:
        rows = Connector.objects.filter(tenant_id=self.hold.tenant)
        rows.filter(pk=self.connector.pk).update(**values)

    def _state(self, kind: Kind, data: Mapping[str, Any], *, now: datetime) -> None:
        subjects = {"pull": self.hold.pull, "connector": self.connector.id}
        if self.hold.account is not None:
            subjects["account"] = self.hold.account
        record(Fact(kind=kind, by=BY, subjects=subjects, data=data), now=now)
