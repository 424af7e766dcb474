"""`services`: the embedded Postgres and Redis."""

import contextlib
import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import psycopg2
from django.conf import settings
from django.core.management.base import CommandError

from config import embedded
from ledger.commands import HouseCommand


class Command(HouseCommand):
    help = "Start, stop or show the embedded Postgres and Redis."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["up", "down", "status", "sql"])
        parser.add_argument(
            "statement", nargs="?", help="with sql: what to run as the superuser"
        )
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        var = settings.VAR_DIR
        if options["verb"] == "sql":
            self._run(options["statement"] or "")
            return
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

    def _run(self, statement: str) -> None:
        """What an operator with every right could do; for the curious."""
        try:
            connection = psycopg2.connect(
                embedded.endpoints(settings.VAR_DIR).superuser_url()
            )
            with (
                contextlib.closing(connection),
                connection,
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)
                rows = cursor.fetchall() if cursor.description else []
                for row in rows:
                    self.stdout.write("  ".join(map(str, row)))
                self.stdout.write(cursor.statusmessage or "")
        except psycopg2.Error as error:
            raise CommandError(str(error).splitlines()[0]) from error
