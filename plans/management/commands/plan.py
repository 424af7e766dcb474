"""`plan`: what a plan promised and did, and whether the ledger proves it."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from ledger.commands import HouseCommand, an_id
from ledger.scope import system_scope, tenant_scope
from perception.models import Tenant
from plans.contract import Verification, verify
from plans.models import Plan

PARTS = ("done", "skipped", "failed", "cancelled", "waived", "unfinished", "open")
DETAILS = ("by", "status", "reason", "explanation", "execution")


class Command(HouseCommand):
    help = (
        "Show what a plan promised and what became of it, or hold plans against the "
        "ledger. Exit 1: each problem is named. `verify_ledger` checks the ledger "
        "itself.  Examples: plan statement 0198…;  plan verify 0198…;  "
        "plan verify --tenant acme --json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["statement", "verify"])
        parser.add_argument("id", nargs="?", type=an_id, help="one plan")
        parser.add_argument(
            "--tenant", metavar="SLUG", help="verify: every plan of a tenant"
        )
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        found = [_held(*each) for each in _named(options)]
        if options["verb"] == "statement":
            self._show(found[0], as_json=options["json"])
            return
        if options["json"]:
            said = {
                "ok": all(each.ok for each in found),
                "plans": [each.stated() for each in found],
            }
            self.stdout.write(json.dumps(said, indent=2))
        else:
            for each in found:
                self.stdout.write("\n".join(_judged(each)))
            self.stdout.write(f"{len(found)} plans verified")
        if not all(each.ok for each in found):
            raise SystemExit(1)

    def _show(self, found: Verification, *, as_json: bool) -> None:
        said = {
            **found.statement,
            "after_the_end": [dict(each) for each in found.after_the_end],
        }
        self.stdout.write(
            json.dumps(said, indent=2) if as_json else "\n".join(_lines(said))
        )


def _named(options: Mapping[str, Any]) -> list[tuple[UUID, UUID]]:
    """The plans that are meant, each with its tenant."""
    if (options["id"] is None) == (options["tenant"] is None):
        raise CommandError("Name one plan by its id, or with --tenant all of one.")
    if options["verb"] == "statement" and options["id"] is None:
        raise CommandError("A statement is of one plan: name it by its id.")
    with system_scope("find plans"):
        plans = Plan.objects.order_by("id")
        if options["id"] is not None:
            plans = plans.filter(pk=options["id"])
        else:
            plans = plans.filter(tenant_id=_tenant(options["tenant"]))
        found = list(plans.values_list("tenant_id", "id"))
    if options["id"] is not None and not found:
        raise CommandError(f"There is no plan {options['id']}.")
    return found


def _tenant(slug: str) -> UUID:
    found = Tenant.objects.filter(slug=slug).values_list("id", flat=True).first()
    if found is None:
        raise CommandError(f"There is no tenant {slug!r}.")
    return found


def _held(tenant: UUID, plan: UUID) -> Verification:
    with tenant_scope(tenant):
        return verify(plan)


def _judged(found: Verification) -> Iterator[str]:
    state = "holds" if found.ok else f"{len(found.problems)} PROBLEMS"
    yield f"{found.plan}  {found.statement['ended']['status']}: {state}"
    for each in found.problems:
        about = f" {each.about}" if each.about else ""
        yield f"  {each.code}{about}: {each.detail}"


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    """A statement in words: promised, done, what else became of steps, deviations."""
    ended, promised = said["ended"], said["promised"]
    yield f"Plan {said['plan']}: {ended['status']} ({ended['reason']}) at {ended['at']}"
    if promised is None:
        yield "It was never approved: nothing was promised."
    else:
        yield f"Objective: {promised['objective']['text']}"
        yield f"  it holds when: {promised['objective']['condition']}"
    yield f"  met: {_MET[said['objective_met']]}"
    if promised is not None:
        yield f"Promised (revision {promised['revision']}, by {promised['expires_at']})"
        yield from _listed(promised["steps"])
    for part in PARTS:
        if said[part]:
            yield part.capitalize()
            yield from _listed(said[part])
    touches = said["touches"]
    yield f"Acts: {said['acts']}, of them reaching outside: {touches['count']}"
    yield f"  agreed on: at most {touches['allowed']} that reach outside"
    yield f"Deviations: {said['deviations_in_all']}"
    yield from _named_acts(said["deviations"])
    if said["notes"]:
        yield "Notes"
        yield from _named_acts(said["notes"])
    if said["after_the_end"]:
        yield "After the end"
        yield from _listed(said["after_the_end"])


_MET = {True: "yes", False: "no", None: "it was never looked at"}


def _listed(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        words = [str(row[name]) for name in DETAILS if row.get(name)]
        optional = ["optional"] if row.get("required") is False else []
        more = "  ".join([*words, *optional])
        yield f"  {row['step_id']}  {row['action_type']}  {more}".rstrip()


def _named_acts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"  {row['code']} {row['intent'] or row['step_id']}: {row['detail']}"
