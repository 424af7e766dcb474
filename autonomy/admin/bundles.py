"""Policy bundles: versions to read, compare, save, try, activate and roll back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from autonomy import policies
from autonomy.admin.bundle_forms import BundleForm, checked
from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Door, Previewed, Question, Tool
from autonomy.admin.sources import difference
from autonomy.admin.words import decided, moment, shown, spaced, tag
from autonomy.errors import AdminAsksFirst, BundleFails, BundleRefused
from autonomy.models import Activation, Bundle, Simulation
from autonomy.policy import shipped
from ledger.admin import oversees
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.admin.asking import caller_of, decides, is_admin

SHORT = 19


@admin.register(Bundle)
class BundleAdmin(Previewed):
    """Versions never change; the one in force judges."""

    about = (
        "The clauses that decide what may run alone. A version never changes once it "
        "is saved; saving brings nothing into force."
    )
    nothing = "No version was saved here: the policy judges as it was shipped."
    told = Told(
        kinds=(Kind.POLICY_SAVED, Kind.POLICY_ACTIVATED, Kind.POLICY_ROLLED_BACK)
    )
    form = BundleForm
    change_list_template = "autonomy/bundles.html"
    list_display = ("named", "state", "saved_by", "saved_at_said")
    list_display_links = ("named",)
    list_select_related = ("saved_by__person",)
    ordering = ("-saved_at",)
    sortable_by = ()
    shown = (
        "state",
        "version",
        "saver",
        "saved_at_said",
        "clauses",
        "tests",
        "compared",
    )
    readonly_fields = shown

    saved_at_said = moment("saved_at", "saved")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "text") if obj is None else self.shown

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.shown

    def get_queryset(self, request: HttpRequest) -> Any:
        judging = Activation.objects.filter(
            tenant_id=current_tenant(), in_force_at__isnull=False, rolled_back_at=None
        ).order_by("-in_force_at")
        rows = super().get_queryset(request).prefetch_related("activations")
        return rows.annotate(
            judging=Subquery(judging.values("bundle_id")[:1]),
            since=Subquery(judging.values("in_force_at")[:1]),
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return oversees(request) or decides(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may_act(self, request: HttpRequest) -> bool:
        """Approvers too, for one thing: to be the second person."""
        return decides(request)

    @admin.display(description="version")
    def named(self, row: Bundle) -> str:
        return f"{row.name} {row.version[7:SHORT]}"

    @admin.display(description="state")
    def state(self, row: Bundle) -> SafeString:
        return _state(row)

    @admin.display(description="saved by")
    def saver(self, row: Bundle) -> str:
        # In words: not everybody who looks here may look at members.
        return str(row.saved_by or "–")

    @admin.display(description="clauses")
    def clauses(self, row: Bundle) -> SafeString:
        return clauses_of(row.source)

    @admin.display(description="its own tests")
    def tests(self, row: Bundle) -> SafeString:
        cases = [
            {"given": _said(case["given"]), "expect": _said(case["expect"])}
            for case in row.source["tests"]
        ]
        return render_to_string("autonomy/tests.html", {"cases": cases})

    @admin.display(description="against what is in force")
    def compared(self, row: Bundle) -> SafeString:
        return compared_with_force(row)

    def tells(self, obj: Bundle) -> Callable[[Row], bool]:
        return lambda row: row["subjects"].get("bundle") == str(obj.pk)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if not is_admin(request):
            return [self._activation(obj)] if obj is not None and _waits(obj) else []
        held = policies.in_force()
        if obj is None:
            back = [Tool(label="Roll back …", href="roll-back/")] if held else []
            return [Tool(label="Save a new version", href="add/", tone="main"), *back]
        trial = reverse("admin:autonomy_simulation_add") + f"?bundle={obj.pk}"
        tried = Tool(label="Try it on the past", href=trial)
        if held and held.bundle_id == obj.pk:
            return [tried]
        return [self._activation(obj), tried]

    def _activation(self, bundle: Bundle) -> Tool:
        href = self.url_of(bundle.pk, "activate")
        return Tool(label="Activate …", href=href, tone="main")

    def more(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        if obj is not None:
            # What is saved is tried by a simulation; nothing of it can be edited.
            return {}
        held = policies.in_force()
        source = held.bundle.source if held else shipped().plain()
        return {
            **super().more(request, obj),
            "in_force": held,
            "server": policies.data_in_force().get("opa"),
            "source_clauses": clauses_of(source),
            "may_change": is_admin(request),
        }

    def wanted(self, form: Any) -> dict[str, Any]:
        source = form.cleaned_data["program"].source
        return {"bundle_version": source.version, "bundle_source": source.plain()}

    def save_model(
        self, request: HttpRequest, obj: Bundle, form: Any, change: bool
    ) -> None:
        plain = form.cleaned_data["program"].source.plain()
        saved = policies.save_bundle(plain, by=caller_of(request), now=timezone.now())
        obj.pk, obj.tenant_id = saved.pk, saved.tenant_id
        obj.version, obj.name = saved.version, saved.name

    def response_add(
        self, request: HttpRequest, obj: Bundle, post_url_continue: Any = None
    ) -> HttpResponse:
        """Go on to the saved version, where it can be tried and activated."""
        answer: HttpResponse = super().response_add(request, obj, post_url_continue)
        if answer.status_code == 302:
            answer["Location"] = self.url_of(obj.pk)
        return answer

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            *super().doors(),
            ("roll-back/", "roll_back", self.roll_back_view),
            ("<path:object_id>/activate/", "activate", self.activate_view),
        )

    def activate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Says what activating means, then does it; for approvers, what was asked for."""
        self.insist(request)
        bundle, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        if not is_admin(request) and not _waits(bundle):
            messages.error(request, str(AdminAsksFirst()))
            return redirect(self.url_of(bundle.pk))
        question = Question(
            title=f"Activate {self.named(bundle)}",
            said=[] if request.method == "POST" else _meaning(bundle),
            button="Activate",
            back=self.url_of(bundle.pk),
            more="autonomy/compared.html",
            context={"compared": compared_with_force(bundle)},
        )

        def do() -> str:
            made = policies.activate(
                bundle, simulation=None, by=caller_of(request), now=timezone.now()
            )
            if made.in_force_at is None:
                return "It waits for a second person: another admin, or an approver."
            return "It is in force."

        return self.asked(request, question, do, self.url_of(bundle.pk))

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        """Asks, then goes back to what was in force before."""
        if not is_admin(request):
            raise PermissionDenied
        held = policies.in_force()
        now = "The policy is as it was shipped."
        if held is not None:
            now = f"In force now: {self.named(held.bundle)}."
        question = Question(
            title="Roll back",
            said=[now, "What was in force before it judges again, from now on."],
            button="Roll back",
            back=self.list_url(),
        )

        def do() -> str:
            earlier = policies.roll_back(by=caller_of(request), now=timezone.now())
            now_in_force = self.named(earlier.bundle) if earlier else "as shipped"
            return f"Rolled back. In force: {now_in_force}."

        return self.asked(request, question, do, self.list_url())


