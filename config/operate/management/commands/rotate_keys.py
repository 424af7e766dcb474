"""`rotate_keys`: what older keys sealed is sealed with the newest."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from config.rekeying import rotate
from ledger.commands import HouseCommand
from perception.tenants import find_tenant


class Command(HouseCommand):
    help = (
        "Seal every secret at rest with the first of FIELD_KEYS. May be stopped and "
        "asked again at any time. Exit 1 where no live key opens something."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="only what is theirs")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["tenant"]
        tenant = find_tenant(slug) if slug else None
        counts = rotate(tenant=tenant, now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(each) for each in counts]))
        else:
            for each in counts:
                self.stdout.write(
                    f"{each.column:26} {each.resealed} sealed again of {each.seen}, "
                    f"{each.unreadable} that no live key opens"
                )
        if any(each.unreadable for each in counts):
            raise SystemExit(1)
