"""D4: what a message newly says, by phrases that are meant.

A phrase is not meant where it is negated in its clause, where it is only supposed ("if
we put it on hold"), where it was said by us ("you mentioned that"), or asked of us.
"""

import re

from perception.rules.phrases import FAMILIES, Family
from perception.rules.wording import Sentence, sentences

_READ = {
    family: (
        [re.compile(each) for each in phrases.says],
        re.compile(phrases.beside) if phrases.beside else None,
        re.compile(phrases.against),
        phrases.may_ask,
    )
    for family, phrases in FAMILIES.items()
}
_CLAUSE = re.compile(r" [,:] |\b(?:but|however|although|though|because|so|and then)\b")
_NEGATED = re.compile(
    r"\b(?:not|never|no|nobody|none|neither|nor|without|hardly|no need to|nothing"
    r"|refused? to|instead of)\b"
)
_SUPPOSED = re.compile(
    r"\b(?:if|unless|whether|in case|suppose|imagine|what if|should we|hypothetically"
    r"|for example|rumou?rs?)\b"
)
_OF_US = re.compile(
    r"\b(?:you|your (?:mail|email|message|colleague)) (?:said|wrote|mentioned"
    r"|asked|told|suggested|proposed|reported)\b"
)
_TO_US = re.compile(r"\byou(?:r|rs)?\b")
_TELLS = re.compile(r"\b(?:did you (?:hear|know|see)|have you heard|you should know)\b")
_ANSWER = re.compile(
    r" {0,5}(?:re|aw|fwd?|wg|sv|antw|tr|rv) ?(?:\[\d{1,3}\])? ?:", re.IGNORECASE
)
NEAR = 6


def families_in(text: str) -> frozenset[Family]:
    """What a message newly speaks of."""
    found: set[Family] = set()
    for sentence in sentences(text):
        found |= {
            family
            for family in Family
            if family not in found and speaks_of(family, sentence)
        }
    return frozenset(found)


def said_in(subject: str, text: str) -> list[str]:
    """The families of a message; the subject of an answer was written before it."""
    is_answer = _ANSWER.match(subject) is not None
    whole = text if is_answer or not subject else f"{subject}\n\n{text}"
    return sorted(family.value for family in families_in(whole))


def speaks_of(family: Family, sentence: Sentence) -> bool:
    """Whether a sentence states something of a family."""
    says, beside, against, may_ask = _READ[family]
    words = sentence.words
    hits = [hit for phrase in says if (hit := phrase.search(words))]
    if not hits or (beside and not beside.search(words)) or against.search(words):
        return False
    if _OF_US.search(words):
        return False
    if sentence.asks and not may_ask and _TO_US.search(words):
        return _TELLS.search(words) is not None
    return any(_is_meant(words[: hit.start()], may_ask=may_ask) for hit in hits)


def _is_meant(before: str, *, may_ask: bool) -> bool:
    """Whether what stands before a phrase neither negates nor only supposes it."""
    if not may_ask and _SUPPOSED.search(before):
        return False
    clause = _CLAUSE.split(before)[-1]
    return _NEGATED.search(" ".join(clause.split()[-NEAR:])) is None
