"""Accounts, and those who work there, in the admin pages: to read."""

from django.contrib import admin
from django.utils import timezone

from ledger.admin import ByRole
from perception.heat import heat_of
from perception.models import Account, Contact, Opportunity


@admin.register(Account)
class AccountAdmin(ByRole):
    """Companies; they are added by the API, and changed by what is perceived."""

    list_display = ("name", "lifecycle", "owner", "tier", "heat", "heat_at")
    list_select_related = ("owner__person",)
    list_filter = ("lifecycle", "heat_tier")
    search_fields = ("name", "external_id")
    ordering = ("-id",)

    @admin.display(description="tier now", ordering="heat_tier")
    def tier(self, account: Account) -> str:
        return heat_of(account, now=timezone.now()).tier.value

    @admin.display(description="heat now", ordering="heat_score")
    def heat(self, account: Account) -> str:
        return f"{heat_of(account, now=timezone.now()).score:.2f}"


@admin.register(Opportunity)
class OpportunityAdmin(ByRole):
    """Deals, and the stage they are in."""

    list_display = ("external_id", "account", "stage", "amount", "renewal_date")
    list_select_related = ("account",)
    list_filter = ("stage",)
    search_fields = ("external_id", "account__name")
    ordering = ("-id",)


@admin.register(Contact)
class ContactAdmin(ByRole):
    """People at accounts."""

    list_display = ("name", "account", "email", "opted_out", "erased_at")
    list_select_related = ("account",)
    list_filter = ("opted_out",)
    search_fields = ("name", "email", "account__name")
    ordering = ("-id",)
