"""`simulate`: tenants, accounts and days in virtual time, on the real code."""

import json
import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any

from django.core.management.base import CommandError

from config.worlds.days import Asked, lived
from config.worlds.ground import NoGround
from config.worlds.report import Report, report_on
from config.worlds.shown import lines, page
from ledger.commands import HouseCommand, count_up_to


class Command(HouseCommand):
    help = (
        "Live a number of days in virtual time, in a database of its own, and tell the "
        "feed, the spend, the autonomy rate, and every law that was broken. Exit 1 if "
        "one was."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenants", type=count_up_to(100), default=2, metavar="N")
        parser.add_argument(
            "--accounts", type=count_up_to(10_000), default=10, metavar="M"
        )
        parser.add_argument("--days", type=count_up_to(730), default=7, metavar="D")
        parser.add_argument("--seed", type=int, metavar="S", help="default: by lot")
        parser.add_argument(
            "--signals",
            type=float,
            default=0.5,
            metavar="X",
            help="of each account in a day (default 0.5)",
        )
        parser.add_argument(
            "--faults",
            action="store_true",
            help="lost, repeated and shuffled messages, processes that die or sleep, "
            "a tool that acts and hangs up, kill switches",
        )
        parser.add_argument("--json", action="store_true", help="answer as JSON")
        parser.add_argument("--html", metavar="F", help="write a page with charts too")

    def handle(self, *args: Any, **options: Any) -> None:
        seed = options["seed"]
        asked = Asked(
            tenants=options["tenants"],
            accounts=options["accounts"],
            days=options["days"],
            seed=SystemRandom().randrange(2**31) if seed is None else seed,
            faults=options["faults"],
            a_day=options["signals"],
        )
        is_told = options["verbosity"] > 1 or self.stderr.isatty()
        try:
            with (
                _quiet(),
                lived(asked, self.stderr.write if is_told else _nothing) as world,
            ):
                report = report_on(world)
        except NoGround as problem:
            raise CommandError(str(problem)) from problem
        self._tell(report, as_json=options["json"])
        if options["html"]:
            Path(options["html"]).write_text(page(report), encoding="utf-8")
        if report.broken_laws:
            raise SystemExit(1)

    def _tell(self, report: Report, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report.stated()))
            return
        for line in lines(report):
            self.stdout.write(line)


def _nothing(line: str) -> None:
    """Nobody watches."""


@contextmanager
def _quiet() -> Iterator[None]:
    """A world's warnings are counted in its report; only the house's own are logged."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
