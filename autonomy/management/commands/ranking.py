"""`ranking`: models of a tenant or of the house: which there are, which ranks, and back."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from autonomy.learning import gating, house, registry
from autonomy.models import HouseRanking, Ranking
from ledger.commands import HouseCommand
from ledger.scope import tenant_scope
from perception.members import find_member
from perception.rules.callers import Caller
from perception.rules.roles import Role
from perception.tenants import find_tenant

Options = Mapping[str, Any]
OPEN = (Ranking.Status.CANDIDATE, Ranking.Status.SHADOW)


class Command(HouseCommand):
    help = (
        "Examples: ranking list --tenant demo-1;  "
        "ranking promote --tenant demo-1 --version logistic-… --as admin@…;  "
        "ranking rollback --tenant demo-1 --as admin@…;  ranking promote --house"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="models of a tenant")
        up = verbs.add_parser(
            "promote", help="a candidate to SHADOW; what is in SHADOW through the gate"
        )
        up.add_argument("--version", metavar="VERSION", help="else the newest")
        back = verbs.add_parser("rollback", help="back to what ranked before")
        for each in (up, back):
            each.add_argument("--as", dest="who", metavar="EMAIL", help="an admin")
        for each in verbs.choices.values():
            whose = each.add_mutually_exclusive_group(required=True)
            whose.add_argument("--tenant", metavar="SLUG")
            whose.add_argument(
                "--house", action="store_true", help="for tenants without a model"
            )
            each.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        said = self._of_house(options) if options["house"] else self._own(options)
        text = json.dumps(said, indent=2) if options["json"] else said["said"]
        self.stdout.write(text)

    def _own(self, options: Options) -> dict[str, Any]:
        with tenant_scope(find_tenant(options["tenant"])):
            said: dict[str, Any] = getattr(self, f"do_{options['verb']}")(options)
        return said

    def _of_house(self, options: Options) -> dict[str, Any]:
        if options.get("who"):
            raise CommandError("Models of the house are an operator's: leave out --as.")
        return HOUSE[options["verb"]](options)

    def do_list(self, options: Options) -> dict[str, Any]:
        return _listed(Ranking.objects.order_by("-id"))

    def do_promote(self, options: Options) -> dict[str, Any]:
        by, now = _caller(options), timezone.now()
        held = _chosen(options["version"])
        if held.status == Ranking.Status.CANDIDATE:
            registry.shadow(held.version, by=by, now=now)
            said = f"{held.version} scores what is decided, without effect."
            return {"version": held.version, "status": "SHADOW", "said": said}
        gate = gating.judge(held, now=now)
        registry.activate(held.version, gate, by=by, now=now)
        said = f"{held.version} ranks from now on."
        return {"version": held.version, "status": "ACTIVE", "gate": gate, "said": said}

    def do_rollback(self, options: Options) -> dict[str, Any]:
        version = registry.roll_back(by=_caller(options), now=timezone.now())
        return {"version": version, "said": f"{version} ranks again."}


def _listed(rows: Iterable[Ranking | HouseRanking]) -> dict[str, Any]:
    models = [
        {
            "version": each.version,
            "status": each.status,
            "provenance": each.provenance,
            "gate": each.gate,
        }
        for each in rows
    ]
    lines = [f"{each['version']}  {each['status']}" for each in models]
    return {"models": models, "said": "\n".join(lines) or "There are none."}


def _house_list(options: Options) -> dict[str, Any]:
    return _listed(HouseRanking.objects.order_by("-made_at"))


def _house_promote(options: Options) -> dict[str, Any]:
    now, version = timezone.now(), options["version"]
    open_ = HouseRanking.objects.filter(status__in=OPEN).order_by("-made_at")
    held = house.found(version) if version else open_.first()
    if held is None:
        raise CommandError("There is no candidate to promote.")
    if held.status == Ranking.Status.CANDIDATE:
        house.shadow(held.version, now=now)
        said = f"{held.version} scores where learning is shared, without effect."
        return {"version": held.version, "status": "SHADOW", "said": said}
    gate = house.judge(held, now=now)
    house.activate(held.version, gate, now=now)
    said = f"{held.version} ranks from now on where there is no other."
    return {"version": held.version, "status": "ACTIVE", "gate": gate, "said": said}


def _house_rollback(options: Options) -> dict[str, Any]:
    version = house.roll_back(now=timezone.now())
    return {"version": version, "said": f"{version} ranks again."}


HOUSE: Mapping[str, Callable[[Options], dict[str, Any]]] = {
    "list": _house_list,
    "promote": _house_promote,
    "rollback": _house_rollback,
}


def _chosen(version: str | None) -> Ranking:
    """The one that is named, or the newest that could move on."""
    if version:
        return registry.found(version)
    held = Ranking.objects.filter(status__in=OPEN).order_by("-id").first()
    if held is None:
        raise CommandError("There is no candidate to promote.")
    return held


def _caller(options: Options) -> Caller | None:
    """Whoever is named, if they are an admin; an operator otherwise."""
    if not options["who"]:
        return None
    member = find_member(options["who"])
    if member.role != Role.ADMIN:
        raise CommandError(f"{options['who']} is {member.role} here.")
    return Caller(tenant=member.tenant_id, membership=member.id, role=Role(member.role))
