"""`status`: what there is, what waits, and for how long."""

import json
from argparse import ArgumentParser
from typing import Any

from django.db.models import Count, Model
from django.utils import timezone

from autonomy.models import Intent, Run
from autonomy.workload import workload
from config import health
from ledger.backlog import backlog
from ledger.commands import HouseCommand
from ledger.models import Export
from ledger.scope import system_scope
from perception.models import Account, Tenant


class Command(HouseCommand):
    help = "Counts by state, the age of the oldest unfinished work, heartbeats."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        seen = _seen()
        if options["json"]:
            self.stdout.write(json.dumps(seen))
            return
        for name, value in seen.items():
            shown = (
                ", ".join(f"{key} {each}" for key, each in value.items())
                if isinstance(value, dict)
                else value
            )
            said = "none" if shown in ("", None) else shown
            self.stdout.write(f"{name.replace('_', ' '):26} {said}")


def by_state(model: type[Model]) -> dict[str, int]:
    """How many rows of all tenants stand in each state."""
    rows = model._default_manager.values_list("status")
    return dict(rows.annotate(count=Count("id")).order_by("status"))


def _seen() -> dict[str, Any]:
    now = timezone.now()
    waiting, work = backlog(now=now), workload(now=now)
    with system_scope("status"):
        runs, intents, exports = (by_state(model) for model in (Run, Intent, Export))
        counts = {
            "tenants": Tenant.objects.count() - 1,
            "accounts": Account.objects.count(),
        }
    return {
        **counts,
        "backlog": work.backlog,
        "runs": runs,
        "intents": intents,
        "oldest_unfinished_seconds": work.oldest_seconds,
        "relay_lag_seconds": work.relay_lag_seconds,
        "parked": work.parked,
        "given_up": work.given_up,
        "in_doubt": work.in_doubt,
        "ledger": {
            "unsealed": waiting.count,
            "oldest_seconds": waiting.oldest_seconds,
        },
        "exports": exports,
        "processes": health.processes(),
    }
