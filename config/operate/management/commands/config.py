"""`config`: a tenant's configuration as a file; what it would change; applied."""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from config.as_code.applying import apply
from config.as_code.errors import FileRefused
from config.as_code.planning import plan, tried
from config.as_code.standing import standing
from config.as_code.told import applied, compared, exported, planned, refused, stated
from ledger.commands import HouseCommand
from ledger.scope import tenant_scope
from perception.tenants import find_tenant

DIFFERS = 2
Options = Mapping[str, Any]


class Command(HouseCommand):
    help = (
        "Examples: config export --tenant demo-1 > demo-1.yaml;  "
        "config plan --tenant demo-1 --file demo-1.yaml;  "
        "config apply --tenant demo-1 --file demo-1.yaml --as admin@demo-1.example "
        "--expect sha256:….  "
        "plan ends with 0 where there is nothing to do, 2 with changes, 1 with an error."
    )
    differs = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="write what is set as YAML")
        export.add_argument("--file", metavar="F", help="else to standard output")
        verbs.add_parser("plan", help="show what a file would change")
        does = verbs.add_parser("apply", help="do what the plan shows")
        does.add_argument("--as", dest="who", required=True, metavar="EMAIL")
        does.add_argument(
            "--expect", default="", metavar="DIGEST", help="refuse where it is another"
        )
        does.add_argument("--allow-widening", action="store_true")
        for name, each in verbs.choices.items():
            each.add_argument("--tenant", required=True, metavar="SLUG")
            if name != "export":
                each.add_argument("--file", metavar="F", default="-", help="- is input")
                each.add_argument("--json", action="store_true")

    def run_from_argv(self, argv: list[str]) -> None:
        """A wrong option is an error, 1: 2 says that there are changes."""
        try:
            super().run_from_argv(argv)
        except SystemExit as end:
            if end.code == DIFFERS and not self.differs:
                raise SystemExit(1) from end
            raise

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lines = getattr(self, f"do_{options['verb']}")(options)
        except FileRefused as refusal:
            raise CommandError("\n".join(refused(refusal.faults))) from refusal
        if lines:
            self.stdout.write("\n".join(lines))
        if self.differs:
            sys.exit(DIFFERS)

    def do_export(self, options: Options) -> list[str]:
        with tenant_scope(find_tenant(options["tenant"])):
            text = exported(options["tenant"], standing())
        if options["file"] in (None, "-"):
            self.stdout.write(text, ending="")
            return []
        Path(options["file"]).write_text(text, encoding="utf-8")
        return [f"Written to {options['file']}."]

    def do_plan(self, options: Options) -> list[str]:
        slug, text = options["tenant"], _text(options["file"])
        tenant = find_tenant(slug)
        with tenant_scope(tenant):
            made = plan(text, os.environ)
        if made.faults:
            raise FileRefused(made.faults)
        if not made.changes:
            return _said(options, stated(slug, made), planned(slug, made))
        with tenant_scope(tenant):
            seen, aside = tried(made, now=timezone.now())
        self.differs = True
        more = " --allow-widening" if made.widens else ""
        named = f"--tenant {slug} --file {options['file']} --as EMAIL"
        lines = [
            *planned(slug, made),
            *compared(seen, aside),
            f"Next: config apply {named} --expect {made.digest}{more}",
        ]
        return _said(options, stated(slug, made, seen, aside), lines)

    def do_apply(self, options: Options) -> list[str]:
        slug = options["tenant"]
        made = apply(
            _text(options["file"]),
            tenant=find_tenant(slug),
            who=options["who"],
            environment=os.environ,
            expect=options["expect"],
            may_widen=options["allow_widening"],
            now=timezone.now(),
        )
        return _said(options, stated(slug, made), applied(slug, made))


def _said(options: Options, plain: dict[str, Any], lines: list[str]) -> list[str]:
    return [json.dumps(plain, indent=2)] if options["json"] else lines


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{name} cannot be read: {error}.") from error
