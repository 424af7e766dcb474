"""P2: the types of signals, what their payloads hold, and what each does to an account."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from perception.rules.heat import Posture

MAX_PAYLOAD = 64 * 1024
MAX_DEPTH = 24
MAX_LIST = 1000
LONGEST_TYPE = 64
AHEAD = timedelta(minutes=5)
# Chains of acts and their consequences end here.
MAX_CHAIN = 3
UNKNOWN_LIVES = timedelta(days=30)

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
LIST = {"type": "array"}
NAME = {"type": ["string", "integer"]}
WHEN = {"type": "string", "description": "A date and time."}


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalType:
    """One registered type. `is_external`: its text was written outside this house."""

    key: str
    means: str
    fields: Mapping[str, Any]
    example: Mapping[str, Any]
    is_external: bool
    lives: timedelta = timedelta(days=30)
    posture: Posture | None = Posture.OK
    # Somebody at the account did something towards us.
    engages: bool = False
    # Warms the account, and may start a run: an act's own echo does neither.
    stirs: bool = True
    # Found by the house itself: it says how an account stands, and is no sign of life.
    is_derived: bool = False
    schema: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        schema = {"type": "object", "properties": dict(self.fields)}
        object.__setattr__(self, "schema", schema)


TYPES: Sequence[SignalType] = (
    SignalType(
        key="crm_update",
        means="A field of the account or of a deal changed in the CRM.",
        fields={
            "object": TEXT, "field": TEXT, "opportunity": NAME, "stage": TEXT,
            "from": {}, "to": {}, "amount": {}, "renewal_date": {},
        },
        example={"object": "opportunity", "opportunity": "o1", "stage": "discovery"},
        is_external=True,
    ),
    SignalType(
        key="meeting_created",
        means="A meeting with the account was put into a calendar.",
        fields={"title": TEXT, "starts_at": WHEN, "attendees": {"type": "array"}},
        example={"title": "Kick-off", "starts_at": "2026-11-20T12:00:00Z"},
        is_external=True,
        engages=True,
    ),
    SignalType(
        key="ticket_escalated",
        means="A support ticket of the account was escalated.",
        fields={"ticket": NAME, "severity": TEXT, "subject": TEXT, "summary": TEXT},
        example={"ticket": "T-17", "severity": "high", "subject": "Export fails"},
        is_external=True,
        posture=Posture.AT_RISK,
        engages=True,
    ),
    SignalType(
        key="news",
        means="Something about the account was published.",
        fields={"title": TEXT, "url": TEXT, "summary": TEXT, "published_at": WHEN},
        example={"title": "Acme opens a plant", "url": "https://news.example/acme"},
        is_external=True,
        posture=Posture.WATCH,
    ),
    SignalType(
        key="hiring",
        means="The account looks for people.",
        fields={"role": TEXT, "count": {"type": "integer"}, "url": TEXT},
        example={"role": "Head of Operations", "count": 1},
        is_external=True,
        lives=timedelta(days=60),
        posture=Posture.WATCH,
    ),
    SignalType(
        key="product_usage_anomaly",
        means="The account uses the product much more, or much less, than before.",
        fields={"metric": TEXT, "direction": TEXT, "change": NUMBER},
        example={"metric": "weekly_users", "direction": "down", "change": -0.35},
        is_external=False,
        posture=Posture.WATCH,
    ),
    SignalType(
        key="lifecycle_change",
        means="The account became a suspect, a customer, or left.",
        fields={"from": TEXT, "to": TEXT},
        example={"from": "PROSPECT", "to": "CUSTOMER"},
        is_external=False,
        lives=timedelta(days=90),
    ),
    SignalType(
        key="posture_change",
        means="Somebody, or a system, says how the account stands now.",
        fields={"from": TEXT, "to": TEXT, "reason": TEXT},
        example={"from": "OK", "to": "AT_RISK", "reason": "The champion left."},
        is_external=True,
        posture=None,
    ),
    SignalType(
        key="reply_received",
        means="Somebody at the account answered.",
        fields={"contact": NAME, "subject": TEXT, "text": TEXT, "sentiment": TEXT},
        example={"contact": "c1", "subject": "Re: Kick-off", "text": "Gladly."},
        is_external=True,
        engages=True,
    ),
    SignalType(
        key="pattern_detected",
        means="What the account's people did and wrote shows a pattern.",
        fields={
            "pattern": TEXT, "rule": TEXT, "severity": TEXT, "confidence": NUMBER,
            "evidence": LIST, "accounts": LIST, "seen_at": WHEN,
        },
        example={
            "pattern": "risk_indicator", "rule": "freeze", "severity": "high",
            "confidence": 0.75, "evidence": ["0198aaaa-0000-7000-8000-000000000001"],
        },
        is_external=False,
        lives=timedelta(days=14),
        posture=None,
        is_derived=True,
    ),
    SignalType(
        key="renewal_window_entered",
        means="A renewal is 90, 60 or 30 days away.",
        fields={"window": NUMBER, "renewal_date": TEXT, "severity": TEXT},
        example={"window": 90, "renewal_date": "2027-02-18", "severity": "medium"},
        is_external=False,
        posture=None,
        is_derived=True,
    ),
    SignalType(
        key="no_engagement",
        means="Nobody there did anything towards us for 30 days.",
        fields={"since": TEXT, "days": NUMBER},
        example={"since": "2026-10-20", "days": 30},
        is_external=False,
        posture=None,
        is_derived=True,
    ),
    SignalType(
        key="execution_outcome",
        means="What became of an act of this house; it starts nothing.",
        fields={"execution_id": TEXT, "intent_id": TEXT, "status": TEXT},
        example={
            "execution_id": "0198aaaa-0000-7000-8000-000000000001",
            "status": "SUCCEEDED",
        },
        is_external=False,
        lives=timedelta(days=90),
        posture=None,
        stirs=False,
    ),
)  # fmt: skip

REGISTRY: Mapping[str, SignalType] = {each.key: each for each in TYPES}
SILENT = tuple(each.key for each in TYPES if not each.stirs)
ENGAGING = tuple(each.key for each in TYPES if each.engages)

_GAPS = re.compile(r"[\s\-]+")


def normalised(text: str) -> str:
    """A type's id as it is kept: lower_snake."""
    return _GAPS.sub("_", text.strip().casefold())


