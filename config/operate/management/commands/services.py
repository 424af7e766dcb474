"""`services`: the embedded Postgres and Redis."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import embedded


class Command(BaseCommand):
    help = "Start, stop or show the embedded Postgres and Redis."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["up", "down", "status"])
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        var = settings.VAR_DIR
        try:
            if options["verb"] == "up":
                embedded.up(var)
            elif options["verb"] == "down":
                embedded.down(var)
            found = embedded.status(var)
        except embedded.EmbeddedError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            shown = [asdict(one) | {"home": str(one.home)} for one in found]
            self.stdout.write(json.dumps({"services": shown}))
            return
        for one in found:
            state = f"running, pid {one.pid}" if one.running else "stopped"
            self.stdout.write(f"{one.name:9} {state:22} {one.address}  {one.home}")
