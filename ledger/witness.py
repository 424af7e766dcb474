"""Copies of checkpoints outside the database, so that a rewritten one is caught.

One file a day and tenant; notes are appended, with a line of `---` after each.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

END = "---\n"


def keep(tenant: UUID, note: str, *, now: datetime) -> None:
    """Append a note; it is on disk when this returns."""
    folder = _folder(tenant)
    folder.mkdir(parents=True, exist_ok=True)
    # One write of a short text to a file opened for appending is not torn by others.
    handle = os.open(
        folder / f"{now:%Y-%m-%d}.notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
    )
    try:
        os.write(handle, (note + END).encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def kept(tenant: UUID) -> Iterator[str]:
    """Every note that was kept for a tenant, oldest first."""
    for path in sorted(_folder(tenant).glob("*.notes")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for note in text.split(END):
            if note:
                yield note


def witnessed_tenants() -> list[UUID]:
    """The tenants of whom there is at least a folder."""
    base: Path = settings.LEDGER_ANCHOR_DIR
    if not base.is_dir():
        return []
    return sorted(
        UUID(path.name)
        for path in base.iterdir()
        if path.is_dir() and _is_id(path.name)
    )


def _folder(tenant: UUID) -> Path:
    base: Path = settings.LEDGER_ANCHOR_DIR
    return base / str(tenant)


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