def said_of(payload: Mapping[str, Any], field: str, otherwise: Any = None) -> Any:
    """What a CRM says of a field: outright, or as the one that changed."""
    if field in payload:
        return payload[field]
    if normalised(str(payload.get("field", ""))) == field:
        return payload.get("to", otherwise)
    return otherwise


def is_external(key: str) -> bool:
    """Whether a signal's text is to be treated as written by a stranger."""
    known = REGISTRY.get(key)
    return known is None or known.is_external


def lives(key: str) -> timedelta:
    """How long a signal counts."""
    known = REGISTRY.get(key)
    return UNKNOWN_LIVES if known is None else known.lives


def stirs(key: str) -> bool:
    """Whether a signal may start a run, and counts for its account."""
    return key not in SILENT


def is_derived(key: str) -> bool:
    """Whether the house found it by itself: no sign of life of the account."""
    known = REGISTRY.get(key)
    return known is not None and known.is_derived


def starts_run(key: str, *, caused_by: UUID | None, depth: int) -> bool:
    """D0: an echo of an act, or the end of too long a chain, starts nothing."""
    return stirs(key) and caused_by is None and depth <= MAX_CHAIN


def echo_of(key: str, payload: Mapping[str, Any]) -> UUID | None:
    """The execution that an outcome, reported from outside, belongs to."""
    if stirs(key):
        return None
    try:
        return UUID(str(payload.get("execution_id", "")))
    except ValueError:
        return None