def clauses_of(source: Any) -> SafeString:
    """Clauses as a table."""
    rows = [
        {**clause, "said": decided(clause["ceiling"])} for clause in source["clauses"]
    ]
    return render_to_string("autonomy/clauses.html", {"clauses": rows})


def compared_with_force(bundle: Bundle) -> SafeString:
    """What differs from the version in force."""
    held = policies.in_force()
    current = held.bundle.source if held else shipped().plain()
    lines = difference(current, bundle.source)
    return render_to_string("autonomy/diff.html", {"lines": lines})


def _state(row: Any) -> SafeString:
    """In force, waiting for a second person, or neither."""
    if row.judging == row.pk:
        return tag("in force", "good")
    if _waits(row):
        return tag("waits for a second person", "wait")
    was = any(each.in_force_at for each in row.activations.all())
    return tag("was in force") if was else tag("saved")


def _waits(row: Any) -> bool:
    """Whether somebody asked for it, and nothing has overtaken that since."""
    asked = row.activations.all()
    waiting = [each.asked_at for each in asked if each.in_force_at is None]
    return any(row.since is None or at >= row.since for at in waiting)


def _meaning(bundle: Bundle) -> list[str]:
    """What activating this version takes."""
    try:
        checked(bundle.source)
        case = policies.widens(bundle)
    except (BundleRefused, BundleFails) as refusal:
        return [str(refusal)]
    if case is None:
        return ["It lets no more run than what is in force. It holds at once."]
    said = [_case(case)]
    if policies.is_asked_for(bundle):
        return [*said, "Somebody asked for it; the second person brings it into force."]
    trials = Simulation.objects.filter(
        tenant_id=current_tenant(),
        status=Simulation.Status.COMPLETED,
        candidate__bundle_version=bundle.version,
    )
    if not trials.exists():
        return [*said, "First try it on the past: that needs a completed simulation."]
    return [*said, "It was tried. A second person must activate it after you."]


def _case(case: Mapping[str, Any]) -> str:
    """A case in which more runs; or that there are too many to try them all."""
    if "too_many_cases" in case:
        return (
            f"It has {case['too_many_cases']:,} cases, too many to try each of them, "
            "so it counts as letting more run alone."
        )
    where = ", ".join(f"{spaced(name)} {shown(each)}" for name, each in case.items())
    return f"It lets more run alone than what is in force, as in: {where}."


def _said(facts: Any) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in facts.items()) or "–"
