"""Entries as they are hashed: read from their rows, without a detour."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from ledger.rules.canonical import canonical, entry_document

# Of `ledger_entry AS e`, in the order of Row. JSON comes as text: reading it here is
# faster, and a tampered value cannot break the driver.
COLUMNS = (
    "e.number, e.id, e.tenant_id, e.at, e.kind, "
    "e.actor::text, e.subjects::text, e.data::text"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the ledger; any column may be missing where somebody tampered."""

    number: int
    id: UUID | None
    tenant: UUID | None
    at: datetime | None
    kind: str | None
    actor: str | None
    subjects: str | None
    data: str | None

    def document(self, sequence: int) -> dict[str, Any]:
        """What is hashed and shown at a place of the tree."""
        return entry_document(
            id=self.id,
            tenant=self.tenant,
            sequence=sequence,
            number=self.number,
            at=self.at,
            kind=self.kind,
            actor=_value(self.actor),
            subjects=_value(self.subjects),
            data=_value(self.data),
        )

    def canonical(self, sequence: int) -> bytes:
        """The bytes that are hashed at a place of the tree."""
        return canonical(self.document(sequence))


def rows_of(fetched: Iterable[Sequence[Any]]) -> list[Row]:
    return [Row(*columns) for columns in fetched]


def _value(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
