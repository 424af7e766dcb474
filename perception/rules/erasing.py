"""L9: what texts say once somebody is erased."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unicodedata import normalize

# What stands for somebody who was erased.
ERASED = "erased"
# A text that names them more often says nothing else, and goes whole: a database that
# is to see that words alone were taken out of it could not follow.
MOST = 10_000

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTROLS = dict(zip("bfnrt", "\b\f\n\r\t", strict=True))


@dataclass(frozen=True, kw_only=True)
class Gone:
    """Whoever is erased: what names them, and what names other people beside them.

    Where theirs stands in a longer name of somebody else, as Ann's in Ann Lee's, that
    one stays, and is found whole when Ann Lee is erased.
    """

    words: frozenset[str]
    others: frozenset[str] = frozenset()

    @cached_property
    def forms(self) -> list[str]:
        """Each word with its accents as letters of their own, and not; once in any case."""
        found = [
            normalize(form, each)
            for word in sorted(self.words)
            for each in (word, word.lower())
            for form in ("NFC", "NFD")
        ]
        return list({form.upper(): form for form in found if form.strip()}.values())

    @cached_property
    def named(self) -> re.Pattern[str]:
        """What finds them, as whole words; the first group is somebody else."""
        theirs = {form.lower() for form in self.forms}
        longer = [
            other
            for other in self.others
            if other.lower() not in theirs
            and any(word in other.lower() for word in theirs)
        ]
        found = f"({_either(longer)})|{_either(self.forms)}"
        return re.compile(rf"(?<!\w)(?:{found})(?!\w)", re.IGNORECASE)


def without(text: str, gone: Gone) -> str:
    """The text without them, wherever and however it names them."""
    told, times = gone.named.subn(lambda hit: hit[0] if hit[1] else ERASED, text)
    return told if times <= MOST else ERASED


def without_in(value: Any, gone: Gone, *, keys: bool = True) -> Any:
    """Plain JSON without them, in its keys too where those are not the product's own."""
    if isinstance(value, str):
        return without(value, gone)
    if isinstance(value, Mapping):
        return {
            without(key, gone) if keys else key: without_in(each, gone, keys=keys)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [without_in(each, gone, keys=keys) for each in value]
    return value


def unescaped(text: str) -> str:
    """JSON's own text, whole or broken, with every character as itself."""
    plain = _ESCAPE.sub(_character, text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(hit: re.Match[str]) -> str:
    return chr(int(hit[1], 16)) if hit[1] else _CONTROLS.get(hit[2], hit[2])


def _either(words: Iterable[str]) -> str:
    """Any of these, the longest first, however they are spaced; without any, nothing."""
    longest = sorted(words, key=lambda word: (-len(word), word))
    return "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest) or (
        r"(?!)"
    )
