"""`prove`: a bundle that proves one act offline, or the key to check it with."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from autonomy.policies import texts_of
from ledger.commands import HouseCommand, an_id
from ledger.models import Entry
from ledger.prove import prove_act
from ledger.scope import system_scope, tenant_scope
from ledger.signing import public_key


class Command(HouseCommand):
    help = (
        "Print the proof bundle of an execution, or with --key the public key. "
        "Check it with: python tools/verify_bundle.py bundle.json --key PUB"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--execution", type=an_id, metavar="ID")
        what.add_argument("--key", action="store_true", help="print the public key")
        parser.add_argument(
            "--json", action="store_true", help="the bundle is JSON in any case"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["key"]:
            self.stdout.write(public_key())
        else:
            self.stdout.write(_bundle(options["execution"]), ending="")


def _bundle(execution: UUID) -> str:
    with system_scope("find the tenant of an execution"):
        entry = Entry.objects.filter(execution_id=execution).first()
    if entry is None:
        raise CommandError(f"The ledger knows no execution {execution}.")
    with tenant_scope(entry.tenant_id):
        return prove_act(execution, texts_of).decode()
