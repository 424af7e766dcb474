"""D3: what a synthesizer may propose; whatever falls outside is refused by name."""

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autonomy.rules.actions import SEVERITY, normalise

MOST = 3
# Of one answer, so many proposals are looked at.
LOOKED_AT = 20
RATIONALE = 2000
KEY = 64

REQUIRED = ("action_type", "parameters", "confidence")
FIELDS = frozenset({*REQUIRED, "rationale", "evidence", "risk_level"})

# What leads out of the house: URLs, mail addresses, hosts with a path, query or port.
LINK = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,20}://|\bwww\.|[^\s@<>\"']@[\w-]{1,63}\.\w|"
    r"(?:^|[\s(\[<\"'=])//[\w-]{1,63}\.\w|"
    r"\b(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}\.?(?:[/?#][^\s?#/.,;!]|:\d{2,5}\b)|"
    r"\b(?:\d{1,3}\.){3}\d{1,3}(?:[/?#][^\s]|:\d{2,5}\b)|"
    r"\b(?:javascript|data|mailto|tel):\S",
    re.IGNORECASE,
)
WHOLE_LINK = re.compile(rf"(?:{LINK.pattern})\S*", re.IGNORECASE)
# Signs that nobody sees, or that turn the order in which others are seen; what joins
# letters of some scripts, and pictures, is none of them.
HIDDEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
JOINERS = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
DOTS = str.maketrans("\u3002\u2024", "..")
REMOVED = "[removed]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A proposal as a synthesizer wrote it."""

    action_type: str
    parameters: Mapping[str, Any]
    confidence: float
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    risk_level: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A proposal that is not kept, and why. Its words are not repeated."""

    code: str
    action_type: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """What is kept, best first, and what is not."""

    kept: tuple[Draft, ...] = ()
    refused: tuple[Refused, ...] = field(default=())


def read(raw: object) -> Draft | Refused:
    """A proposal of plain JSON; refused where its shape is not the agreed one."""
    if not isinstance(raw, Mapping):
        return Refused(code="BAD_SHAPE", action_type="", detail="not an object")
    key = named(raw.get("action_type"))
    strange = len([name for name in raw if name not in FIELDS])
    if strange:
        return Refused(
            code="EXTRA_FIELDS", action_type=key, detail=f"{strange} unknown fields"
        )
    if wrong := _misshapen(raw):
        return Refused(code="BAD_SHAPE", action_type=key, detail=wrong)
    return Draft(
        action_type=raw["action_type"],
        parameters=raw["parameters"],
        confidence=raw["confidence"],
        rationale=raw.get("rationale") or "",
        evidence=tuple(raw.get("evidence") or ()),
        risk_level=raw.get("risk_level"),
    )


def sort_out(
    drafts: Sequence[Draft],
    *,
    known: Collection[str],
    shown: Collection[str],
    is_model: bool,
) -> Sorted:
    """Keep the first three that hold; list the rest with the reason."""
    kept: list[Draft] = []
    refused: list[Refused] = []
    seen: set[str] = set()
    for draft in drafts[:LOOKED_AT]:
        clean = _cleaned(draft, is_model=is_model)
        fault = _fault(clean, known=known, shown=shown, is_model=is_model)
        if fault is None and (same := _fingerprint(clean)) in seen:
            fault = ("DUPLICATE", "proposed twice")
        elif fault is None and len(kept) == MOST:
            fault = ("TOO_MANY", f"more than {MOST}")
        if fault is None:
            seen.add(same)
            kept.append(clean)
        else:
            code, detail = fault
            key = named(clean.action_type)
            refused.append(Refused(code=code, action_type=key, detail=detail))
    if (rest := len(drafts) - LOOKED_AT) > 0:
        said = f"{rest} more were not looked at"
        refused.append(Refused(code="TOO_MANY", action_type="", detail=said))
    return Sorted(kept=tuple(kept), refused=tuple(refused))


def named(key: object) -> str:
    """A key as it may be repeated in records: only where it looks like one."""
    plain = normalise(key) if isinstance(key, str) else ""
    return plain if re.fullmatch(r"[a-z0-9_]{1,64}", plain) else ""


def leads_out(value: object) -> bool:
    """Whether any text in a value holds an address of anything, however it is spelt."""
    return any(LINK.search(_as_read(text)) for text in _texts(value))


def hides(value: object) -> bool:
    """Whether any text in a value is another than the one that people see."""
    return any(HIDDEN.search(text) for text in _texts(value))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from _texts(pair)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _as_read(text: str) -> str:
    """As whatever makes a link of it will read it: wide letters and dots as plain ones,
    and nothing in between.
    """
    seen = HIDDEN.sub("", text)
    return unicodedata.normalize("NFKC", JOINERS.sub("", seen)).translate(DOTS)


def _misshapen(raw: Mapping[str, Any]) -> str:
    number = raw.get("confidence")
    evidence = raw.get("evidence")
    holds = {
        "action_type": isinstance(raw.get("action_type"), str),
        "parameters": isinstance(raw.get("parameters"), dict),
        "confidence": isinstance(number, int | float) and not isinstance(number, bool),
        "rationale": isinstance(raw.get("rationale"), str | None),
        "risk_level": isinstance(raw.get("risk_level"), str | None),
        "evidence": evidence is None
        or (
            isinstance(evidence, list) and all(isinstance(id_, str) for id_ in evidence)
        ),
    }
    return next((name for name, fine in holds.items() if not fine), "")


def _cleaned(draft: Draft, *, is_model: bool) -> Draft:
    """Keys as they are looked up; a model's reasons without what cannot be seen or
    leads somewhere."""
    rationale = "".join(
        sign for sign in draft.rationale if sign.isprintable() or sign == "\n"
    )
    if is_model:
        rationale = WHOLE_LINK.sub(REMOVED, _as_read(rationale))
    return replace(
        draft,
        action_type=normalise(draft.action_type),
        rationale=rationale,
        evidence=tuple(dict.fromkeys(each.lower() for each in draft.evidence)),
        risk_level=draft.risk_level.upper() if draft.risk_level else None,
    )


def _fault(
    draft: Draft, *, known: Collection[str], shown: Collection[str], is_model: bool
) -> tuple[str, str] | None:
    risk = draft.risk_level
    number = draft.confidence
    checks = (
        (draft.action_type in known, "UNKNOWN_ACTION", "not in the registry"),
        (
            0 <= number <= 1,
            "BAD_CONFIDENCE",
            "not a number from 0 to 1",
        ),
        (
            set(draft.evidence) <= set(shown),
            "FOREIGN_EVIDENCE",
            "it names signals that were not shown",
        ),
        (
            len(draft.rationale) <= RATIONALE,
            "LONG_RATIONALE",
            f"more than {RATIONALE} characters",
        ),
        (risk is None or risk in SEVERITY, "UNKNOWN_RISK", "no such risk level"),
        (
            not (is_model and leads_out(draft.parameters)),
            "ADDRESS_IN_TEXT",
            "a model wrote a link or an address",
        ),
        (
            not (is_model and hides(draft.parameters)),
            "HIDDEN_TEXT",
            "a model wrote what nobody would see",
        ),
    )
    return next(((code, said) for holds, code, said in checks if not holds), None)


def _fingerprint(draft: Draft) -> str:
    return json.dumps(
        [draft.action_type, draft.parameters], sort_keys=True, default=str
    )
