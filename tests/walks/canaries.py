"""Words that nobody else says: planted as secrets and as personal data, then hunted."""

import base64
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# What the deployer gives by the environment; what tenants and people give; who people are.
DEPLOYED, KEPT, PERSONAL = "deployed", "kept", "personal"
LETTERS = "bcdfghjkmnpqrstvwxz"


@dataclass(frozen=True, kw_only=True)
class Canary:
    """One planted word. `kind`: whose it is; `what`: as findings call it."""

    kind: str
    what: str
    word: str

    @property
    def forms(self) -> list[bytes]:
        """The word as it stands in text, in hexadecimal, and in base64 at any offset."""
        raw = self.word.encode()
        shifted = (
            base64.b64encode(b"\0" * skip + raw)[4 if skip else 0 : -4]
            for skip in range(3)
        )
        return [raw.lower(), raw.hex().encode(), *(each for each in shifted if each)]

    def is_in(self, text: bytes, lower: bytes) -> bool:
        word, *others = self.forms
        return word in lower or any(each in text for each in others)


def word(letters: int = 18) -> str:
    """So long that chance never says it; plain letters, so that nothing quotes it."""
    return "".join(secrets.choice(LETTERS) for _ in range(letters))


def digits(count: int) -> str:
    return "".join(secrets.choice("123456789") for _ in range(count))


def hunted(canaries: Iterable[Canary], text: bytes) -> list[Canary]:
    """Which of them a text holds."""
    lower = text.lower()
    return [each for each in canaries if each.is_in(text, lower)]


def around(canary: Canary, text: bytes, chars: int = 90) -> str:
    """Where a text says it, for whoever has to mend it."""
    for form in canary.forms:
        found = re.search(re.escape(form), text, re.IGNORECASE)
        if found:
            piece = text[max(0, found.start() - chars) : found.end() + chars]
            return piece.decode(errors="replace").replace("\n", "⏎")
    return ""


def report(found: Mapping[str, list[Canary]], texts: Mapping[str, bytes]) -> str:
    """Every finding with its place and what stands around it."""
    return "\n".join(
        f"{place}: {each.what}: …{around(each, texts[place])}…"
        for place, canaries in found.items()
        for each in canaries
    )
