"""N1: whether an answer turns down what was offered, by phrases that are meant."""

import re
from collections.abc import Mapping
from typing import Any

from perception.rules.wording import sentences

NEGATIVE, POSITIVE = "NEGATIVE", "POSITIVE"
_TURNS_DOWN = re.compile(
    r"\b(?:not interested|no interest in|no thanks|no thank you"
    r"|unsubscribe|take (?:me|us) off|remove (?:me|us) from"
    r"|(?:please )?stop (?:e-?mailing|contacting|writing|calling|sending)"
    r"|do not (?:e-?mail|contact|write|call|send)"
    r"|we (?:will|have decided) (?:to )?(?:pass|decline)|have to decline)\b"
)
_DENIED = re.compile(r"\b(?:not that (?:i am|we are)|would not say)\b")


def is_negative(payload: Mapping[str, Any]) -> bool:
    """What a source says of it counts; else what is newly written. A question never."""
    said = payload.get("sentiment")
    word = said.strip().upper() if isinstance(said, str) else ""
    if word in (NEGATIVE, POSITIVE):
        return word == NEGATIVE
    text = payload.get("text")
    return isinstance(text, str) and any(
        not each.asks
        and _TURNS_DOWN.search(each.words)
        and not _DENIED.search(each.words)
        for each in sentences(text)
    )
