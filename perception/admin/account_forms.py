"""The form by which an admin changes an account."""

from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.db.models import Q
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ledger.doors import etag
from perception.accounts import changeable
from perception.models import Account, Membership


class Seen(forms.Form):
    """What the account was like when the page was shown, carried along unseen."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, *, account: Account) -> None:
        super().__init__(data, initial=_shown(account))
        self._account = account

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("seen") != tag_of(self._account):
            raise forms.ValidationError("It was changed since: look at it again.")
        return self.cleaned_data


class AccountForm(Seen):
    """Whose an account is, what it is called, and how far it has come."""

    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    owner = forms.ModelChoiceField(
        Membership.objects.none(),
        required=False,
        empty_label="Nobody",
        widget=UnfoldAdminSelectWidget,
        help_text="They see it, and decide what waits for a seller there.",
    )
    lifecycle = forms.ChoiceField(
        label="Phase",
        choices=Account.Lifecycle.choices,
        widget=UnfoldAdminSelectWidget,
        help_text="What is perceived later may move it on.",
    )
    timezone = forms.ChoiceField(
        label="Time zone",
        required=False,
        choices=[
            ("", "That of the tenant"),
            *((name, name) for name in sorted(available_timezones())),
        ],
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, data: Any = None, *, account: Account) -> None:
        super().__init__(data, account=account)
        owner: Any = self.fields["owner"]
        members = Membership.objects.filter(
            Q(is_active=True) | Q(pk=account.owner_id), tenant_id=account.tenant_id
        )
        owner.queryset = members.select_related("person").order_by("person__name", "id")

    def given(self) -> dict[str, Any]:
        """What the verb takes: what differs from what was shown."""
        now = {**self.cleaned_data, "owner": _id(self.cleaned_data["owner"])}
        before = changeable(self._account)
        return {
            name: now[name] for name in before.keys() & now if now[name] != before[name]
        }


def tag_of(account: Account) -> str:
    """What the account is like, for whoever wants to change it."""
    return etag(changeable(account))


def _id(member: Membership | None) -> UUID | None:
    return member.pk if member else None


def _shown(account: Account) -> dict[str, Any]:
    return {**changeable(account), "seen": tag_of(account)}
