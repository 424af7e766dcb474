"""The admin pages of perception."""

from perception.admin import connectors, members, tenant, tokens, world

__all__ = ["connectors", "members", "tenant", "tokens", "world"]
