"""`verify_isolation`: try to reach one tenant as another, everywhere."""

import json
import logging
from argparse import ArgumentParser
from typing import Any

from config.isolation import as_rows, prove_isolation
from ledger.commands import HouseCommand


class Command(HouseCommand):
    help = (
        "For every model and every route, try to read, change and forge what belongs "
        "to another tenant. Exit 1 on any leak. Nothing of the trial stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        # Hundreds of requests are made; their lines would bury the table.
        lines = logging.getLogger("config.requests")
        said = lines.level
        lines.setLevel(logging.WARNING)
        try:
            trials = prove_isolation()
        finally:
            lines.setLevel(said)
        leaks = [trial for trial in trials if trial.leak]
        if options["json"]:
            shown = {"isolated": not leaks, "trials": as_rows(trials)}
            self.stdout.write(json.dumps(shown))
        else:
            for trial in trials:
                mark = "LEAK" if trial.leak else "ok"
                self.stdout.write(
                    f"{mark:5}{trial.what:42} {trial.how:22} {trial.seen}"
                )
            self.stdout.write(f"{len(trials)} trials, {len(leaks)} leaks")
        if leaks:
            raise SystemExit(1)
