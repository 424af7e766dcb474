"""The admin pages of perception."""

from perception.admin import members, tenant, tokens, world

__all__ = ["members", "tenant", "tokens", "world"]
