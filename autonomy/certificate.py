"""The stop certificate: what a kill switch met, and that nothing started after it."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from autonomy.models import Execution, KillSwitch
from autonomy.rules.switches import Scope
from ledger.rules.canonical import canonical
from ledger.scope import PLATFORM, system_role
from ledger.signing import signer

LOOKED_BACK = timedelta(days=1)
SHOWN = 1000


def certify(switch: KillSwitch) -> dict[str, Any]:
    """The certificate as the executions now show it, signed with the ledger's key."""
    # A global one is the house's own; whatever stands in a tenant's row covers that tenant.
    if switch.scope == Scope.GLOBAL and switch.tenant_id == PLATFORM:
        with system_role():
            body = _body(switch, Execution.objects.all())
    else:
        body = _body(switch, Execution.objects.filter(tenant_id=switch.tenant_id))
    note = signer().sign(canonical(body).decode() + "\n")
    return {**body, "signature": note}


def _body(switch: KillSwitch, executions: QuerySet[Execution]) -> dict[str, Any]:
    covered = executions.filter(_covered(switch))
    at = switch.committed_at
    before = covered.filter(started_at__lte=at, started_at__gt=at - LOOKED_BACK)
    flying = before.filter(Q(finished_at=None) | Q(finished_at__gt=at))
    after = covered.filter(started_at__gt=at)
    if switch.released_at is not None:
        after = after.filter(started_at__lt=switch.released_at)
    return {
        "kill_switch": str(switch.id),
        "scope": switch.scope,
        "target": switch.target,
        "since": _said(at - LOOKED_BACK),
        "committed_at": _said(at),
        "released_at": _said(switch.released_at) if switch.released_at else None,
        "acts_before": before.count(),
        "in_flight": [
            {"execution": str(id_), "status": status}
            for id_, status in flying.order_by("id").values_list("id", "status")[:SHOWN]
        ],
        "acts_after": after.count(),
        "latency_ms": round((at - switch.asked_at).total_seconds() * 1000, 3),
    }


def _covered(switch: KillSwitch) -> Q:
    target = switch.target
    match Scope(switch.scope):
        case Scope.GLOBAL | Scope.TENANT:
            return Q()
        case Scope.ACCOUNT:
            return Q(account_id=target)
        case Scope.SELLER:
            return Q(seller_id=target)
        case Scope.ACTION_TYPE:
            return Q(action_type=target)
        case Scope.TOOL:
            return Q(tool=target)
        case Scope.CONNECTOR:
            return Q(tool=target) | Q(tool__startswith=f"{target}.")
        case Scope.PLAN_TYPE:
            return Q(plan_type=target)


def _said(at: datetime) -> str:
    return at.isoformat()
