"""The form of a stop on the house's own pages: what, why, and until when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.db.models import Q

from autonomy.admin.words import SCOPES, type_choices
from autonomy.rules.switches import WHOLE, Scope
from autonomy.switchboard import Wanted, names
from ledger.scope import current_tenant
from perception.models import Account, Membership

# What is offered to be typed; any other account is found by its name all the same.
OFFERED = 200
ENDS = (
    ("", "Somebody lets it go"),
    ("15", "15 minutes from now"),
    ("60", "an hour from now"),
    ("240", "4 hours from now"),
    ("1440", "this time tomorrow"),
)
# The whole house is stopped by its operators, by command.
OFFERED_SCOPES = tuple(scope for scope in Scope if scope is not Scope.GLOBAL)


class StopForm(forms.Form):
    """A scope, the field of its target, a reason; and an end, where one is known."""

    scope = forms.ChoiceField(
        choices=[(each.value, SCOPES[each].capitalize()) for each in OFFERED_SCOPES],
        initial=Scope.TENANT.value,
    )
    account = forms.CharField(required=False, max_length=200)
    seller = forms.ChoiceField(required=False)
    action_type = forms.ChoiceField(required=False)
    tool = forms.ChoiceField(required=False)
    connector = forms.ChoiceField(required=False)
    plan_type = forms.ChoiceField(required=False)
    reason = forms.CharField(max_length=300)
    ends = forms.ChoiceField(required=False, choices=ENDS)

    def __init__(self, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        chosen: Any = self.fields
        members = Membership.objects.filter(
            tenant_id=current_tenant(), is_active=True
        ).select_related("person")
        people = sorted((str(each.person), str(each.id)) for each in members)
        chosen["seller"].choices = _choices([(id_, name) for name, id_ in people])
        chosen["action_type"].choices = _choices(type_choices())
        for scope in (Scope.TOOL, Scope.CONNECTOR):
            known = [(key, key) for key in names(scope)]
            chosen[scope.value].choices = _choices(known)
        chosen["plan_type"].choices = _choices([*settings.PLAN_TYPES.items()])

    def clean_account(self) -> str:
        """Its id, whether that, its name or its id elsewhere was written."""
        text = self.cleaned_data["account"].strip()
        if not text:
            return ""
        rows = Account.objects.filter(tenant_id=current_tenant())
        try:
            found = list(rows.filter(pk=UUID(text)).values_list("pk", flat=True))
        except ValueError:
            called = Q(name__iexact=text) | Q(external_id=text)
            found = list(rows.filter(called).values_list("pk", flat=True)[:2])
        if not found:
            raise forms.ValidationError(f"No account is called “{text}”.")
        if len(found) > 1:
            raise forms.ValidationError(
                f"Several accounts are called “{text}”. Stop it from its own page."
            )
        return str(found[0])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        scope = given.get("scope", Scope.TENANT)
        if scope not in WHOLE and scope not in self.errors and not given.get(scope):
            self.add_error(scope, "Say which.")
        return given

    def wanted(self, *, now: datetime) -> Wanted:
        """What a valid form asks to stop."""
        given, scope = self.cleaned_data, Scope(self.cleaned_data["scope"])
        minutes = given["ends"]
        return Wanted(
            scope=scope,
            target="" if scope in WHOLE else str(given[scope.value]),
            reason=given["reason"],
            ends_at=now + timedelta(minutes=int(minutes)) if minutes else None,
        )


def offered_accounts() -> Sequence[str]:
    """Names to choose from, the warmest accounts first."""
    rows = Account.objects.filter(tenant_id=current_tenant(), closed_at=None)
    return list(rows.order_by("-heat_score").values_list("name", flat=True)[:OFFERED])


def _choices(known: Sequence[Any]) -> list[Any]:
    return [("", "Choose one"), *known]
