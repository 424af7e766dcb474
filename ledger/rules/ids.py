"""Ids as somebody wrote them."""

from typing import Any
from uuid import UUID


def id_in(text: Any) -> UUID | None:
    """The id that a text is, if it is one."""
    try:
        return UUID(str(text))
    except ValueError:
        return None
