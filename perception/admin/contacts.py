"""People at accounts in the admin pages: to read, and to forget."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from perception.admin.asking import caller_of
from perception.admin.pages import Door, Question, Shown, Tool
from perception.erasure import erase_contact
from perception.members import person_acting
from perception.models import Contact


@admin.register(Contact)
class ContactAdmin(Shown):
    """People at accounts; whoever asks to be forgotten is erased here."""

    about = "People at accounts, as the API and the sources told of them."
    nothing = "Nobody is known yet: contacts come with their accounts."
    list_display = ("name", "account", "email", "opted_out", "erased_at")
    list_select_related = ("account",)
    list_filter = ("opted_out",)
    search_fields = ("name", "email", "account__name")
    ordering = ("-id",)
    # Whoever stands above has more to take out, and puts its own verb here.
    erasing = staticmethod(erase_contact)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None or obj.erased_at is not None:
            return []
        return [Tool(label="Erase …", href=self.url_of(obj.pk, "erase"), tone="stop")]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (("<path:object_id>/erase/", "erase", self.erase_view),)

    def erase_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then takes a person out of everything that is kept of them."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title=f"Erase {row.name}",
            said=[
                "Their name, address and words go out of everything that is kept here.",
                "That they were in touch stays, without them; the ledger's proofs hold.",
                "Nothing brings them back.",
            ],
            button="Erase for good",
            back=self.url_of(row.pk),
            tone="stop",
        )

        def erase() -> str:
            by = person_acting(caller_of(request))
            changed = self.erasing(row.pk, by=by, now=timezone.now())
            return f"Erased; {changed} interactions were changed."

        return self.asked(request, question, erase, self.url_of(row.pk))
