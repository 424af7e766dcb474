"""Reports of how well proposals are ranked: to read, as a page, as JSON; and what is missing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from autonomy.admin.learned import drawn, tried
from autonomy.admin.pages import Carded, Door, Once, Question, Tool
from autonomy.admin.words import moment, spaced
from autonomy.learning import charts
from autonomy.learning.completeness import completeness
from autonomy.learning.evaluating import evaluate
from autonomy.models import Evaluation
from perception.models import Tenant


@admin.register(Evaluation)
class EvaluationAdmin(Carded):
    """One row for each report; none is ever changed."""

    about = (
        "Once a day: what became of what was proposed, how far confidence can be "
        "believed, and what another order would have brought. Where nothing can be "
        "said, it says why."
    )
    nothing = (
        "There is no report yet. The first is written within a day of the first "
        "proposal; or write one now."
    )
    card_template = "autonomy/evaluation.html"
    list_display = ("made", "clear", "missing", "models")
    list_display_links = ("made",)
    ordering = ("-id",)

    made = moment("at", "made")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        one = request.resolver_match and request.resolver_match.kwargs
        if one:
            return rows
        said = ("choices", "clear", "completeness__missing", "completeness__ended")
        named = {
            f"said_{each.rpartition('__')[2]}": KT(f"body__{each}") for each in said
        }
        return rows.annotate(**named, said_models=KT("body__models")).defer("body")

    @admin.display(description="choices that became clear")
    def clear(self, row: Any) -> str:
        return f"{row.said_clear} of {row.said_choices}"

    @admin.display(description="ended without an outcome")
    def missing(self, row: Any) -> str:
        return f"{row.said_missing} of {row.said_ended}"

    @admin.display(description="models that rank or are tried")
    def models(self, row: Any) -> str:
        return str(row.said_models.count('"version"')) if row.said_models else "0"

    def titled(self, row: Evaluation) -> str:
        return f"Report of {row.at:%Y-%m-%d %H:%M} UTC"

    def around(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        shared = super().around(request, obj)
        if obj is not None or not shared["may_look"]:
            return {**shared, "below": ""}
        return {**shared, "below": "autonomy/completeness.html", "whole": Once(_now)}

    def card(self, request: HttpRequest, row: Evaluation) -> dict[str, Any]:
        body, pages = row.body, self.url_of(row.pk, "page")
        confidence = body["confidence"]
        return {
            "report": body,
            "begin": datetime.fromisoformat(body["from"]),
            "end": datetime.fromisoformat(body["to"]),
            "reliability": drawn(row),
            "figures": [
                (name, held["count"], held["ece"], held["brier"])
                for name, held in confidence.items()
                if held is not None and held["count"]
            ],
            "tried": [tried(each) for each in body["models"]],
            "outcomes": [
                (word.replace("_", " ").capitalize(), count)
                for word, count in body["completeness"]["by_outcome"].items()
            ],
            "whole": {"rows": _worded(body["completeness"])},
            "page_url": pages,
            "json_url": self.url_of(row.pk, "json"),
        }

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is not None:
            return []
        return [Tool(label="Write a report now …", href="write/", tone="main")]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("write/", "write", self.write_view),
            ("<path:object_id>/page/", "page", self.page_view),
            ("<path:object_id>/json/", "json", self.json_view),
        )

    def write_view(self, request: HttpRequest) -> HttpResponse:
        """Looks at the last three months, and keeps what it finds."""
        self.insist(request)
        question = Question(
            title="Write a report now?",
            said=["It looks at the last three months, and is kept as it is found."],
            button="Write it",
            back=self.list_url(),
        )

        def do() -> str:
            evaluate(now=timezone.now())
            return "It is written."

        return self.asked(request, question, do, self.list_url())

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The report as one page that needs nothing else."""
        self.insist_on_looking(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        return HttpResponse(charts.page(row.body, Tenant.objects.get().name))

    def json_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same, for programs."""
        self.insist_on_looking(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        return JsonResponse({"at": row.at.isoformat(), **row.body})


def _now() -> dict[str, Any]:
    return _worded(completeness(now=timezone.now()).stated())


def _worded(stated: Mapping[str, Any]) -> dict[str, Any]:
    """What is missing, in words and minutes."""
    gaps = [
        {
            **gap,
            "action_type": spaced(gap["action_type"]),
            "status": spaced(gap["status"]),
            "owed": spaced(gap["owed"]),
            "since": gap["since"][:16].replace("T", " "),
        }
        for gap in stated["gaps"]
    ]
    return {**stated, "gaps": gaps}
