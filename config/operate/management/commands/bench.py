"""`bench`: figures of this machine, as ratios and medians."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from config import embedded

FOLDER = Path(__file__).resolve().parents[4] / "bench"


class Command(BaseCommand):
    help = "Run the project's benchmarks, or those that are named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        known = sorted(path.stem for path in FOLDER.glob("*.py"))
        unknown = sorted(set(options["names"]) - set(known))
        if unknown:
            raise CommandError(
                f"No benchmark {unknown[0]!r}: there is {', '.join(known)}."
            )
        started = (
            embedded.up(settings.VAR_DIR)
            if settings.ENV.embedded_postgres
            else frozenset()
        )
        try:
            call_command("migrate", verbosity=0)
            figures = {
                name: import_string(f"bench.{name}.run")()
                for name in options["names"] or known
            }
        finally:
            if started:
                embedded.down(settings.VAR_DIR)
        if options["json"]:
            self.stdout.write(json.dumps(figures))
            return
        for name, found in figures.items():
            for what, figure in found.items():
                self.stdout.write(f"{name:10} {what:28} {_shown(figure)}")


def _shown(figure: Any) -> str:
    return figure if isinstance(figure, str) else f"{figure:>12,}"
