"""What is done with one connector from its page: tried, held back, given a secret."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone

from perception import connectors, guards, webhooks
from perception.admin.asking import caller_of
from perception.admin.connector_forms import RotateForm
from perception.admin.connector_words import WEBHOOK
from perception.admin.pages import Door, Question, Shown, Tool
from perception.intake import Received
from perception.members import person_acting
from perception.models import Delivery
from perception.trying import try_out
from perception.webhooks import Body

ONCE = "Copy it now, it is shown only once: "


class ConnectorDoors(Shown):
    """Doors that act. Each asks beforehand, except for a trial, which keeps nothing."""

    def read(self, raw: bytes) -> Body:
        """What a delivery's body holds."""
        raise NotImplementedError

    def enter(self, received: Sequence[Received]) -> None:
        """Send signals on their way."""
        raise NotImplementedError

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("<path:object_id>/rotate/", "rotate", self.rotate_view),
            ("<path:object_id>/try/", "try", self.try_view),
            ("<path:object_id>/hold/", "hold", self.hold_view),
            ("<path:object_id>/release/", "release", self.release_view),
            (
                "<path:object_id>/deliveries/<uuid:delivery>/again/",
                "again",
                self.again_view,
            ),
        )

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then makes a new secret."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        given = request.POST if request.method == "POST" else None
        form = RotateForm(given) if connectors.keeps_two(row) else None
        whom = "sends" if row.kind == WEBHOOK else "receives"
        whom += "" if form else ": the old one ends at once"
        question = Question(
            title=f"A new secret for {row.name}",
            said=[f"It is shown once, on the next page. Give it to whoever {whom}."],
            button="Make a new secret",
            back=self.url_of(row.pk),
            form=form,
        )

        def rotate() -> str:
            secret = connectors.rotate(
                row,
                by=person_acting(caller_of(request)),
                now=timezone.now(),
                keep_old=bool(form and form.cleaned_data["keep_old"]),
            )
            return f"{ONCE}{secret}"

        return self.asked(request, question, rotate, self.url_of(row.pk))

    def try_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Reads one page, or says hello, and shows what was said; it keeps nothing."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away or request.method != "POST":
            return away or HttpResponseRedirect(self.url_of(object_id))
        try:
            tried = try_out(row, now=timezone.now())
        except self.refusals as refusal:
            messages.error(request, self.refused(refusal))
            return HttpResponseRedirect(self.url_of(row.pk))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{row.name}, tried",
            "tried": tried,
            "back": self.url_of(row.pk),
            "tools": [
                Tool(label="Try it again", href=request.path, tone="main", posts=True),
                Tool(label="Back to the connector", href=self.url_of(row.pk)),
            ],
        }
        return TemplateResponse(request, "perception/tried.html", context)

    def hold_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then holds the breaker open."""
        says = (
            "It is not asked again until you let it go. Nothing is lost: it is read on "
            "from where it was left, and what tools have to do waits."
        )
        return self._force(request, object_id, True, "Hold it back", says)

    def release_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then lets the breaker go."""
        says = "It is asked again at once, and what failed is forgotten."
        return self._force(request, object_id, False, "Let it go", says)

    def _force(
        self, request: HttpRequest, object_id: str, is_open: bool, what: str, says: str
    ) -> HttpResponse:
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title=f"{what}: {row.name}",
            said=[says],
            button=what,
            tone="stop" if is_open else "main",
            back=self.url_of(row.pk),
        )

        def force() -> str:
            by = person_acting(caller_of(request))
            guards.force(row, is_open, by=by, now=timezone.now())
            return "It is held back." if is_open else "It is asked again."

        return self.asked(request, question, force, self.url_of(row.pk))

    def again_view(
        self, request: HttpRequest, object_id: str, delivery: UUID
    ) -> HttpResponse:
        """Asks, then takes a delivery that was refused."""
        self.insist(request)
        row, away = self.found(request, object_id)
        held = row and Delivery.objects.filter(connector=row, pk=delivery).first()
        if held is None:
            return away or HttpResponseRedirect(self.url_of(object_id))
        question = Question(
            title=f"Take it again: {held.message}",
            said=[f"It was refused: {held.error}", "Mend that first, then take it."],
            button="Take it again",
            back=self.url_of(row.pk),
        )

        def take() -> str:
            now = timezone.now()
            webhooks.redeliver(held, read=self.read, enter=self.enter, now=now)
            return "It was taken."

        return self.asked(request, question, take, self.url_of(row.pk))
