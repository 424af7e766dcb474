"""What admins set: modes, opt-ins, budgets. One row for each scope, each change stated."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model

from autonomy.errors import NoSuchScope
from autonomy.models import ActionRow, Budget, Mode, OptIn
from autonomy.rules.actions import normalise
from autonomy.rules.catalogue import CORE
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.models import Account, Membership
from perception.rules.callers import Caller

Scope = Mapping[str, Any]
Row = TypeVar("Row", bound=Model)


def set_mode(mode: str, scope: Scope, *, by: Caller | Actor, now: datetime) -> Mode:
    """Set the mode of a scope: `account`, `action_type`, both or neither."""
    where = {
        "account_id": _account(scope.get("account")),
        "action_type": _action_type(scope.get("action_type")),
    }
    return _upsert(Mode, where, {"mode": mode}, {"set_at": now}, by=by, now=now)


def set_opt_in(
    granted: bool, account: UUID | None, *, by: Caller, now: datetime
) -> OptIn:
    """Say whether scheduled work is wanted; digests count from the moment of a yes."""
    where = {"account_id": _account(account)}
    more = {"by_id": by.membership, "at": now}
    return _upsert(OptIn, where, {"granted": granted}, more, by=by, now=now)


def set_budget(given: Scope, *, by: Caller, now: datetime) -> Budget:
    """Set how many acts may run by themselves in a day, at one scope."""
    where = {
        "account_id": _account(given.get("account")),
        "seller_id": _seller(given.get("seller")),
        "action_type": _action_type(given.get("action_type")),
        "each": given.get("each") or "",
    }
    values = {
        "limit_per_day": given["limit_per_day"],
        "decay_percent": given.get("decay_percent", 0),
        "is_active": True,
    }
    return _upsert(Budget, where, values, {"set_at": now}, by=by, now=now)


def insist_on_scope(scope: Scope, *, at: str) -> None:
    """Refuse a scope of an account or a seller that is not there; `at`: where the body
    has it.
    """
    _account(scope.get("account"), at)
    _seller(scope.get("seller"), at)


def unset_mode(row: Mode, *, by: Caller | Actor, now: datetime) -> None:
    """Take a mode away, so that the next wider scope counts."""
    where = {"account_id": row.account_id, "action_type": row.action_type}
    before = {"mode": row.mode}
    row.delete()
    _state(Mode, where, before, None, by=by, now=now)


def withdraw_budget(row: Budget, *, by: Caller, now: datetime) -> None:
    """Take a budget out of use; what the day has used of it stays counted."""
    names = ("account_id", "seller_id", "action_type", "each")
    where = {name: getattr(row, name) for name in names}
    before = {"limit_per_day": row.limit_per_day, "is_active": True}
    Budget.objects.filter(pk=row.pk).update(is_active=False, set_at=now)
    _state(Budget, where, before, {"is_active": False}, by=by, now=now)


def _upsert(
    model: type[Row],
    where: dict[str, Any],
    values: dict[str, Any],
    more: dict[str, Any],
    *,
    by: Caller | Actor,
    now: datetime,
) -> Row:
    """Change what differs; saying the same again states nothing and moves nothing."""
    rows = model._default_manager.select_for_update()
    held = rows.filter(tenant_id=current_tenant(), **where).first()
    before = None if held is None else {name: getattr(held, name) for name in values}
    if held is not None and before == values:
        return held
    row, _ = model._default_manager.update_or_create(
        tenant_id=current_tenant(), **where, defaults={**values, **more}
    )
    _state(model, where, before, values, by=by, now=now)
    return row


def _state(
    model: type[Model],
    where: Scope,
    before: Scope | None,
    after: Scope | None,
    *,
    by: Caller | Actor,
    now: datetime,
) -> None:
    subjects = {}
    if where.get("account_id"):
        subjects["account"] = where["account_id"]
    if where.get("seller_id"):
        subjects["member"] = where["seller_id"]
    data = {
        "setting": str(model._meta.verbose_name),
        "action_type": where.get("action_type", ""),
        "before": before,
        "after": after,
    }
    if where.get("each"):
        data["each"] = where["each"]
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=person_acting(by) if isinstance(by, Caller) else by,
            subjects=subjects,
            data=data,
        ),
        now=now,
    )


def _account(account: UUID | None, at: str = "") -> UUID | None:
    if account is None:
        return None
    if not Account.objects.filter(tenant_id=current_tenant(), pk=account).exists():
        raise NoSuchScope(f"No account has the id {account}.", f"{at}account")
    return account


def _seller(seller: UUID | None, at: str = "") -> UUID | None:
    if seller is None:
        return None
    if not Membership.objects.filter(tenant_id=current_tenant(), pk=seller).exists():
        raise NoSuchScope(f"No member has the id {seller}.", f"{at}seller")
    return seller


def _action_type(key: str | None) -> str:
    if not key:
        return ""
    wanted = normalise(key)
    own = ActionRow.objects.filter(tenant_id=current_tenant(), key=wanted)
    if wanted not in CORE and not own.exists():
        raise NoSuchScope(f"No action type has the key {key!r}.", "action_type")
    return wanted
