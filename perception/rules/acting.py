"""Through which kinds of connectors tools may act, and as what."""

from collections.abc import Mapping

# For each of these one connector of a tenant is the way out.
ACTS_AS: Mapping[str, str] = {
    "mailbox": "mail.draft",
    "smtp": "mail.send",
    "calendar": "calendar",
    "chat": "chat",
    "outbound": "webhook",
    "tryton": "crm",
    "hubspot": "crm",
    "salesforce": "crm",
}
# These are there for nothing else.
ONLY_ACTING = frozenset({"smtp", "chat", "outbound"})


def acts_as(kind: str, wanted: bool) -> str:
    """What a connector of this kind acts as, where that is wanted; empty: as nothing."""
    return ACTS_AS.get(kind, "") if wanted else ""


def may_act(kind: str) -> bool:
    """Whether tools can act through a connector of this kind."""
    return kind in ACTS_AS
