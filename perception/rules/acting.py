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


# What these send is held back first, so that it can be taken back; for so many seconds
# where nothing else is said.
HELD_BACK = frozenset({"mail.send", "chat"})
HOLD_S = 60


def hold_of(way: str, held: Mapping[str, int | None]) -> int:
    """For how many seconds an act waits that leaves by this way; `held`: what the ways
    say that there are.
    """
    if way not in HELD_BACK or way not in held:
        return 0
    said = held[way]
    return HOLD_S if said is None else max(0, said)
