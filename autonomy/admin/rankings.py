"""Models that rank proposals: where they come from, what they weigh, and their moves."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from autonomy.admin.history import Row, Told
from autonomy.admin.learned import (
    MEANS,
    STATES,
    drawn,
    gain_of,
    provenance_of,
    shared_card,
    tried,
)
from autonomy.admin.pages import Carded, Door, Question, Tool
from autonomy.admin.words import moment, tag
from autonomy.learning import gating, registry, words
from autonomy.models import Evaluation, HouseRanking, Ranking
from autonomy.rules.ranking import HEURISTIC
from ledger.admin import HouseWide
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.admin.asking import caller_of
from perception.admin.pages import Shown

Status = Ranking.Status
NO_MODEL = ("", HEURISTIC)


@admin.register(Ranking)
class RankingAdmin(Carded):
    """Every model of the tenant. Its moves go through the registry, and are stated."""

    about = (
        "Models that order proposals by what became of earlier ones. Every day it is "
        "looked whether there is enough to fit one; it is tried without effect, and "
        "ranks only once it has shown to be better and somebody promotes it. Policy "
        "never knows of them."
    )
    nothing = (
        "There is no model yet: proposals stand in the order of their confidence. The "
        "first is fitted by itself when 200 choices have become clear, two weeks after "
        "they were made."
    )
    card_template = "autonomy/ranking.html"
    told = Told(kinds=(Kind.MODEL_MOVED,))
    ways = (
        ("All", ""),
        ("Ranks", "status__exact=ACTIVE"),
        ("Tried", "status__exact=SHADOW"),
    )
    list_display = ("version", "state", "learned", "held_out", "made", "since")
    list_display_links = ("version",)
    list_filter = (("status", ChoicesDropdownFilter),)
    ordering = ("-id",)

    made = moment("made_at", "fitted")
    since = moment("moved_at", "so since")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("moved_by__person")
        one = request.resolver_match and request.resolver_match.kwargs
        return rows if one else rows.defer("artefact", "gate")

    @admin.display(description="state")
    def state(self, row: Ranking) -> SafeString:
        return tag(*STATES[row.status])

    @admin.display(description="choices")
    def learned(self, row: Ranking) -> str:
        return str(row.provenance.get("rows", "–"))

    @admin.display(description="first three, on time kept away")
    def held_out(self, row: Ranking) -> str:
        return gain_of(row)

    def titled(self, row: Ranking) -> str:
        return row.version

    def tells(self, obj: Ranking) -> Callable[[Row], bool]:
        return lambda row: row["subjects"].get("model") == str(obj.pk)

    def card(self, request: HttpRequest, row: Ranking) -> dict[str, Any]:
        last = (
            Evaluation.objects.filter(tenant_id=row.tenant_id).order_by("-id").first()
        )
        found = (last.body["models"] if last else ()) or ()
        mine = [each for each in found if each["version"] == row.version]
        return {
            **shared_card(row),
            "by": row.moved_by.person if row.moved_by else None,
            "evaluation": last,
            "reliability": drawn(last),
            "tried": [tried(each) for each in mine],
        }

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return [Tool(label="Roll back …", href="roll-back/")] if _serving() else []
        up = self.url_of(obj.pk, "promote")
        stop = Tool(label="Stop trying it …", href=self.url_of(obj.pk, "retire"))
        match obj.status:
            case Status.CANDIDATE:
                return [Tool(label="Try it …", href=up, tone="main"), stop]
            case Status.SHADOW:
                return [Tool(label="Let it rank …", href=up, tone="main"), stop]
            case Status.ACTIVE:
                href = f"{self.list_url()}roll-back/"
                return [Tool(label="Roll back …", href=href)]
            case _:
                return []

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("roll-back/", "roll_back", self.roll_back_view),
            ("<path:object_id>/promote/", "promote", self.promote_view),
            ("<path:object_id>/retire/", "retire", self.retire_view),
        )

    def promote_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A candidate is tried; what is tried goes through the gate, as it answers now."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        if row.status == Status.CANDIDATE:
            return self._try(request, row)
        return self._let_rank(request, row)

    def _try(self, request: HttpRequest, row: Ranking) -> HttpResponse:
        page = self.url_of(row.pk)
        question = Question(
            title=f"Try {row.version}?",
            said=[MEANS[Status.SHADOW]],
            button="Try it",
            back=page,
        )

        def do() -> str:
            registry.shadow(row.version, by=caller_of(request), now=timezone.now())
            return "It is tried from now on, without effect."

        return self.asked(request, question, do, page, row)

    def _let_rank(self, request: HttpRequest, row: Ranking) -> HttpResponse:
        now, page = timezone.now(), self.url_of(row.pk)
        gate = gating.judge(row, now=now)
        passes = bool(gate["passes"])
        means = "It orders proposals from the next decision on, and can be rolled back."
        question = Question(
            title=f"Let {row.version} rank?" if passes else "It may not rank yet",
            said=[
                *words.answered(gate),
                means if passes else words.asked(gate["gate"]),
            ],
            button="Let it rank" if passes else "Ask again",
            tone="main" if passes else "plain",
            back=page,
        )

        def do() -> str:
            registry.activate(row.version, gate, by=caller_of(request), now=now)
            return "It ranks from now on."

        return self.asked(request, question, do, page, row)

    def retire_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What does not rank is tried no longer."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        page = self.url_of(row.pk)
        question = Question(
            title=f"Stop trying {row.version}?",
            said=["It scores nothing any more, and cannot be tried again."],
            button="Stop trying it",
            back=page,
        )

        def do() -> str:
            registry.retire(row.version, by=caller_of(request), now=timezone.now())
            return "It is no longer tried."

        return self.asked(request, question, do, page, row)

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        """What was replaced ranks again."""
        self.insist(request)
        held = _serving()
        before = str((held.gate or {}).get("replaced", "")) if held else ""
        after = (
            "confidence, or the model of the house" if before in NO_MODEL else before
        )
        question = Question(
            title="Roll back",
            said=[
                f"Now: {held.version}." if held else "No model ranks now.",
                f"From the next decision on: {after}.",
            ],
            button="Roll back",
            back=self.list_url(),
        )

        def do() -> str:
            registry.roll_back(by=caller_of(request), now=timezone.now())
            return "It is rolled back, from the next decision on."

        return self.asked(request, question, do, self.list_url())


@admin.register(HouseRanking)
class HouseRankingAdmin(HouseWide, Shown):
    """Models of the house: to look at. Operators move them by command."""

    about = (
        "What orders proposals of tenants without a model of their own, fitted on what "
        "tenants agreed to share. Operators promote and roll back by the command "
        "“ranking … --house”."
    )
    nothing = "There is none: it takes three tenants that share what is learned."
    list_display = (
        "version",
        "state",
        "learned",
        "tenants",
        "held_out",
        "made",
        "since",
    )
    ordering = ("-made_at",)
    sortable_by = ()
    fields = ("version", "state", "made", "since", "from_where", "gate_said")
    readonly_fields = fields

    made = moment("made_at", "fitted")
    since = moment("moved_at", "so since")

    @admin.display(description="state")
    def state(self, row: HouseRanking) -> SafeString:
        return tag(*STATES[row.status])

    @admin.display(description="choices")
    def learned(self, row: HouseRanking) -> str:
        return str(row.provenance.get("rows", "–"))

    @admin.display(description="tenants")
    def tenants(self, row: HouseRanking) -> str:
        return str(row.provenance.get("tenants", "–"))

    @admin.display(description="first three, on time kept away")
    def held_out(self, row: HouseRanking) -> str:
        return gain_of(row)

    @admin.display(description="where it comes from")
    def from_where(self, row: HouseRanking) -> str:
        return "\n".join(f"{name}: {value}" for name, value in provenance_of(row))

    @admin.display(description="gate")
    def gate_said(self, row: HouseRanking) -> str:
        return "\n".join(words.answered(row.gate)) if row.gate else "Not asked yet."


def _serving() -> Ranking | None:
    rows = Ranking.objects.filter(tenant_id=current_tenant(), status=Status.ACTIVE)
    return rows.first()
