"""`seed`: demo tenants to try everything on."""

import json
from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from config import sandbox
from config.seeding import seed
from ledger.commands import HouseCommand, count_up_to


class Command(HouseCommand):
    help = "Make demo tenants demo-1 to demo-N. Asked again, it adds what is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenants", type=count_up_to(100), default=1, metavar="N")
        parser.add_argument(
            "--accounts", type=count_up_to(100_000), default=20, metavar="N"
        )
        parser.add_argument(
            "--sandbox",
            action="store_true",
            help="with mails, meetings and signals of the last weeks",
        )
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        made = seed(
            how_many=options["tenants"],
            accounts=options["accounts"],
            now=timezone.now(),
        )
        for tenant in made["tenants"] if options["sandbox"] else ():
            sandbox.furnish(tenant["slug"], now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        for tenant in made["tenants"]:
            self.stdout.write(f"{tenant['slug']}  ({len(tenant['accounts'])} accounts)")
            for role, login in tenant["logins"].items():
                self.stdout.write(
                    f"  {role:12} {login['email']:32} {login['password']}"
                )
                self.stdout.write(f"  {'':12} {tenant['tokens'][role]}")
