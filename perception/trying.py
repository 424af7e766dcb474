"""One page of a source, read to be looked at, or an outlet greeted: nothing is kept."""

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from ledger.clock import clock
from ledger.scope import current_tenant
from perception import connectors, guards
from perception.errors import CannotTry, PerceptionError
from perception.models import Account, Connector, PullUse
from perception.outlets.registry import OUTLETS
from perception.rules.rates import Bucket, filled
from perception.sources.base import (
    Asked,
    Exchanged,
    Found,
    Reach,
    Sighted,
    Source,
    Watched,
    Wire,
)
from perception.sources.registry import SOURCES
from perception.tenants import today

SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What one page would have brought, and what was said on the way."""

    error: str = ""
    signals: int = 0
    # The first of them, to look at.
    first: list[Sighted] = field(default_factory=list)
    interactions: int = 0
    skipped: list[str] = field(default_factory=list)
    more: bool = False
    # It was only said hello to: nothing is read from it.
    greeted: bool = False
    exchanged: list[Exchanged] = field(default_factory=list)
    calls_left: float = 0
    units_left: int = 0

    @property
    def ok(self) -> bool:
        """Whether the source was read, or the outlet answered."""
        return not self.error


def try_out(connector: Connector, *, now: datetime) -> Tried:
    """Read the first page of a source, or greet an outlet, at its rate; say what came."""
    source, outlet = SOURCES.get(connector.kind), OUTLETS.get(connector.kind)
    if source is None and outlet is None:
        raise CannotTry
    wire = Wire(
        timeout=settings.TOOL_TIMEOUT_SECONDS,
        pace=lambda: guards.look(connector, now=clock()),
    )
    error, found = "", Found(cursor={})
    try:
        if source is not None:
            found = source.pull(_asked(connector, source, wire, now=now), wire)
        elif outlet is not None:
            outlet.greet(connector.config, _secret_of(connector, wire), wire)
    except PerceptionError as refusal:
        said = str(refusal) if outlet is None else refusal.detail or str(refusal)
        error = wire.shown(said)
    return Tried(
        error=error,
        signals=len(found.signals),
        first=list(found.signals[:SHOWN]),
        interactions=len(found.interactions),
        skipped=[wire.shown(each) for each in found.skipped[:SHOWN]],
        more=found.more,
        greeted=outlet is not None,
        exchanged=wire.said,
        calls_left=_calls_left(connector),
        units_left=_units_left(connector, now=now),
    )


def _secret_of(connector: Connector, wire: Wire) -> str:
    """Its secret, hidden from here on."""
    secret = next(iter(connectors.secrets_of(connector)), "")
    wire.hide(secret)
    return secret


def _asked(connector: Connector, source: Source, wire: Wire, *, now: datetime) -> Asked:
    """The first page."""
    return Asked(
        config=connector.config,
        secret=_secret_of(connector, wire),
        cursor={},
        is_deep=False,
        now=now,
        tenant=str(connector.tenant_id),
        account=_somebody() if source.reach is Reach.ACCOUNT else None,
    )


def _somebody() -> Watched | None:
    """An account to try with: the one that was added last."""
    account = Account.objects.filter(tenant_id=current_tenant()).order_by("-id").first()
    if account is None:
        return None
    return Watched(external_id=account.external_id, name=account.name)


def _calls_left(connector: Connector) -> float:
    bucket = Bucket(tokens=connector.tokens, filled_at=connector.filled_at)
    left = filled(bucket, rate=connector.rate_per_s, now=clock())
    return round(left.tokens, 2)


def _units_left(connector: Connector, *, now: datetime) -> int:
    used = PullUse.objects.filter(
        tenant_id=current_tenant(), connector=connector, day=today(now=now)
    )
    taken = used.values_list("used", flat=True).first() or 0
    return max(0, connector.units_per_day - taken)
