"""`replay`: go through an intent again, dry or for good."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from autonomy.models import Intent, Replay
from autonomy.replay import Wanted, commit, rehearse
from ledger.commands import HouseCommand, an_id
from ledger.record import Actor
from ledger.scope import system_scope, tenant_scope

OPERATOR = Actor(type="system", id="operator")
LONGEST = 300


class Command(HouseCommand):
    help = (
        "Judge an intent again as things are now, and show what would be done; with "
        "--commit it is gone through for good, under the same key outside.  Examples: "
        "replay --intent 0198… --reason 'their server was away';  "
        "replay --intent 0198… --reason 'it is back' --commit"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--intent", type=an_id, required=True, metavar="ID")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--commit", action="store_true", help="for good")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        reason = options["reason"].strip()
        if not 0 < len(reason) <= LONGEST:
            raise CommandError(f"Say why, with --reason, in at most {LONGEST} letters.")
        intent = options["intent"]
        with system_scope("find the tenant of an intent"):
            found = Intent.objects.filter(pk=intent).values_list("tenant_id", flat=True)
            tenant = found.first()
        if tenant is None:
            raise CommandError(f"There is no intent {intent}.")
        go = commit if options["commit"] else rehearse
        wanted = Wanted(reason=reason, by=OPERATOR, member=None)
        with tenant_scope(tenant):
            row = go(intent, wanted)
        self.stdout.write(
            json.dumps(_plain(row), indent=2) if options["json"] else _said(row)
        )


def _plain(row: Replay) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "intent": str(row.intent_id),
        "tenant": str(row.tenant_id),
        "commit": row.commit,
        "status": str(row.status),
        "error": row.error,
        "result": row.result,
    }


def _said(row: Replay) -> str:
    """What it found, in a few lines."""
    verdict = row.result["verdict"]
    lines = [
        f"{row}  {row.id}",
        f"  verdict now: {verdict['decision']} ({verdict['reason']})",
        f"  {verdict['explanation']}",
    ]
    for what, changed in row.result["differs"].items():
        lines += [
            f"  {what} {name}: {then!r} then, {now!r} now"
            for name, (then, now) in changed.items()
        ]
    if row.error:
        lines.append(f"  {row.error}")
    if row.commit:
        return "\n".join(lines)
    would, may = row.result["would"], row.result["may_commit"]
    place = would["connector"] or would["where"] or would["by"]
    lines.append(f"  it would be done with {would['tool'] or 'nothing'}, by {place}")
    if would["original_key"]:
        lines.append(f"  under the key of the first time: {row.result['key']}")
    lines.append(f"  --commit: {'may go on' if may['allowed'] else may['why']}")
    return "\n".join(lines)
