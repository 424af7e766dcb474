"""`parked`: work that failed too often: list it, send it on its way again."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from autonomy import runs
from autonomy.models import Run
from ledger.record import Actor
from ledger.scope import system_scope, tenant_scope

OPERATOR = Actor(type="system", id="operator")


class Command(BaseCommand):
    help = "Examples: parked list;  parked retry --id 0198…;  parked retry --all"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["list", "retry"])
        parser.add_argument("--id", type=UUID, help="one run")
        parser.add_argument("--all", action="store_true", help="every parked run")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        with system_scope("find parked runs"):
            found = list(Run.objects.filter(status="PARKED").order_by("id")[:1000])
        if options["verb"] == "retry":
            found = self.retried(found, options)
        shown = [
            {
                "id": str(run.id),
                "tenant": str(run.tenant_id),
                "stage": run.stage,
                "error": run.error,
                "at": run.updated_at.isoformat(),
            }
            for run in found
        ]
        if options["json"]:
            self.stdout.write(json.dumps(shown, indent=2))
            return
        what = "retried" if options["verb"] == "retry" else "parked"
        self.stdout.write(f"{len(shown)} {what}")
        for row in shown:
            self.stdout.write(f"  {row['id']}  {row['stage']:8} {row['error']}")

    def retried(self, found: list[Run], options: dict[str, Any]) -> list[Run]:
        if not options["all"]:
            found = [run for run in found if run.id == options["id"]]
            if not found:
                raise CommandError("No parked run has this id. `parked list` has all.")
        again = []
        for run in found:
            with tenant_scope(run.tenant_id):
                if runs.retry(run, by=OPERATOR, now=timezone.now()):
                    again.append(run)
        return again
