"""The shelves of perception."""

from perception.models.doors import Heartbeat, IdempotencyKey
from perception.models.senses import Connector, Delivery, Signal
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
    "Delivery",
    "Heartbeat",
    "IdempotencyKey",
    "Membership",
    "Opportunity",
    "Person",
    "Signal",
    "Tenant",
]
