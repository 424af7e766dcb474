"""`doctor`: is this deployment sound, and what would mend it?"""

import json
from argparse import ArgumentParser
from typing import Any

from config.checkup import Finding, examine
from ledger.commands import HouseCommand


class Command(HouseCommand):
    help = (
        "Check configuration, roles, row-level security, clocks, heartbeats. "
        "Exit 1 when something is wrong; each red line says the remedy."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = examine()
        well = all(finding.ok for finding in findings)
        if options["json"]:
            shown = [vars(finding) for finding in findings]
            self.stdout.write(json.dumps({"ok": well, "checks": shown}))
        else:
            for finding in findings:
                self.stdout.write(self._line(finding))
        if not well:
            raise SystemExit(1)

    def _line(self, finding: Finding) -> str:
        if finding.ok:
            return f"{self.style.SUCCESS('ok ')} {finding.name}: {finding.seen}"
        remedy = f"\n     {finding.remedy}" if finding.remedy else ""
        return f"{self.style.ERROR('BAD')} {finding.name}: {finding.seen}{remedy}"
