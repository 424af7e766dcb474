"""What somebody newly says in a message: without quotes, sentence by sentence.

Everything here takes time in proportion to the text, whatever is in it: texts and
sentences have a longest length, and expressions have no repetition without an end.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 8000
LONGEST_LINES = 400
LONGEST_SENTENCE = 400

# Where a quoted message begins: all after it was said before.
_QUOTED = re.compile(
    r"-{2,10} ?(?:original message|forwarded message|urspr[üu]ngliche nachricht)"
    r"|begin forwarded message"
    r"|_{10,80}$"
    r"|(?:on|am|le|el|op|il|den) .{3,200} "
    r"(?:wrote|schrieb.{0,80}|a [ée]crit|escribi[óo]|schreef.{0,80}|ha scritto|skrev.{0,80}) ?:$",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\*?(?:from|von|de|van|da|sent|gesendet|date|datum|to|an|cc|subject|betreff)\*?: ?\S",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"-- ?$")
_ITEM = re.compile(r"(?:[-*•]|\d{1,2}[.)]) ")
_BREAK = re.compile(r"([.!?;]{1,5})(?=[\s\"')]|$)")
_NOT_WORDS = re.compile(r"[^\w'$€£%&/.,:-]{1,80}")
_LOOSE = re.compile(r"(?<=[\w%])[.](?!\w)|(?<!\w)[.]")
_STOP = re.compile(r" ?[,:] ?")
_SPACES = re.compile(r"\s{1,400}")
_SHORT = {
    "won't": "will not",
    "can't": "can not",
    "cannot": "can not",
    "n't": " not",
    "i'm": "i am",
    "'re": " are",
    "'ve": " have",
    "'ll": " will",
    "let's": "let us",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in small letters, with single spaces; commas and colons as " , "."""

    words: str
    asks: bool


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of what is new in a message."""
    for part in _paragraphs(text[:LONGEST]):
        pieces = _BREAK.split(part)
        for at in range(0, len(pieces), 2):
            asks = at + 1 < len(pieces) and "?" in pieces[at + 1]
            for words in _cut(_plain(pieces[at])):
                yield Sentence(words=words, asks=asks)


def unquoted(text: str) -> list[str]:
    """The lines that are new, up to a signature or to the message that was answered."""
    lines = text.splitlines()[:LONGEST_LINES]
    kept: list[str] = []
    for at, given in enumerate(lines):
        line = given.strip()
        if _SIGNATURE.fullmatch(given.rstrip("\r")) or _is_header(lines, at):
            break
        # An attribution may be wrapped; what answers below a ">" is new.
        two = f"{line} {lines[at + 1].strip()}" if at + 1 < len(lines) else line
        if _QUOTED.match(line[:400]) or _wraps(line, two):
            if not any(
                each.lstrip().startswith(">") for each in lines[at + 1 : at + 5]
            ):
                break
            continue
        if not line.startswith((">", "|")):
            kept.append(line)
    return kept


def _wraps(line: str, two: str) -> bool:
    return len(line) < 200 and not line.endswith(":") and _is_attribution(two[:400])


def _is_attribution(text: str) -> bool:
    found = _QUOTED.match(text)
    return found is not None and found.end() == len(text)


def _is_header(lines: list[str], at: int) -> bool:
    """Two lines of a mail's head, one below the other."""
    two = lines[at : at + 2]
    return len(two) == 2 and all(_HEADER.match(each.strip()[:80]) for each in two)


def _paragraphs(text: str) -> Iterator[str]:
    """Lines put together again where only a mail program broke them."""
    held: list[str] = []
    for line in [*unquoted(text), ""]:
        if held and (not line or _ITEM.match(line)):
            yield " ".join(held)
            held = []
        if line:
            held.append(line)


def _plain(text: str) -> str:
    words = text.casefold().replace("’", "'").replace("\u00a0", " ")
    for short, long in _SHORT.items():
        words = words.replace(short, long)
    words = _LOOSE.sub(" ", _NOT_WORDS.sub(" ", words))
    words = _STOP.sub(lambda found: f" {found[0].strip()} ", words)
    return _SPACES.sub(" ", words).strip()


def _cut(words: str) -> Iterator[str]:
    """Pieces of a bounded length, cut between words."""
    while len(words) > LONGEST_SENTENCE:
        at = words.rfind(" ", 0, LONGEST_SENTENCE)
        at = LONGEST_SENTENCE if at <= 0 else at
        yield words[:at]
        words = words[at:].strip()
    if words:
        yield words
