"""`undo`: take an act back, or everything since a moment."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from autonomy import sweep as sweeps
from autonomy import undo as undos
from autonomy.models import Execution
from ledger.commands import HouseCommand, an_id
from ledger.record import Actor
from ledger.scope import system_scope, tenant_scope
from perception.models import Account, Tenant

OPERATOR = Actor(type="system", id="operator")


class Command(HouseCommand):
    help = (
        "Examples: undo --execution 0198… --reason 'Wrong account';  "
        "undo --tenant acme --since 2026-11-21T08:00 --reason 'Bad policy'"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--execution", type=an_id, help="one act")
        what.add_argument("--since", type=_moment, help="everything since then (UTC)")
        parser.add_argument("--tenant", help="slug; needed with --since")
        parser.add_argument("--account", help="id or external id; only of this one")
        parser.add_argument(
            "--all", action="store_true", help="also what people had approved"
        )
        parser.add_argument("--reason", required=True)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        shown = self._one(options) if options["execution"] else self._all(options)
        if options["json"]:
            self.stdout.write(json.dumps(shown, indent=2))
            return
        for name, value in shown.items():
            self.stdout.write(f"{name:9} {value}")

    def _one(self, options: dict[str, Any]) -> dict[str, Any]:
        with system_scope("find an execution"):
            rows = Execution.objects.filter(pk=options["execution"])
            tenant = rows.values_list("tenant_id", flat=True).first()
        if tenant is None:
            raise CommandError("No act has this id.")
        with tenant_scope(tenant):
            undo = undos.request(
                options["execution"], by=OPERATOR, member=None, reason=options["reason"]
            )
        return {"undo": str(undo.id), "status": str(undo.status), "error": undo.error}

    def _all(self, options: dict[str, Any]) -> dict[str, Any]:
        with system_scope("find a tenant"):
            tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError("Name the tenant by its slug: --tenant.")
        with tenant_scope(tenant.id):
            sweep = sweeps.request(
                options["since"],
                account=_account(options["account"]),
                only_automatic=not options["all"],
                reason=options["reason"],
                by=OPERATOR,
                member=None,
            )
            ended = dict(sweeps.counted(sweeps.one(sweep.id)))
        return {"sweep": str(sweep.id), "status": str(sweep.status), "undos": ended}


def _account(named: str | None) -> UUID | None:
    if named is None:
        return None
    accounts = Account.objects.all()
    try:
        found = accounts.filter(pk=UUID(named))
    except ValueError:
        found = accounts.filter(external_id=named)
    account = found.first()
    if account is None:
        raise CommandError(f"There is no account {named!r}.")
    return account.id


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        said = f"{text!r} is no moment, as 2026-11-01T08:00"
        raise ArgumentTypeError(said) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
