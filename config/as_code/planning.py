"""What a file would change in the tenant in scope: in words, refused, and tried."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from autonomy import policies, preview
from autonomy.models import Bundle
from autonomy.policy import read
from autonomy.preview import Preview
from autonomy.rules.modes import DEFAULT
from config.as_code.checks import Checked, accounts_in, checked
from config.as_code.refusing import refuse_bundle, refuse_changes, secrets
from config.as_code.rules.differences import Change, differences, wanted
from config.as_code.rules.document import LISTED, Fault, Key, State
from config.as_code.rules.widening import why_wider
from config.as_code.standing import (
    Names,
    as_shipped,
    bundle_of,
    data,
    digest_of,
    names,
    standing,
)
from config.as_code.text import read as read_text
from ledger.scope import current_tenant

CENT = 4
WAITS = "waits for a second person, who activates it"
# What the simulation of a plan knows of; the rest is named beside its numbers.
TRIED = ("modes", "budgets", "policy_bundle", "policy_data")
UNTRIED = {("hours",): "hours of policy data", ("opa",): "the server that judges"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is there, what a file makes of it, and what stands against that."""

    digest: str
    current: State
    desired: State
    changes: tuple[Change, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    names: Names
    secrets: Mapping[str, str]

    @property
    def widens(self) -> bool:
        return any(change.widens for change in self.changes)


def plan(text: str, environment: Mapping[str, str]) -> Plan:
    """Hold a file against what is set, and find everything that speaks against it."""
    document, faults = read_text(text)
    current = standing()
    held = {key[0] for section in LISTED for key in current[section]}
    known = names(current, {*accounts_in(document), *held})
    made = checked(document, current, known)
    made.faults += faults
    given_secrets = secrets(made, environment)
    _normalise(made)
    shipped = as_shipped()
    desired = wanted(current, made.given, shipped)
    notes = _waiting(current, desired)
    found = differences(current, desired, shipped)
    refuse_changes(found, made)
    for change in found:
        if change.section == "policy_bundle":
            refuse_bundle(change.after, made)
    wider = "policy_bundle" if not made.faults else ""
    return Plan(
        digest=digest_of(current),
        current=current,
        desired=desired,
        changes=tuple(_judged(each, current, desired, made, wider) for each in found),
        faults=tuple(sorted(set(made.faults))),
        notes=tuple(notes),
        names=known,
        secrets=given_secrets,
    )


def _normalise(made: Checked) -> None:
    """Values as they are kept: what differs only in writing is no difference."""
    given = made.given
    if ("cost_per_day",) in (paced := given.get("decision_budget", {})):
        paced[("cost_per_day",)] = round(paced[("cost_per_day",)], CENT)
    if "policy_data" in given:
        plain = {name: value for (name,), value in given["policy_data"].items()}
        given["policy_data"] = {(name,): each for name, each in data(plain).items()}
    if "policy_bundle" in given:
        given["policy_bundle"] = {(): bundle_of(given["policy_bundle"][()])}


def _waiting(current: State, desired: State) -> list[str]:
    """A version that waits for a second person is no change of anybody else's."""
    plain = desired["policy_bundle"][()]
    if plain == current["policy_bundle"][()]:
        return []
    version = read(plain).version
    kept = Bundle.objects.filter(tenant_id=current_tenant(), version=version).first()
    if kept is None or not policies.is_asked_for(kept):
        return []
    desired["policy_bundle"] = current["policy_bundle"]
    return [f"policy_bundle: {version} was asked for, and {WAITS}."]


def _judged(
    change: Change, current: State, desired: State, made: Checked, wider: str
) -> Change:
    why = why_wider(change, current, desired)
    if change.section == wider:
        case = policies.widens(Bundle(source=change.after))
        why = f"it {WAITS}; it lets more run, as with {_case(case)}" if case else ""
    return replace(change, line=made.line(change.section, change.key), widens=why)


def _case(case: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in case.items()) or "any act"


def tried(made: Plan, *, now: datetime) -> tuple[Preview, list[str]]:
    """What the last week's acts would have met, and which changes that leaves aside."""
    candidate: dict[str, Any] = {
        "modes": [_mode(made, change) for change in _of(made, "modes")],
        "budgets": [
            _budget(made, change)
            for change in _of(made, "budgets")
            if change.after is not None
        ],
        "without": [
            _scope(made, change)
            for change in _of(made, "budgets")
            if change.after is None
        ],
    }
    candidate["modes"] += _usual_mode(made)
    if _of(made, "policy_data"):
        wanted_data = made.desired["policy_data"]
        candidate["policy_data"] = {name: each for (name,), each in wanted_data.items()}
    for change in _of(made, "policy_bundle"):
        source = read(change.after)
        candidate["bundle_version"] = source.version
        candidate["bundle_source"] = source.plain()
    aside = {
        change.section
        for change in made.changes
        if change.section not in TRIED and change.key != ("default_mode",)
    }
    aside |= {
        UNTRIED[change.key]
        for change in _of(made, "policy_data")
        if change.key in UNTRIED
    }
    return preview.compare(candidate, now=now), sorted(aside)


def _of(made: Plan, section: str) -> list[Change]:
    return [change for change in made.changes if change.section == section]


def _mode(made: Plan, change: Change) -> dict[str, Any]:
    account, action_type = change.key
    return {
        "account": _id(made, account),
        "action_type": action_type,
        # None: the row is taken away, and the next wider scope counts.
        "mode": change.after and change.after["mode"],
    }


def _usual_mode(made: Plan) -> list[dict[str, Any]]:
    """The mode of the settings, as a mode for everything where none is set."""
    rows = made.desired["modes"]
    moved = [each for each in _of(made, "settings") if each.key == ("default_mode",)]
    return [
        {"account": None, "action_type": "", "mode": change.after or DEFAULT.mode}
        for change in moved
        if ("", "") not in rows
    ]


def _budget(made: Plan, change: Change) -> dict[str, Any]:
    return {**_scope(made, change), "limit_per_day": change.after["limit_per_day"]}


def _scope(made: Plan, change: Change) -> dict[str, Any]:
    account, seller, action_type, each = change.key
    return {
        "account": _id(made, account),
        "seller": str(made.names.members[seller]) if seller else None,
        "action_type": action_type,
        "each": each,
    }


def _id(made: Plan, account: str) -> str | None:
    return str(made.names.accounts[account]) if account else None


def scope_of(made: Plan, section: str, key: Key) -> dict[str, Any]:
    """The scope of an entry of a list, with ids in place of names."""
    if section == "opt_ins":
        (account,) = key
        return {"account": made.names.accounts[account] if account else None}
    account, *_, last = key
    scope: dict[str, Any] = {
        "account": made.names.accounts[account] if account else None
    }
    if section == "modes":
        return {**scope, "action_type": last}
    _, seller, action_type, each = key
    member = made.names.members[seller] if seller else None
    return {**scope, "seller": member, "action_type": action_type, "each": each}
