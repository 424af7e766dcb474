"""`parked`: work that failed too often: list it, send it on its way again."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from autonomy import runs
from autonomy.models import Intent, Run
from autonomy.rules.runs import Stage
from ledger.commands import HouseCommand, an_id
from ledger.record import Actor
from ledger.scope import system_scope, tenant_scope

OPERATOR = Actor(type="system", id="operator")
MOST = 1000


class Command(HouseCommand):
    help = "Examples: parked list;  parked retry --id 0198…;  parked retry --all"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["list", "retry"])
        parser.add_argument("--id", type=an_id, help="one run")
        parser.add_argument("--all", action="store_true", help="every parked run")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        with system_scope("find parked runs"):
            found = list(Run.objects.filter(status="PARKED").order_by("id")[:MOST])
            ended = Intent.objects.exclude(given_up_at=None).order_by("-id")[:MOST]
            given_up = list(ended)
        if options["verb"] == "retry":
            found = self.retried(found, given_up, options)
            given_up = []
        shown = [_run(run) for run in found] + [_intent(each) for each in given_up]
        if options["json"]:
            self.stdout.write(json.dumps(shown, indent=2))
            return
        what = "retried" if options["verb"] == "retry" else "parked"
        self.stdout.write(f"{len(shown)} {what}")
        for row in shown:
            self.stdout.write(
                f"  {row['id']}  {row['kind']:6} {row['stage']:8} {row['error']}"
            )

    def retried(
        self, found: list[Run], given_up: list[Intent], options: dict[str, Any]
    ) -> list[Run]:
        if not options["all"]:
            if options["id"] in [each.id for each in given_up]:
                raise CommandError(
                    "This intent has ended as FAILED: `replay --intent` with --commit "
                    "goes through it again."
                )
            found = [run for run in found if run.id == options["id"]]
            if not found:
                raise CommandError("No parked run has this id. `parked list` has all.")
        again = []
        for run in found:
            with tenant_scope(run.tenant_id):
                if runs.retry(run, by=OPERATOR, now=timezone.now()):
                    again.append(run)
        return again


def _run(run: Run) -> dict[str, str]:
    return {
        "id": str(run.id),
        "kind": "run",
        "tenant": str(run.tenant_id),
        "stage": run.stage,
        "error": run.error,
        "at": run.updated_at.isoformat(),
    }


def _intent(intent: Intent) -> dict[str, str]:
    """An approved act that could never be started. It has ended."""
    return {
        "id": str(intent.id),
        "kind": "intent",
        "tenant": str(intent.tenant_id),
        "stage": Stage.EXECUTE.value,
        "error": intent.error,
        "at": intent.updated_at.isoformat(),
    }
