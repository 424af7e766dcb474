"""A plan carried out: in one transaction, through the verbs that doors call too."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError
from psycopg2.errors import DeadlockDetected

from autonomy import pacing, policies, registry, simulate, steering
from autonomy.errors import AlreadyRegistered, ToolExists
from autonomy.models import Budget, Mode
from autonomy.policy import read
from autonomy.rules.catalogue import CORE
from autonomy.tools.binding import add_tool, change_tool, outside
from config.as_code.errors import (
    ConfigMoved,
    FileRefused,
    NotAnAdmin,
    WidensUnsaid,
)
from config.as_code.planning import Plan, plan, scope_of
from config.as_code.rules.differences import Change
from config.as_code.standing import digest_of, lock, standing
from ledger.scope import current_tenant, tenant_scope
from perception.members import find_member
from perception.rules.callers import Caller
from perception.rules.roles import Role
from perception.settings import change_settings

WEEK = timedelta(days=7)
# What others rest on comes first.
ORDER = (
    "tools", "action_types", "settings", "modes", "opt_ins", "budgets",
    "decision_budget", "triggers", "policy_data", "policy_bundle",
)  # fmt: skip
Environment = Mapping[str, str]


def apply(
    text: str,
    *,
    tenant: UUID,
    who: str,
    environment: Environment,
    expect: str = "",
    may_widen: bool = False,
    now: datetime,
) -> Plan:
    """Do what the plan of a file shows, all of it or nothing, as an admin."""
    with tenant_scope(tenant):
        by = _admin(who)
        made = plan(text, environment)
        _insist(made, expect, may_widen)
        # Of its own, as it changes nothing and may take a while.
        _try(made, by=by, now=now)
    try:
        with tenant_scope(tenant):
            lock()
            made = plan(text, environment)
            _insist(made, expect or made.digest, may_widen)
            by = _admin(who)
            for section in ORDER:
                changes = [each for each in made.changes if each.section == section]
                if changes:
                    _DOES[section](made, changes, by, now)
            _insist_on_end(made)
    except (IntegrityError, AlreadyRegistered, ToolExists) as error:
        raise ConfigMoved from error
    except OperationalError as error:
        if isinstance(error.__cause__, DeadlockDetected):
            raise ConfigMoved from error
        raise
    return made


def _admin(who: str) -> Caller:
    member = find_member(who)
    if member.role != Role.ADMIN:
        raise NotAnAdmin(f"{who} is {member.role} here.")
    return Caller(tenant=member.tenant_id, membership=member.id, role=Role.ADMIN)


def _insist(made: Plan, expect: str, may_widen: bool) -> None:
    if expect and made.digest != expect:
        raise ConfigMoved(f"It is {made.digest} now.")
    if made.faults:
        raise FileRefused(made.faults)
    if made.widens and not may_widen:
        raise WidensUnsaid


def _insist_on_end(made: Plan) -> None:
    """What stands there now is what the plan showed, and nothing of anybody else's."""
    wanted = dict(made.desired)
    if any(each.section == "policy_bundle" and each.widens for each in made.changes):
        wanted["policy_bundle"] = made.current["policy_bundle"]
    tools = {
        key: {name: value for name, value in entry.items() if name != "secret"}
        for key, entry in wanted["tools"].items()
    }
    if digest_of({**wanted, "tools": tools}) != digest_of(standing()):
        raise ConfigMoved


def _try(made: Plan, *, by: Caller, now: datetime) -> None:
    """A bundle that widens is tried on the last week, as activating it asks for."""
    for change in made.changes:
        if change.section == "policy_bundle" and change.widens:
            source = read(change.after)
            candidate = {
                "bundle_version": source.version,
                "bundle_source": source.plain(),
            }
            asked = simulate.ask_for(now - WEEK, now, candidate, by=by, now=now)
            simulate.run(asked.id, tenant=current_tenant(), now=now)


def _tools(made: Plan, changes: list[Change], by: Caller, now: datetime) -> None:
    for change in changes:
        key = change.key[0]
        given = {**change.after}
        given.pop("secret", None)
        if key in made.secrets:
            given["secret"] = made.secrets[key]
        held = outside(key)
        if held is None:
            add_tool({"key": key, **given}, by=by, now=now)
        else:
            change_tool(held, given, by=by, now=now)


def _action_types(made: Plan, changes: list[Change], by: Caller, now: datetime) -> None:
    for change in changes:
        key = change.key[0]
        if change.before is None and key not in CORE:
            registry.add_type({"key": key, **change.after}, by=by, now=now)
            continue
        given = {
            name: change.after[name] for name in ("tier", "tool", "min_confidence")
        }
        registry.change_type(key, given, by=by, now=now)


def _settings(made: Plan, changes: list[Change], by: Caller, now: datetime) -> None:
    change_settings(_named(changes), by=by, now=now)


def _modes(made: Plan, changes: list[Change], by: Caller, now: datetime) -> None:
    for change in changes:
        scope = scope_of(made, "modes", change.key)
        if change.after is not None:
            steering.set_mode(change.after["mode"], scope, by=by, now=now)
            continue
        row = Mode.objects.get(
            tenant_id=by.tenant,
            account_id=scope["account"],
            action_type=scope["action_type"],
        )
        steering.unset_mode(row, by=by, now=now)


def _opt_ins(made: Plan, changes: list[Change], by: Caller, now: datetime) -> None:
    for change in changes:
        account = scope_of(made, "opt_ins", change.key)["account"]
        steering.set_opt_in(change.after["granted"], account, by=by, now=now)


def _budgets(made: Plan, changes: list[Change], by: Caller, now: datetime) -> None:
    for change in changes:
        scope = scope_of(made, "budgets", change.key)
        if change.after is not None:
            steering.set_budget({**scope, **change.after}, by=by, now=now)
            continue
        row = Budget.objects.get(
            tenant_id=by.tenant,
            account_id=scope["account"],
            seller_id=scope["seller"],
            action_type=scope["action_type"],
            each=scope["each"],
        )
        steering.withdraw_budget(row, by=by, now=now)


def _decision_budget(
    made: Plan, changes: list[Change], by: Caller, now: datetime
) -> None:
    pacing.change_decision_budget(_named(changes), by=by, now=now)


def _triggers(made: Plan, changes: list[Change], by: Caller, now: datetime) -> None:
    for change in changes:
        pacing.change_trigger(change.key[0], change.after, by=by, now=now)


def _policy_data(made: Plan, changes: list[Change], by: Caller, now: datetime) -> None:
    whole = {name: value for (name,), value in made.desired["policy_data"].items()}
    policies.save_data(whole, by=by, now=now)


def _policy_bundle(
    made: Plan, changes: list[Change], by: Caller, now: datetime
) -> None:
    saved = policies.save_bundle(changes[0].after, by=by, now=now)
    policies.activate(saved, simulation=None, by=by, now=now)


def _named(changes: list[Change]) -> dict[str, Any]:
    return {change.key[0]: change.after for change in changes}


_DOES: Mapping[str, Callable[[Plan, list[Change], Caller, datetime], None]] = {
    "tools": _tools,
    "action_types": _action_types,
    "settings": _settings,
    "modes": _modes,
    "opt_ins": _opt_ins,
    "budgets": _budgets,
    "decision_budget": _decision_budget,
    "triggers": _triggers,
    "policy_data": _policy_data,
    "policy_bundle": _policy_bundle,
}
