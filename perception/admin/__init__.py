"""The admin pages of perception."""

from perception.admin import connectors, contacts, members, tenant, tokens, world

__all__ = ["connectors", "contacts", "members", "tenant", "tokens", "world"]
