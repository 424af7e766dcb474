"""The shelves of perception."""

from perception.models.doors import Heartbeat, IdempotencyKey
from perception.models.senses import Connector
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
    "Heartbeat",
    "IdempotencyKey",
    "Membership",
    "Opportunity",
    "Person",
    "Tenant",
]
