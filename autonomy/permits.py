"""Permits: minted when an act is approved, bound to it exactly, spent when it starts."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from autonomy.errors import NoPermit
from autonomy.facts import Answer
from autonomy.models import Intent, Permit, Verdict
from autonomy.rows import new
from autonomy.subjects import subjects_of
from ledger.record import Actor, Fact
from ledger.rules.canonical import canonical
from ledger.rules.digest import sha256_of
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.vault import is_stamped, stamp

# How long an approved act may wait for its start: a switch, a queue, a night.
GOOD_FOR = timedelta(days=1)
PURPOSE = "permit"


def draw_up(
    intent: Intent,
    verdict: Verdict,
    answer: Answer,
    *,
    receipt: UUID | None,
    approved_by: UUID | None = None,
    good_for: timedelta = GOOD_FOR,
) -> Permit:
    """A permit for exactly this action, on exactly these facts; not yet kept."""
    source = Permit.Source.HUMAN if approved_by else Permit.Source.POLICY
    permit = new(
        Permit,
        tenant_id=current_tenant(),
        intent=intent,
        verdict=verdict,
        receipt_id=receipt,
        source=source,
        approved_by_id=approved_by,
        action_type=intent.action_type,
        action_digest=action_digest(intent),
        facts_digest=digest(verdict.facts),
        policy_version=verdict.policy_version,
        epoch=answer.epoch,
        minted_at=answer.at,
        expires_at=until(intent, answer.at + good_for),
    )
    permit.seal = stamp(PURPOSE, _content(permit))
    return permit


def until(intent: Intent, moment: datetime) -> datetime:
    """How long leave can last: no longer than the act still makes sense."""
    return moment if intent.not_after is None else min(moment, intent.not_after)


def minted(permit: Permit) -> Fact:
    """The fact that a permit was minted."""
    return Fact(
        kind=Kind.PERMIT_MINTED,
        by=_by(permit),
        subjects={**subjects_of(permit.intent), "permit": permit.id},
        data={
            "source": str(permit.source),
            "action_digest": permit.action_digest,
            "facts_digest": permit.facts_digest,
            "policy_version": permit.policy_version,
            "epoch": permit.epoch,
            "expires_at": permit.expires_at.isoformat(),
        },
    )


def check(permit: Permit, intent: Intent, *, at: datetime) -> None:
    """Refuse what is not this house's unspent permit for exactly this action."""
    if not is_stamped(PURPOSE, _content(permit), permit.seal):
        raise NoPermit("Its seal is not ours.")
    if permit.intent_id != intent.id or permit.action_digest != action_digest(intent):
        raise NoPermit("It was minted for another action.")
    if permit.spent_at is not None or permit.voided_at is not None:
        raise NoPermit("It was used, or withdrawn.")
    if permit.receipt is not None and permit.receipt.returned_at is not None:
        raise NoPermit("Its budget was given back.")
    if at >= permit.expires_at:
        raise NoPermit(f"It expired at {permit.expires_at:%Y-%m-%d %H:%M} UTC.")


def action_digest(intent: Intent) -> str:
    """What a permit is bound to: who it concerns, what is done, with which words."""
    return digest(
        {
            "tenant": str(intent.tenant_id),
            "intent": str(intent.id),
            "account": str(intent.account_id),
            "opportunity": str(intent.opportunity_id or ""),
            "contact": str(intent.contact_id or ""),
            "action_type": intent.action_type,
            "parameters": intent.parameters,
        }
    )


def digest(plain: Any) -> str:
    return sha256_of(canonical(plain))


def _by(permit: Permit) -> Actor:
    if permit.approved_by_id:
        return Actor(type="person", id=str(permit.approved_by_id))
    return Actor(type="policy", id=permit.policy_version)


def _content(permit: Permit) -> bytes:
    """Everything that a permit says, as bytes to seal."""
    return canonical(
        {
            "id": str(permit.id),
            "tenant": str(permit.tenant_id),
            "intent": str(permit.intent_id),
            "verdict": str(permit.verdict_id),
            "receipt": str(permit.receipt_id or ""),
            "source": str(permit.source),
            "approved_by": str(permit.approved_by_id or ""),
            "action_digest": permit.action_digest,
            "facts_digest": permit.facts_digest,
            "policy_version": permit.policy_version,
            "epoch": permit.epoch,
            "action_type": permit.action_type,
            "minted_at": permit.minted_at.isoformat(),
            "expires_at": permit.expires_at.isoformat(),
        }
    )
