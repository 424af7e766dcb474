"""`token`: issue and revoke API tokens."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from ledger.commands import HouseCommand, an_id, count_up_to
from ledger.scope import tenant_scope
from perception import tokens
from perception.members import find_member
from perception.models import ApiToken, Membership
from perception.rules.roles import Role
from perception.tenants import find_tenant


class Command(HouseCommand):
    help = (
        "Issue a token, shown this once, or revoke one.  Examples: "
        "token create --tenant demo-1 --role admin;  "
        "token revoke --tenant demo-1 --id 0198…"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="issue a token")
        create.add_argument("--tenant", required=True, metavar="SLUG")
        create.add_argument(
            "--role",
            required=True,
            type=str.upper,
            choices=[role.value for role in Role],
        )
        create.add_argument("--user", metavar="EMAIL", help="whose; else the first")
        create.add_argument("--days", type=count_up_to(3650), default=90)
        create.add_argument("--json", action="store_true")
        revoke = verbs.add_parser("revoke", help="revoke a token for good")
        revoke.add_argument("--tenant", metavar="SLUG", help="only needed with --id")
        what = revoke.add_mutually_exclusive_group(required=True)
        what.add_argument("--id", type=an_id)
        what.add_argument("--token", help="the token itself")
        revoke.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        said = getattr(self, options["verb"])(options)
        if options["json"]:
            self.stdout.write(json.dumps(said))
        else:
            self.stdout.write(str(said.get("token") or f"revoked {said['revoked']}"))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        with tenant_scope(find_tenant(options["tenant"])):
            member = self._member(options)
            text = tokens.issue(member, days=options["days"], now=timezone.now())
            made = ApiToken.objects.order_by("-id").values_list("id", flat=True)[0]
        return {"token": text, "id": str(made), "role": member.role}

    def revoke(self, options: dict[str, Any]) -> dict[str, Any]:
        now = timezone.now()
        if options["token"]:
            with tenant_scope(tokens.tenant_of(options["token"])):
                id_ = tokens.id_of(options["token"])
                tokens.revoke(id_, now=now)
            return {"revoked": str(id_)}
        if not options["tenant"]:
            raise CommandError("--id needs --tenant.")
        with tenant_scope(find_tenant(options["tenant"])):
            if not tokens.revoke(options["id"], now=now):
                raise CommandError("There is no such token that is still live.")
        return {"revoked": str(options["id"])}

    def _member(self, options: dict[str, Any]) -> Membership:
        if options["user"]:
            named = find_member(options["user"])
            if named.role != options["role"]:
                raise CommandError(f"{options['user']} is {named.role} here.")
            return named
        found = Membership.objects.filter(role=options["role"], is_active=True)
        member = found.order_by("id").first()
        if member is None:
            raise CommandError(f"Nobody in {options['tenant']} is {options['role']}.")
        return member
