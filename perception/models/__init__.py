"""The shelves of perception."""

from perception.models.doors import Heartbeat, IdempotencyKey
from perception.models.senses import Connector, Delivery, Signal
from perception.models.watch import (
    Cursor,
    Interaction,
    KindRate,
    Pull,
    PullUse,
    Review,
    Summary,
)
from perception.models.world import (
    Account,
    ApiToken,
    Contact,
    Membership,
    Opportunity,
    Person,
    Tenant,
)

__all__ = [
    "Account",
    "ApiToken",
    "Connector",
    "Contact",
    "Cursor",
    "Delivery",
    "Heartbeat",
    "IdempotencyKey",
    "Interaction",
    "KindRate",
    "Membership",
    "Opportunity",
    "Person",
    "Pull",
    "PullUse",
    "Review",
    "Signal",
    "Summary",
    "Tenant",
]
