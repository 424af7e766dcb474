"""The file that proves an act to a stranger: entries, their places, the checkpoint."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from ledger.rules.canonical import canonical

FORMAT = "autonomy-proof-bundle/v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleEntry:
    """One entry as it was hashed, and the path from its leaf to the checkpoint's root."""

    canonical: bytes
    leaf_index: int
    path: Sequence[bytes]


def bundle_bytes(
    *,
    tenant: UUID | str,
    execution: UUID | str,
    checkpoint: str,
    entries: Sequence[BundleEntry],
    policies: Mapping[str, str],
) -> bytes:
    bundle = {
        "format": FORMAT,
        "tenant": str(tenant),
        "execution": str(execution),
        "checkpoint": checkpoint,
        "entries": [
            _stated(entry)
            for entry in sorted(entries, key=lambda each: each.leaf_index)
        ],
        "policies": dict(policies),
    }
    return canonical(bundle) + b"\n"


def _stated(entry: BundleEntry) -> dict[str, object]:
    return {
        "canonical": entry.canonical.decode(),
        "leaf_index": entry.leaf_index,
        "path": [base64.b64encode(node).decode() for node in entry.path],
    }
