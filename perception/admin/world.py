"""Accounts, those who work there, and connectors in the admin pages: to read."""

from django.contrib import admin

from ledger.admin import ByRole, as_json
from perception.models import Account, Connector, Contact, Opportunity


@admin.register(Account)
class AccountAdmin(ByRole):
    """Companies; they are added by the API, and changed by what is perceived."""

    list_display = ("name", "lifecycle", "owner", "heat_tier", "heat_score", "heat_at")
    list_select_related = ("owner__person",)
    list_filter = ("lifecycle", "heat_tier")
    search_fields = ("name", "external_id")
    ordering = ("-id",)


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


@admin.register(Connector)
class ConnectorAdmin(ByRole):
    """Outside systems. Their secrets are never shown."""

    list_display = ("name", "kind", "is_active", "created_at")
    list_filter = ("kind", "is_active")
    ordering = ("name",)
    fields = ("name", "kind", "is_active", "created_at", "config_json")
    readonly_fields = fields

    config_json = as_json("config", "configuration")
