"""What is kept of an interaction: clean text, a hint of its mood, nothing without end."""

import re

LONGEST_SUBJECT = 300
LONGEST_TEXT = 20_000
LONGEST_ID = 255

# Words that say how somebody feels, each worth one; a "not" before it turns it round.
GLAD = frozenset(
    [
        "glad",
        "happy",
        "pleased",
        "thanks",
        "thank",
        "great",
        "excellent",
        "perfect",
        "love",
        "wonderful",
        "delighted",
        "impressed",
        "excited",
        "appreciate",
        "helpful",
        "fantastic",
        "brilliant",
        "satisfied",
    ]
)
CROSS = frozenset(
    [
        "unhappy",
        "disappointed",
        "disappointing",
        "frustrated",
        "frustrating",
        "angry",
        "annoyed",
        "upset",
        "terrible",
        "awful",
        "unacceptable",
        "poor",
        "broken",
        "worst",
        "complaint",
        "complain",
        "cancel",
        "dissatisfied",
        "useless",
        "unreliable",
    ]
)
NOT = frozenset(
    [
        "not",
        "no",
        "never",
        "hardly",
        "without",
        "don't",
        "isn't",
        "wasn't",
        "aren't",
        "can't",
    ]
)
_WORD = re.compile(r"[a-z']{2,30}")


def cleaned(text: str, most: int) -> str:
    """Text that a database takes: no NUL, no half characters, not too long."""
    short = text[:most].replace("\0", "").replace("’", "'")
    return short.encode("utf-8", "replace").decode("utf-8")


def sentiment_of(text: str) -> str:
    """POSITIVE or NEGATIVE where such words outweigh the others by one at least.

    Each word of the lists counts once for each time it stands there, for the other side
    within two words after a negation. NEUTRAL where they are even or none is there, and
    nothing for no text at all.
    """
    words = _WORD.findall(text[:LONGEST_TEXT].lower())
    if not words:
        return ""
    tally = 0
    for at, word in enumerate(words):
        worth = (word in GLAD) - (word in CROSS)
        if worth:
            turned = any(each in NOT for each in words[max(0, at - 2) : at])
            tally += -worth if turned else worth
    if tally == 0:
        return "NEUTRAL"
    return "POSITIVE" if tally > 0 else "NEGATIVE"
