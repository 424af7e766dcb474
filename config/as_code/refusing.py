"""What the product would refuse of a file, found before anything is changed."""

from collections.abc import Mapping
from typing import Any

from autonomy.errors import BundleFails, BundleRefused, WrongParameters
from autonomy.policies import insist
from autonomy.policy import compiled, read
from autonomy.propose import check_parameters
from autonomy.rules.actions import ActionType, Traits, may_tighten
from autonomy.rules.catalogue import TOOLS
from autonomy.tools.binding import outside
from config.as_code.checks import Checked
from config.as_code.rules.differences import Change
from config.as_code.rules.document import Path
from config.as_code.standing import DECLARED
from perception import vault
from perception.rules.webhooks import key_of

KEPT = {
    "opt_ins": "An opt-in is not taken away: write granted: false.",
    "tools": "A tool is not taken away: unbind its action types, or leave it here.",
    "action_types": "A type of your own is not taken away: leave it here.",
}


def refuse_changes(changes: list[Change], made: Checked) -> None:
    """Say of each change that no verb makes why that is so."""
    for change in changes:
        path = made.places.get((change.section, change.key), (change.section,))
        if message := _refusal(change):
            where = f"{'/'.join(filter(None, change.key)) or 'everything'}: "
            is_gone = change.after is None
            made.refuse(path, f"{where if is_gone else ''}{message}")


def _refusal(change: Change) -> str:
    if change.after is None:
        return KEPT.get(change.section, "")
    if change.section == "tools" and change.before is None:
        key = change.key[0]
        taken = key in TOOLS or key.startswith("internal.")
        return f"{key} is the house's own." if taken else ""
    if change.section == "action_types":
        return _type_refusal(change.key[0], change.before, change.after)
    return ""


def _type_refusal(
    key: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> str:
    if before is None:
        return _example_fault(key, after)
    moved = [name for name in DECLARED if after.get(name) != before.get(name)]
    if moved:
        return f"What a type is stays: {', '.join(moved)}. Add one of another name."
    if not may_tighten(before["tier"], after["tier"]):
        was, would = before["tier"], after["tier"]
        return f"{key}: a tier only becomes stricter: it is {was}, not {would}."
    return ""


def _example_fault(key: str, entry: Mapping[str, Any]) -> str:
    """What is wrong with an example, by the schema beside it."""
    traits = {
        name: entry[name]
        for name in (
            "tier", "risk_level", "external_contact", "reversal", "idempotent", "tool"
        )
    }  # fmt: skip
    action = ActionType(
        key=key,
        traits=Traits(**traits, touches=tuple(entry["touches"])),
        schema=entry["schema"],
        example=entry["example"],
    )
    try:
        check_parameters(action, entry["example"])
    except WrongParameters as error:
        return f"The example does not fit: {error.detail}"
    return ""


def refuse_bundle(plain: Mapping[str, Any], made: Checked) -> None:
    """Compile a bundle, run its tests, hold it against the theorems."""
    try:
        program = compiled(read(plain))
        for failure in (failures := program.failures()):
            where, _, message = failure.partition(": ")
            made.refuse(_path(where), f"{message}.")
        if not failures:
            insist(program)
    except BundleRefused as refusal:
        for fault in refusal.faults:
            more = f" (column {fault.column})" if fault.column > 1 else ""
            made.refuse(_path(fault.where), f"{fault.message}{more}")
    except BundleFails as error:
        made.refuse(("policy_bundle",), error.detail)


def _path(where: str) -> Path:
    """`clauses[3].condition` as the path that it is in a file."""
    steps = where.replace("[", ".").replace("]", "").split(".")
    return ("policy_bundle", *(int(s) if s.isdigit() else s for s in steps if s))


def secrets(made: Checked, environment: Mapping[str, str]) -> dict[str, str]:
    """Secrets that a file names, out of the environment: those that are new, by tool.

    One that is kept already is left out of the file's wishes, as nothing changes.
    """
    found = {}
    for (key,), entry in made.given.get("tools", {}).items():
        named = entry.pop("secret", None)
        if named is None:
            continue
        secret = environment.get(named.removeprefix("env:"), "")
        path = ("tools", key, "secret")
        if not secret:
            made.refuse(path, f"{named.removeprefix('env:')} is not set here.")
            continue
        try:
            key_of(secret)
        except ValueError as error:
            made.refuse(path, f"{named.removeprefix('env:')} holds no secret: {error}")
            continue
        tool = outside(key)
        if tool is None or vault.unseal(tool.sealed_secret) != secret:
            found[key] = secret
            entry["secret"] = named
    return found
