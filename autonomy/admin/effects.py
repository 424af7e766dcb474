"""What tools of the house left behind: notes, tasks, briefs, drafts. To read."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models.fields.json import KT
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from autonomy import briefing
from autonomy.admin.pages import Carded
from autonomy.admin.walk import account_link, link
from autonomy.admin.words import shown, spaced, tag
from autonomy.models import Effect
from autonomy.rules import briefs
from autonomy.tools.internal import MANUAL

# Sources, as people call them.
TITLED = {
    "signal": "signal", "interaction": "contact with them", "opportunity": "deal",
    "summary": "summary", "contact": "contact", "field": "field", "context": "field",
    "intent": "proposal", "approval": "question", "effect": "brief before",
}  # fmt: skip


@admin.register(Effect)
class EffectAdmin(Carded):
    """Notes, tasks, briefs and drafts, each on a page of its own."""

    about = (
        "What acts left behind here: notes, tasks, briefs, drafts, and what a person "
        "is asked to do by hand."
    )
    nothing = "Nothing was left behind yet. It appears here as soon as an act ends."
    ways = (
        ("All", ""),
        ("Briefs", f"kind__exact={briefing.KIND}"),
        ("By hand", f"kind__exact={MANUAL}"),
    )
    card_template = "autonomy/effect.html"
    searched = ("id", "execution_id", "account_id")
    list_display = ("titled", "account", "kind_said", "state", "when")
    list_display_links = ("titled",)
    list_select_related = ("account",)
    list_filter = (("account", AutocompleteSelectFilter),)
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).annotate(named=KT("data__title"))
        one = request.resolver_match and request.resolver_match.kwargs
        return rows if one else rows.defer("data", "before")

    @admin.display(description="what")
    def titled(self, row: Effect) -> str:
        named: str | None = getattr(row, "named", None)
        return named or spaced(row.kind).capitalize()

    def card(self, request: HttpRequest, row: Effect) -> dict[str, Any]:
        common = {
            "kind": self.kind_said(row),
            "account": account_link(row),
            "at": row.created_at,
            "undone_at": row.undone_at,
            "execution": link("execution", row.execution_id, "The act that left it"),
        }
        if row.kind != briefing.KIND or "lines" not in row.data:
            return {**common, "facts": _facts(row.data)}
        brief = briefing.named([row])[0]
        return {
            **common,
            "focus": brief["focus"],
            "sections": [
                (heading, [_line(each) for each in lines])
                for heading, lines in briefs.sections_of(brief)
            ],
        }

    @admin.display(description="kind")
    def kind_said(self, row: Effect) -> SafeString:
        return tag(spaced(row.kind), "wait" if row.kind == MANUAL else "")

    @admin.display(description="state")
    def state(self, row: Effect) -> SafeString:
        return tag("taken back", "wait") if row.undone_at else tag("stands", "good")

    @admin.display(description="made (UTC)")
    def when(self, row: Effect) -> str:
        return f"{row.created_at:%Y-%m-%d %H:%M:%S}"


def _facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(spaced(name), shown(value)) for name, value in data.items()]


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line, and where it is from in words."""
    counts: dict[str, int] = {}
    for each in line["sources"]:
        noun = TITLED.get(each["kind"], each["kind"])
        counts[noun] = counts.get(noun, 0) + 1
    said = [
        f"{noun} × {count}" if count > 1 else noun for noun, count in counts.items()
    ]
    ids = "\n".join(f"{each['kind']} {each['id']}" for each in line["sources"])
    by_rule = [f"rule {spaced(line['rule'])}"] if line["rule"] else []
    return {"text": line["text"], "from": ", ".join(said + by_rule), "ids": ids}
