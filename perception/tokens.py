"""API tokens: issued once, kept as a hash, found without crossing tenants."""

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from perception.errors import BadToken, TokenExpired, TokenRevoked
from perception.models import ApiToken, Membership
from perception.rules.callers import Caller
from perception.rules.roles import Role

PREFIX = "aut"
USE_NOTED_EVERY = timedelta(minutes=5)


def issue(
    membership: Membership,
    *,
    days: int,
    now: datetime,
    by: Actor = SYSTEM,
    secret: bytes | None = None,
) -> str:
    """Make a token for a membership; this is the only time that it is shown.

    A caller that must be able to show it again brings 32 bytes of its own: the same
    bytes make the same token, which is then issued once.
    """
    text = _compose(membership.tenant_id, secret or secrets.token_bytes(32))
    if secret and ApiToken.objects.filter(hash=_hash(text)).exists():
        return text
    token = ApiToken.objects.create(
        tenant_id=membership.tenant_id,
        membership=membership,
        hash=_hash(text),
        hint=text[-4:],
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    record(
        Fact(
            kind=Kind.TOKEN_ISSUED,
            by=by,
            subjects={"token": token.id, "member": membership.id},
            data={"role": membership.role, "days": days},
        ),
        now=now,
    )
    return text


def revoke(token: UUID, *, now: datetime, by: Actor = SYSTEM) -> bool:
    """Revoke a token for good; False when it was revoked before, or is not here."""
    changed = ApiToken.objects.filter(pk=token, revoked_at=None).update(revoked_at=now)
    if changed:
        record(Fact(kind=Kind.TOKEN_REVOKED, by=by, subjects={"token": token}), now=now)
    return bool(changed)


def tenant_of(text: str) -> UUID:
    """The tenant that a token names. It proves nothing yet."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != PREFIX or len(parts[1]) != 32:
        raise BadToken
    try:
        return UUID(hex=parts[1])
    except ValueError:
        raise BadToken from None


def find(text: str, *, now: datetime) -> tuple[ApiToken, Caller]:
    """The token and its caller; must run in the scope of the tenant it names."""
    token = (
        ApiToken.objects.select_related("membership__person")
        .filter(hash=_hash(text))
        .first()
    )
    if token is None or not _may_act(token.membership):
        raise BadToken
    if token.revoked_at is not None:
        raise TokenRevoked
    if token.expires_at <= now:
        raise TokenExpired
    return token, Caller(
        tenant=token.tenant_id,
        membership=token.membership_id,
        role=Role(token.membership.role),
        token=token.id,
    )


def id_of(text: str) -> UUID:
    """The id of a token, live or not, in the scope of the tenant it names."""
    found = (
        ApiToken.objects.filter(hash=_hash(text)).values_list("id", flat=True).first()
    )
    if found is None:
        raise BadToken
    return found


def note_use(token: ApiToken, *, now: datetime) -> None:
    """Remember roughly when a token was last used, without a write per request."""
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def _may_act(membership: Membership) -> bool:
    return membership.is_active and membership.person.is_active


def _compose(tenant: UUID, secret: bytes) -> str:
    tail = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return f"{PREFIX}_{tenant.hex}_{tail}"


def _hash(text: str) -> str:
    # The secret has 256 random bits: a slow hash would protect nothing more.
    return hashlib.sha256(text.encode()).hexdigest()
