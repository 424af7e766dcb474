"""`bench`: figures of this machine, as ratios and medians."""

import json
import platform
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from config import embedded
from ledger.commands import HouseCommand

FOLDER = Path(__file__).resolve().parents[4] / "bench"
# They fill tables with millions of rows, and empty them again.
LAST = ("feed", "watch")


class Command(HouseCommand):
    help = "Run the project's benchmarks, or those that are named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME")
        parser.add_argument("--json", action="store_true", help="answer as JSON")
        parser.add_argument(
            "--keep",
            action="store_true",
            help="renew their lines in docs/benchmarks.md",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        known = sorted(path.stem for path in FOLDER.glob("*.py"))
        unknown = sorted(set(options["names"]) - set(known))
        if unknown:
            raise CommandError(
                f"No benchmark {unknown[0]!r}: there is {', '.join(known)}."
            )
        # Whoever ends this ends all that it started.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        page, records = import_module("bench.parts.page"), dict[str, Any]()
        with _services():
            call_command("migrate", verbosity=0)
            for name in sorted(options["names"] or known, key=_turn):
                records[name] = _measured(name, page)
                # At once: whatever comes later may break.
                if options["keep"]:
                    page.keep({name: records[name]})
        if options["json"]:
            figures = {name: record["figures"] for name, record in records.items()}
            self.stdout.write(json.dumps(figures))
            return
        for name, record in records.items():
            for what, figure in record["figures"].items():
                self.stdout.write(f"{name:10} {what:40} {page.shown(figure)}")
        self.stdout.write("")
        self.stdout.write(page.as_text(page.load() if options["keep"] else records))


def _turn(name: str) -> tuple[bool, str]:
    return name in LAST, name


def _measured(name: str, page: Any) -> Any:
    began = time.monotonic()
    figures = import_module(f"bench.{name}").run()
    took = time.monotonic() - began
    return page.recorded(
        name, figures, on=timezone.now(), took=took, versions=_versions()
    )


@contextmanager
def _services() -> Iterator[None]:
    started = (
        embedded.up(settings.VAR_DIR) if settings.ENV.embedded_postgres else frozenset()
    )
    try:
        yield
    finally:
        if started:
            embedded.down(settings.VAR_DIR)


def _versions() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (postgres,) = cursor.fetchone()
    packages = ", ".join(f"{name} {version(name)}" for name in ("Django", "celery"))
    return f"Python {platform.python_version()}, {packages}, Postgres {postgres}"
