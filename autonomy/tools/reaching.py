"""Which way a tool reaches outside, for the tenant in scope, and with what in hand."""

from dataclasses import dataclass
from typing import Any

import orjson

from autonomy.models import Execution, Intent, Tool
from autonomy.tools.base import Act, Hand, Job, Someone
from autonomy.tools.binding import outside
from autonomy.tools.hands import HANDS
from autonomy.tools.http import Http
from ledger.rules.digest import sha256_of
from ledger.scope import current_tenant
from perception import vault
from perception.connectors import secrets_of
from perception.models import Account, Connector, Contact, Membership, Opportunity

HTTP = Http()


@dataclass(frozen=True, kw_only=True)
class Way:
    """A tool as the tenant has it: how it acts, and the guarded row that it goes by."""

    key: str
    hand: Hand
    row: Tool | Connector

    @property
    def keyed(self) -> bool:
        """Whether the same key has one effect however often it comes."""
        if isinstance(self.row, Tool):
            return self.row.effect == Tool.Effects.KEYED
        return self.hand.keyed

    @property
    def can_undo(self) -> bool:
        """Whether it can be asked to take back what it did."""
        if isinstance(self.row, Tool):
            return self.row.undo
        return self.hand.reversal == "INVERSE"

    @property
    def timeout(self) -> float:
        """Seconds that one attempt may take."""
        return self.row.timeout_s if isinstance(self.row, Tool) else self.hand.timeout

    @property
    def place(self) -> str:
        """Where its calls go, without saying it: an address may hold a secret."""
        if isinstance(self.row, Tool):
            where = self.row.url
        else:
            config = orjson.dumps(self.row.config, option=orjson.OPT_SORT_KEYS)
            where = f"{self.row.pk} {config.decode()}"
        return sha256_of(where.encode())


def way_of(key: str) -> Way | None:
    """The way outside of a tool; None where the house does it, or a person."""
    hand = HANDS.get(key)
    if hand is not None:
        ways = Connector.objects.filter(
            tenant_id=current_tenant(), acts_as=hand.acts_as, is_active=True
        )
        connector = ways.first()
        return Way(key=key, hand=hand, row=connector) if connector else None
    tool = outside(key)
    return Way(key=key, hand=HTTP, row=tool) if tool else None


def job_for(way: Way, act: Act, *, attempt: int) -> Job:
    """Everything that the tool needs, read in the transaction at hand."""
    intent, execution, row = act.intent, act.execution, way.row
    ids = {
        "intent_id": intent.id,
        "execution_id": execution.id,
        "tenant": current_tenant(),
        "account": intent.account_id,
        "opportunity": intent.opportunity_id,
        "contact": intent.contact_id,
    }
    by_connector = isinstance(row, Connector)
    return Job(
        key=str(intent.id),
        at=act.at,
        attempt=attempt,
        config=row.config if isinstance(row, Connector) else {"url": row.url},
        secret=_secret(row),
        action_type=intent.action_type,
        parameters=intent.parameters,
        ids={name: str(id_) if id_ else None for name, id_ in ids.items()},
        auto_executed=execution.auto_executed,
        approval_source=str(execution.approval_source),
        kind=str(row.kind) if isinstance(row, Connector) else "",
        **(_concerned(intent, execution) if by_connector else {}),
    )


def _secret(row: Tool | Connector) -> str:
    if isinstance(row, Tool):
        return vault.unseal(row.sealed_secret)
    return next(iter(secrets_of(row)), "")


def _concerned(intent: Intent, execution: Execution) -> dict[str, Any]:
    """Whom and what an act concerns."""
    here = {"tenant_id": current_tenant()}
    account = Account.objects.get(**here, pk=intent.account_id)
    found: dict[str, Any] = {
        "account": {
            "id": str(account.id),
            "external_id": account.external_id,
            "name": account.name,
            "timezone": account.timezone,
        }
    }
    if intent.opportunity_id:
        deal = Opportunity.objects.get(**here, pk=intent.opportunity_id)
        found["opportunity"] = deal.external_id
    if intent.contact_id:
        contact = Contact.objects.get(**here, pk=intent.contact_id)
        found["contact"] = Someone(name=contact.name, email=contact.email)
    if execution.seller_id:
        members = Membership.objects.select_related("person")
        seller = members.get(**here, pk=execution.seller_id)
        found["seller"] = Someone(name=str(seller.person), email=seller.person.email)
    return found
