"""`kill_switch`: stop what runs by itself, let it go again, list and prove stops."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from autonomy.certificate import certify
from autonomy.models import KillSwitch
from autonomy.rules.switches import Scope
from autonomy.switchboard import HOLD, Wanted, engage, release, target_of
from ledger.commands import HouseCommand, an_id, count_up_to
from ledger.record import Actor
from ledger.scope import PLATFORM, tenant_scope
from perception.tenants import find_tenant

Said = Sequence[dict[str, Any]]
LONGEST = 30 * 86_400
OPERATOR = Actor(type="system", id="operator")


class Command(HouseCommand):
    help = (
        "Without --tenant the whole house is meant; with it that tenant, or one "
        "account, seller, action type, tool, connector or plan type of it.  Examples: "
        "kill_switch on --reason 'wrong prices';  "
        "kill_switch on --tenant demo-1 --action-type draft_email --reason typos;  "
        "kill_switch off --tenant demo-1 --reason mended;  kill_switch list"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["on", "off", "list", "certificate"])
        parser.add_argument("--tenant", metavar="SLUG")
        what = parser.add_mutually_exclusive_group()
        for scope in Scope:
            if scope not in (Scope.GLOBAL, Scope.TENANT):
                what.add_argument(f"--{scope.value.replace('_', '-')}", metavar="ID")
        parser.add_argument("--id", type=an_id, help="one switch, for off, certificate")
        parser.add_argument("--reason")
        parser.add_argument(
            "--hold",
            type=count_up_to(LONGEST, least=0),
            default=int(HOLD.total_seconds()),
            metavar="SECONDS",
            help="how long after off everything is only proposed",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] in ("on", "off") and not (options["reason"] or "").strip():
            raise CommandError("Say why, with --reason.")
        if len(options["reason"] or "") > 300:
            raise CommandError("--reason takes at most 300 letters.")
        slug = options["tenant"]
        with tenant_scope(find_tenant(slug) if slug else PLATFORM):
            said = getattr(self, f"do_{options['verb']}")(options)
        self.say(said, as_json=options["json"])

    def do_on(self, options: Mapping[str, Any]) -> Said:
        scope, target = self.scope(options)
        wanted = Wanted(scope=scope, target=target, reason=options["reason"])
        return [_shown(engage(wanted, by=OPERATOR, now=timezone.now()))]

    def do_off(self, options: Mapping[str, Any]) -> Said:
        """One switch by id, or every one of the scope that is not yet released."""
        rows = KillSwitch.objects.filter(full_at=None)
        if options["id"]:
            rows = KillSwitch.objects.filter(pk=options["id"])
        else:
            scope, target = self.scope(options)
            wanted = Wanted(scope=scope, target=target, reason=options["reason"])
            rows = rows.filter(scope=scope.value, target=target_of(wanted))
        hold = timedelta(seconds=options["hold"])
        released = [
            release(id_, options["reason"], by=OPERATOR, hold=hold)
            for id_ in rows.values_list("id", flat=True)
        ]
        if not released:
            raise CommandError("No such switch is on. `kill_switch list` shows all.")
        return [_shown(switch) for switch in released]

    def do_list(self, options: Mapping[str, Any]) -> Said:
        return [_shown(switch) for switch in KillSwitch.objects.order_by("-id")[:100]]

    def do_certificate(self, options: Mapping[str, Any]) -> Said:
        switch = KillSwitch.objects.filter(pk=options["id"]).first()
        if switch is None:
            raise CommandError(
                "Name the switch with --id. `kill_switch list` has them."
            )
        return [certify(switch)]

    def scope(self, options: Mapping[str, Any]) -> tuple[Scope, str]:
        named = [(scope, options.get(scope.value)) for scope in Scope]
        scope, target = next(
            ((s, t) for s, t in named if t and s is not Scope.TENANT), (None, "")
        )
        if scope is None:
            return (Scope.TENANT if options["tenant"] else Scope.GLOBAL), ""
        if not options["tenant"]:
            raise CommandError(f"--{scope.value.replace('_', '-')} needs --tenant.")
        return scope, target

    def say(self, said: Said, *, as_json: bool) -> None:
        if as_json or (said and "signature" in said[0]):
            self.stdout.write(json.dumps(said, indent=2))
            return
        if not said:
            self.stdout.write("No kill switch was ever on here.")
        for switch in said:
            self.stdout.write(
                f"{switch['status']:9}  {switch['scope']} {switch['target']}".rstrip()
                + f"  since {switch['committed_at']}  {switch['id']}\n"
                f"           {switch['reason']}"
            )


def _shown(switch: KillSwitch) -> dict[str, Any]:
    over = switch.full_at is not None and switch.full_at <= timezone.now()
    status = "released" if over else "returning" if switch.full_at else "on"
    return {
        "id": str(switch.id),
        "scope": switch.scope,
        "target": switch.target,
        "status": status,
        "reason": switch.reason,
        "committed_at": switch.committed_at.isoformat(),
        "full_at": switch.full_at.isoformat() if switch.full_at else None,
    }
