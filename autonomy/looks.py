"""H5: since when a question is in front of somebody: a page says so, signed, and a click
carries it back. Whatever else comes back is not known, and refuses nothing.
"""

from datetime import UTC, datetime
from uuid import UUID

from django.core import signing
from django.http import HttpRequest

from autonomy.rules.approvals import Look
from perception.rules.callers import Caller

# What pages call it.
NAME = "shown"
_SIGNER = signing.Signer(salt="looks")


def shown(approval: UUID, by: Caller, *, now: datetime) -> str:
    """That this question is shown to this member now."""
    return _SIGNER.sign_object([str(approval), str(by.membership), now.timestamp()])


def carried(request: HttpRequest, by: Caller) -> dict[UUID, Look]:
    """Since when the member had each question before them, as far as it is known."""
    tokens = [*request.GET.getlist(NAME), *request.POST.getlist(NAME)]
    found = {}
    for token in tokens:
        try:
            approval, member, since = _SIGNER.unsign_object(token)
        except signing.BadSignature:
            continue
        if member == str(by.membership):
            found[UUID(approval)] = Look(since=datetime.fromtimestamp(since, UTC))
    return found
