"""`verify_ledger`: is every entry as it was sealed?"""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from ledger.commands import HouseCommand
from ledger.errors import NoSigningKey
from ledger.signing import known_keys
from ledger.tenants import known_tenant, tenant_by_slug
from ledger.verify import Report, verify_all, verify_tenant


class Command(HouseCommand):
    help = (
        "Check every entry against its leaf, the tree against its signed checkpoints, "
        "and these against LEDGER_ANCHOR_DIR. Exit 0: whole. Exit 1: the first bad "
        "entry is named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG_OR_ID", help="one tenant only")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not known_keys():
            raise CommandError(
                f"{NoSigningKey.__doc__} Set LEDGER_VERIFIER_KEYS to check signatures."
            )
        tenant = options["tenant"]
        reports = [verify_tenant(_tenant(tenant))] if tenant else list(verify_all())
        whole = not any(report.findings for report in reports)
        if options["json"]:
            self.stdout.write(json.dumps(_document(reports, whole), default=str))
        else:
            self._tell(reports)
        if not whole:
            raise SystemExit(1)

    def _tell(self, reports: list[Report]) -> None:
        for report in reports:
            state = f"{len(report.findings)} FINDINGS" if report.findings else "whole"
            self.stdout.write(
                f"{report.tenant}  {report.entries} entries, {report.checkpoints} "
                f"checkpoints, {report.witnessed} witness notes: {state}"
            )
            for finding in report.findings:
                self.stdout.write(f"  {finding}")
        if not reports:
            self.stdout.write("The ledger is empty.")


def _tenant(text: str) -> UUID:
    try:
        found = known_tenant(UUID(text))
    except ValueError:
        found = tenant_by_slug(text)
    if found is None:
        raise CommandError(f"There is no tenant {text!r}.")
    return found


def _document(reports: list[Report], whole: bool) -> dict[str, Any]:
    findings = [asdict(f) for report in reports for f in report.findings]
    return {
        "whole": whole,
        "first": findings[0] if findings else None,
        "tenants": [asdict(report) for report in reports],
    }
