"""H1: questions in the shape of LangGraph's Agent Inbox, and what its answers mean here."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

# Which cause a text stands for that begins with one, as "timing: after the summer".
CAUSES = ("idea", "timing", "execution", "external")
ALL = "idea"
# Whoever ignores a question says nothing against the idea.
IGNORED = "timing"
LONGEST_NOTE = 2000
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")


class Answer(StrEnum):
    """The four answers of that inbox."""

    ACCEPT = "accept"
    EDIT = "edit"
    RESPONSE = "response"
    IGNORE = "ignore"


def restored(given: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, with what that inbox turned into text turned back.

    It shows every argument in a text field, and sends a JSON text for what was none.
    """
    return {
        name: _restored(value, shown.get(name, "")) for name, value in given.items()
    }


def cause_of(text: str) -> tuple[str, str]:
    """The cause that a text names, and the note; a text of its own is about the idea."""
    begins, colon, rest = text.strip().partition(":")
    cause = begins.strip().lower()
    if colon and cause in CAUSES:
        return cause, rest.strip()[:LONGEST_NOTE]
    return ALL, text.strip()[:LONGEST_NOTE]


def escaped(text: str) -> str:
    """Text that stays text where Markdown is read: no link, no picture, no heading."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _restored(value: Any, shown: Any) -> Any:
    if not isinstance(value, str) or isinstance(shown, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
