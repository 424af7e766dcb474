"""Forms of kill switches: what to stop and why, and why to release it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from autonomy.admin.words import SCOPES, type_choices
from autonomy.models import Mode
from autonomy.rules.switches import WHOLE, Scope
from autonomy.switchboard import HOLD, Wanted, names
from perception.models import Account, Membership


def _one_of() -> forms.ChoiceField:
    return forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)


class StopForm(forms.Form):
    """A scope, the field of its target, and a reason."""

    scope = forms.ChoiceField(
        label="What to stop",
        choices=[
            (scope.value, SCOPES[scope].capitalize())
            for scope in Scope
            # The whole house is stopped by its operators, by command.
            if scope is not Scope.GLOBAL
        ],
        widget=UnfoldAdminRadioSelectWidget,
    )
    account = forms.ModelChoiceField(
        Account.objects.none(),
        required=False,
        widget=AutocompleteSelect(Mode._meta.get_field("account"), admin.site),
    )
    seller = forms.ModelChoiceField(
        Membership.objects.none(),
        label="Member",
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    action_type = _one_of()
    tool = _one_of()
    connector = _one_of()
    plan_type = _one_of()
    reason = forms.CharField(
        max_length=300,
        help_text="Everybody who looks here reads it.",
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        chosen: Any = self.fields
        chosen["account"].queryset = Account.objects.all()
        chosen["seller"].queryset = Membership.objects.select_related("person")
        offered: Mapping[Scope, Iterable[Any]] = {
            Scope.ACTION_TYPE: type_choices(),
            Scope.TOOL: [(key, key) for key in names(Scope.TOOL)],
            Scope.CONNECTOR: [(key, key) for key in names(Scope.CONNECTOR)],
            Scope.PLAN_TYPE: settings.PLAN_TYPES.items(),
        }
        for scope, choices in offered.items():
            chosen[scope.value].choices = [("", "Choose one"), *choices]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        scope = given.get("scope", Scope.TENANT)
        needs_target = scope not in WHOLE and scope not in self.errors
        if needs_target and not given.get(scope):
            self.add_error(scope, "Say which.")
        return given

    def wanted(self) -> Wanted:
        """What a valid form asks to stop."""
        given, scope = self.cleaned_data, Scope(self.cleaned_data["scope"])
        target: Any = "" if scope in WHOLE else given[scope.value]
        return Wanted(
            scope=scope,
            target=str(getattr(target, "pk", target)),
            reason=given["reason"],
        )

    def names(self) -> Mapping[str, str]:
        """What the chosen account and member are called."""
        given = self.cleaned_data
        chosen = [given[noun] for noun in ("account", "seller") if given[noun]]
        return {str(each.pk): str(each) for each in chosen}


class Agreed(forms.Form):
    """The answers of the first page, carried to the second, unseen."""

    agreed = forms.CharField(initial="yes", widget=forms.HiddenInput)

    def __init__(self, kept: Mapping[str, Any]) -> None:
        super().__init__({**kept, "agreed": "yes"})
        for name in kept:
            self.fields[name] = forms.CharField(
                required=False, widget=forms.HiddenInput
            )


class ReleaseForm(forms.Form):
    """Why, and how long only what people approve starts."""

    reason = forms.CharField(max_length=300, widget=UnfoldAdminTextInputWidget)
    hold_seconds = forms.IntegerField(
        label="Hold in seconds",
        min_value=0,
        max_value=86400,
        initial=int(HOLD.total_seconds()),
        help_text="So long only what people approve starts. 0: no hold.",
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def __init__(self, data: Any = None, *, is_again: bool) -> None:
        super().__init__(data)
        if is_again:
            del self.fields["hold_seconds"]
