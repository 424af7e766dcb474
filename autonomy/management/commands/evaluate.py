"""`evaluate`: how well a tenant's proposals are ranked, kept and told; candidates fitted."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from autonomy.learning import fitting, house, registry
from autonomy.learning.charts import page
from autonomy.learning.evaluating import DAYS, evaluate
from autonomy.learning.labels import labelled
from ledger.commands import HouseCommand, count_up_to
from ledger.scope import system_scope, tenant_scope
from perception.models import Tenant
from perception.tenants import find_tenant


class Command(HouseCommand):
    help = (
        "Examples: evaluate;  evaluate --tenant demo-1 --html report.html;  "
        "evaluate --tenant demo-1 --fit;  evaluate --house"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="else every tenant")
        parser.add_argument(
            "--days", type=count_up_to(3650), default=DAYS, help="how far back"
        )
        parser.add_argument("--html", metavar="FILE", help="write a page, too")
        parser.add_argument("--fit", action="store_true", help="fit a candidate first")
        parser.add_argument(
            "--house", action="store_true", help="fit a candidate for the house alone"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["html"] and not options["tenant"]:
            raise CommandError("A page is of one tenant: name it.")
        if options["house"]:
            self._of_house(options)
            return
        reports = {slug: self._of(id_, slug, options) for slug, id_ in _chosen(options)}
        if options["json"]:
            one = reports.get(options["tenant"], reports)
            self.stdout.write(json.dumps(one, indent=2))

    def _of_house(self, options: dict[str, Any]) -> None:
        """Fit what tenants share, as a candidate; or say why not."""
        if options["tenant"]:
            raise CommandError("Give --tenant or --house.")
        try:
            made = house.fit(now=timezone.now())
        except fitting.TooFew as few:
            raise CommandError(str(few)) from few
        said = made.provenance
        text = json.dumps({"version": made.version, "provenance": said}, indent=2)
        words = f"Fitted {made.version}: {said['rows']} choices of {said['tenants']} tenants."
        self.stdout.write(text if options["json"] else words)

    def _of(self, tenant: Any, slug: str, options: dict[str, Any]) -> dict[str, Any]:
        now = timezone.now()
        with tenant_scope(tenant):
            fitted = _fit(now) if options["fit"] else ""
            body: dict[str, Any] = evaluate(now=now, days=options["days"]).body
        if options["html"]:
            Path(options["html"]).write_text(page(body, slug), encoding="utf-8")
        if not options["json"]:
            whole = body["completeness"]
            self.stdout.write(
                f"{slug}: {body['clear']} of {body['choices']} choices are clear; "
                f"{whole['missing']} of {whole['ended']} that ended have no outcome. "
                f"{fitted}{body['says']}".rstrip()
            )
        return body


def _fit(now: Any) -> str:
    """Fit what is clear, and keep it as a candidate; or say why not."""
    begin = now - fitting.LOOKS_BACK
    try:
        made = fitting.fit(labelled(begin=begin, now=now))
    except fitting.TooFew as few:
        return f"{few} "
    return f"Fitted {registry.keep(made.artefact, made.provenance, now=now).version}. "


def _chosen(options: dict[str, Any]) -> list[tuple[str, Any]]:
    slug = options["tenant"]
    if slug:
        return [(slug, find_tenant(slug))]
    with system_scope("evaluate"):
        rows = Tenant.objects.order_by("slug").values_list("slug", "id")
        return list(rows)
