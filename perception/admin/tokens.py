"""API tokens in the admin pages: issued once, shown once, revoked for good."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from ledger.admin import ByRole
from perception import tokens
from perception.admin.asking import caller_of, is_admin
from perception.members import person_acting
from perception.models import ApiToken, Membership
from perception.rules.roles import Role


class IssueToken(forms.ModelForm):  # type: ignore[type-arg]
    """Whom a new token acts as, and how long."""

    days = forms.IntegerField(
        label="Valid for days",
        min_value=1,
        max_value=365,
        initial=90,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ApiToken
        fields = ("membership",)


@admin.register(ApiToken)
class ApiTokenAdmin(ByRole):
    """Tokens act as their member: an admin issues their own, and those of programs."""

    list_display = (
        "__str__", "membership", "state", "created_at", "expires_at", "last_used_at",
    )  # fmt: skip
    list_select_related = ("membership__person",)
    ordering = ("-created_at",)
    actions = ("revoke_chosen",)
    list_disable_select_all = False
    fields = (
        "membership", "hint", "created_at", "expires_at", "revoked_at", "last_used_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display
    def state(self, token: ApiToken) -> str:
        return _state(token, timezone.now())

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("membership", "days") if obj is None else self.fields

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.fields

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any
    ) -> Any:
        return super().get_form(request, obj, change, form=IssueToken, **more)

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **more: Any
    ) -> Any:
        if db_field.name != "membership":
            return super().formfield_for_dbfield(db_field, request, **more)
        mine = Q(pk=caller_of(request).membership) | Q(role=Role.INTEGRATION)
        return forms.ModelChoiceField(
            Membership.objects.select_related("person").filter(mine, is_active=True),
            label="Acts as",
            help_text="Yourself, or an integration: nobody acts as somebody else.",
            widget=UnfoldAdminSelectWidget,
        )

    def save_model(
        self, request: HttpRequest, obj: ApiToken, form: Any, change: bool
    ) -> None:
        text = tokens.issue(
            obj.membership,
            days=form.cleaned_data["days"],
            now=timezone.now(),
            by=person_acting(caller_of(request)),
        )
        made = ApiToken.objects.filter(membership=obj.membership, hint=text[-4:])
        obj.pk = made.latest("created_at").pk
        obj.refresh_from_db()
        messages.warning(request, f"Copy it now, it is shown only once: {text}")

    @admin.action(description="Revoke for good", permissions=["add"])
    def revoke_chosen(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        by, now = person_acting(caller_of(request)), timezone.now()
        done = sum(tokens.revoke(token.pk, now=now, by=by) for token in chosen)
        messages.success(request, f"Revoked: {done}.")


def _state(token: ApiToken, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "valid" if token.expires_at > now else "expired"
