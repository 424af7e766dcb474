"""Members of the tenant, and people of the whole house, in the admin pages."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

from ledger.admin import ByRole, HouseWide
from perception import tenants
from perception.admin.asking import caller_of, is_admin
from perception.members import person_acting
from perception.models import Membership, Person
from perception.rules.roles import Role


class AddMember(forms.ModelForm):  # type: ignore[type-arg]
    """Somebody new in the tenant, known elsewhere in the house or not."""

    email = forms.EmailField(label="E-mail", widget=UnfoldAdminEmailInputWidget)
    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    password = forms.CharField(
        label="First password",
        required=False,
        help_text="Empty, if they use single sign-on or have an account already.",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = Membership
        fields = ("role",)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if Membership.objects.filter(person__email__iexact=email).exists():
            raise forms.ValidationError("This person is a member already.")
        return email

    def clean_password(self) -> str | None:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password)
        return password or None


@admin.register(Membership)
class MembershipAdmin(ByRole):
    """Who may do what here. Nobody changes their own role or access."""

    list_display = ("person", "email", "role", "is_active", "created_at")
    list_select_related = ("person",)
    list_filter = ("role", "is_active")
    search_fields = ("person__email", "person__name")
    ordering = ("person__email",)
    readonly_fields = ("person", "email", "created_at")

    @admin.display(ordering="person__email")
    def email(self, member: Membership) -> str:
        return member.person.email

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not is_admin(request):
            return False
        return obj is None or obj.pk != caller_of(request).membership

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("email", "name", "role", "password")
        return ("person", "email", "role", "is_active", "created_at")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any
    ) -> Any:
        if obj is None:
            more["form"] = AddMember
        return super().get_form(request, obj, change, **more)

    def save_model(
        self, request: HttpRequest, obj: Membership, form: Any, change: bool
    ) -> None:
        by, now, role = person_acting(caller_of(request)), timezone.now(), obj.role
        if change:
            tenants.change_member(
                obj.pk, role=Role(role), is_active=obj.is_active, now=now, by=by
            )
            return
        given = form.cleaned_data
        added = tenants.add_member(
            given["email"],
            given["name"],
            Role(role),
            password=given["password"],
            now=now,
            by=by,
        )
        obj.pk, obj.tenant_id, obj.person = added.pk, added.tenant_id, added.person


@admin.register(Person)
class PersonAdmin(HouseWide):
    """People of the whole house; what they may do, their memberships say."""

    list_display = ("email", "name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = (
        "email", "name", "is_active", "is_superuser", "last_login", "date_joined",
    )  # fmt: skip
    readonly_fields = ("email", "last_login", "date_joined")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and obj != request.user

    def save_model(
        self, request: HttpRequest, obj: Person, form: Any, change: bool
    ) -> None:
        # The rest of the row belongs to others, who may be changing it just now.
        obj.save(update_fields=form.changed_data)
