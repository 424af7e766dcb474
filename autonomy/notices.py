"""Notices: facts that somebody may want to be told of, kept in the same breath."""

from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from autonomy.models import Notice
from autonomy.rows import Writes
from ledger.scope import current_tenant


def noted(
    kind: str, about: UUID, *, at: datetime, account: UUID | None = None, **data: Any
) -> Notice:
    """A notice to be written with its fact; its data hold ids and codes, no words about
    people.
    """
    return Notice(
        id=uuid7(),
        tenant_id=current_tenant(),
        kind=str(kind),
        about=about,
        account_id=account,
        data=data,
        at=at,
    )


def note(
    kind: str, about: UUID, *, at: datetime, account: UUID | None = None, **data: Any
) -> None:
    """Keep a notice; the same fact is noted once."""
    row = noted(kind, about, at=at, account=account, **data)
    Writes().insert(row, unless_there=True).send()
