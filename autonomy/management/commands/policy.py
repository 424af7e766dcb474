"""`policy`: test bundles, try them on the past, bring them into force, go back."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import CommandError
from django.utils import timezone

from autonomy import policies, profiles, simulate
from autonomy.errors import BundleRefused
from autonomy.models import Bundle, Simulation
from autonomy.policy import compiled, read, shipped
from autonomy.rules.catalogue import CORE
from autonomy.rules.data import MINIMUM
from autonomy.rules.modes import MODES
from autonomy.rules.theorems import broken
from ledger.commands import HouseCommand, count_up_to
from ledger.scope import tenant_scope
from perception.members import find_member
from perception.rules.callers import Caller
from perception.rules.roles import Role
from perception.tenants import find_tenant

DAY, FURTHEST = 86_400, 3650
SIGNERS = (Role.ADMIN, Role.APPROVER)
Options = Mapping[str, Any]
Said = dict[str, Any]


class Command(HouseCommand):
    help = (
        "Examples: policy test bundle.yaml;  "
        "policy simulate --tenant demo-1 --days 7 --bundle bundle.yaml;  "
        "policy save bundle.yaml --tenant demo-1 --as admin@demo-1.example;  "
        "policy activate --tenant demo-1 --as admin@demo-1.example --version sha256:…;  "
        "policy rollback --tenant demo-1 --as admin@demo-1.example"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        test = verbs.add_parser("test", help="compile, run its tests and the theorems")
        test.add_argument("bundle", nargs="*", metavar="FILE", help="else the shipped")
        trial = verbs.add_parser("simulate", help="judge recorded intents again")
        trial.add_argument("--tenant", required=True, metavar="SLUG")
        trial.add_argument("--bundle", metavar="FILE", help="else what was in force")
        trial.add_argument("--days", type=count_up_to(FURTHEST), default=7)
        trial.add_argument("--from", dest="begin", metavar="ISO")
        trial.add_argument("--to", dest="end", metavar="ISO")
        trial.add_argument(
            "--mode", choices=MODES, help="as if this were the tenant's mode"
        )
        self._bound(verbs.add_parser("save", help="keep a version")).add_argument(
            "bundle", metavar="FILE"
        )
        self._bound(verbs.add_parser("activate", help="bring into force")).add_argument(
            "--version", required=True
        )
        self._bound(verbs.add_parser("rollback", help="go back to the one before"))
        listed = verbs.add_parser("list", help="versions of a tenant")
        listed.add_argument("--tenant", required=True, metavar="SLUG")
        install = verbs.add_parser(
            "profile", help="install routine_outreach for a type; an admin signs it"
        )
        install.add_argument("--tenant", required=True, metavar="SLUG")
        install.add_argument("--action-type", required=True)
        install.add_argument(
            "--hold", type=count_up_to(DAY, least=0), default=600, metavar="SECONDS",
            help="at most a day",
        )  # fmt: skip
        for each in verbs.choices.values():
            each.add_argument("--json", action="store_true")

    def _bound(self, parser: ArgumentParser) -> ArgumentParser:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--as", dest="who", required=True, metavar="EMAIL")
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            said = getattr(self, f"do_{options['verb']}")(options)
        except BundleRefused as refusal:
            raise CommandError(
                "\n".join(
                    f"{fault.where}, line {fault.line}, column {fault.column}: "
                    f"{fault.message}"
                    for fault in refusal.faults
                )
            ) from refusal
        text = json.dumps(said, indent=2) if options["json"] else said["said"]
        self.stdout.write(text)

    def do_test(self, options: Options) -> Said:
        files = [Path(name) for name in options["bundle"]]
        sources = [read(_yaml(path)) for path in files] or [shipped()]
        for source in sources:
            checked = compiled(source)
            found = [*checked.failures()]
            found += [
                f"“{each.theorem}” is false: {dict(each.case)}"
                for each in broken(checked, list(CORE.values()), [MINIMUM])
            ]
            if found:
                raise CommandError("\n".join(found))
        tests = sum(len(source.tests) for source in sources)
        names = ", ".join(f"{each.name} ({each.version[:19]})" for each in sources)
        return {
            "bundles": [source.version for source in sources],
            "tests": tests,
            "said": f"{names}: {tests} tests pass, all theorems hold.",
        }

    def do_simulate(self, options: Options) -> Said:
        tenant = find_tenant(options["tenant"])
        end = _moment(options["end"]) or timezone.now()
        begin = _moment(options["begin"]) or end - timedelta(days=options["days"])
        if begin >= end:
            raise CommandError("The stretch must end after it begins.")
        wanted: dict[str, Any] = {}
        if options["bundle"]:
            source = compiled(read(_yaml(Path(options["bundle"])))).source
            wanted = {"bundle_version": source.version, "bundle_source": source.plain()}
        if options["mode"]:
            wanted["modes"] = [{"mode": options["mode"]}]
        now = timezone.now()
        with tenant_scope(tenant):
            asked = simulate.ask_for(begin, end, wanted, by=None, now=now)
        simulate.run(asked.id, tenant=tenant, now=now, watch=self.progressed)
        self.stderr.write("")
        with tenant_scope(tenant):
            report = Simulation.objects.get(pk=asked.id).report or {}
        return {**report, "said": _summary(report)}

    def progressed(self, share: float) -> None:
        """A bar on a terminal, a line where there is none."""
        filled = round(share * 40)
        self.stderr.write(
            f"\r[{'#' * filled}{'.' * (40 - filled)}] {share:4.0%}", ending=""
        )
        self.stderr.flush()

    def do_save(self, options: Options) -> Said:
        plain = _yaml(Path(options["bundle"]))
        with self.entered(options) as caller:
            saved = policies.save_bundle(plain, by=caller, now=timezone.now())
        return {"version": saved.version, "said": f"saved {saved.version}"}

    def do_activate(self, options: Options) -> Said:
        with self.entered(options) as caller:
            bundle = Bundle.objects.filter(version=options["version"]).first()
            if bundle is None:
                raise CommandError(
                    "No bundle has this version. `policy list` has them."
                )
            made = policies.activate(
                bundle, simulation=None, by=caller, now=timezone.now()
            )
        said = f"{bundle.version} is in force"
        if made.in_force_at is None:
            said = f"{bundle.version} widens autonomy: another person must activate it"
        return {
            "version": bundle.version,
            "in_force": bool(made.in_force_at),
            "said": said,
        }

    def do_rollback(self, options: Options) -> Said:
        with self.entered(options) as caller:
            earlier = policies.roll_back(by=caller, now=timezone.now())
            version = earlier.bundle.version if earlier else shipped().version
        return {"version": version, "said": f"{version} is in force again"}

    def do_list(self, options: Options) -> Said:
        with tenant_scope(find_tenant(options["tenant"])):
            held = policies.in_force()
            rows = list(Bundle.objects.order_by("-id"))
        current = held.bundle.version if held else shipped().version
        lines = [f"{row.version}  {row.name}" for row in rows]
        if shipped().version not in [row.version for row in rows]:
            lines.append(f"{shipped().version}  {shipped().name} (as shipped)")
        marked = [
            f"{'*' if line.startswith(current) else ' '} {line}" for line in lines
        ]
        return {"in_force": current, "said": "\n".join(marked)}

    def do_profile(self, options: Options) -> Said:
        with tenant_scope(find_tenant(options["tenant"])):
            made = profiles.install(
                options["action_type"],
                hold_seconds=options["hold"],
                now=timezone.now(),
            )
        return {
            "id": str(made.id),
            "said": f"{made} is installed; an admin of {options['tenant']} signs it",
        }

    @contextmanager
    def entered(self, options: Options) -> Iterator[Caller]:
        """The tenant, as one of its members: a command signs with a name too."""
        with tenant_scope(find_tenant(options["tenant"])):
            member = find_member(options["who"])
            may = SIGNERS if options["verb"] == "activate" else (Role.ADMIN,)
            if member.role not in may:
                raise CommandError(f"{options['who']} is {member.role} here.")
            yield Caller(
                tenant=member.tenant_id, membership=member.id, role=Role(member.role)
            )


def _yaml(path: Path) -> Mapping[str, Any]:
    try:
        plain = yaml.safe_load(path.read_text())
    except (ValueError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise CommandError(f"{path} cannot be read: {said}.") from error
    if not isinstance(plain, Mapping):
        raise CommandError(f"{path} holds no bundle.")
    return plain


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no moment, as 2026-11-01T00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _summary(report: Mapping[str, Any]) -> str:
    rows = [
        f"  {was:17}" + "".join(f"{count:>18}" for count in counts.values())
        for was, counts in report["matrix"].items()
    ]
    head = "  was \\ would be   " + "".join(f"{name:>18}" for name in report["matrix"])
    judged = (
        f"{report['judged']} intents judged, {report['unevaluable']} could not be, "
        f"{report['differences']} differ."
    )
    saved = (
        f"{report['newly_autonomous_total']} would newly run by themselves; "
        f"approvals saved: {report['approvals_saved']} "
        f"({report['approvals_saved_per_person_and_day']} per person and day)."
    )
    return "\n".join([judged, head, *rows, saved])
