"""The admin pages of perception."""

from perception.admin import (
    connectors,
    contacts,
    exports,
    members,
    tenant,
    tokens,
    world,
)

__all__ = [
    "connectors",
    "contacts",
    "exports",
    "members",
    "tenant",
    "tokens",
    "world",
]
