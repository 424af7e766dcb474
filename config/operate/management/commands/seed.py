"""`seed`: demo tenants to try everything on."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from config.seeding import seed


class Command(BaseCommand):
    help = "Make demo tenants demo-1 to demo-N. Asked again, it adds what is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenants", type=int, default=1, metavar="N")
        parser.add_argument("--accounts", type=int, default=20, metavar="N")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        made = seed(
            how_many=options["tenants"],
            accounts=options["accounts"],
            now=timezone.now(),
        )
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
