"""What sources of CRMs share: a walk over what changed, stages, deals, and when to wait."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from perception.egress import Answer
from perception.models import Opportunity
from perception.sources.base import (
    Asked,
    Deal,
    Found,
    Met,
    Sighted,
    SourceFailed,
    SourceRefuses,
)
from perception.sources.reading import EARLIEST

# Clocks differ, and what a CRM commits or indexes late has an earlier time.
OVERLAP = timedelta(minutes=10)
LONGEST_WAIT = 86_400.0
MOST = Decimal(10) ** 12
CENT = Decimal("0.01")

STAGE: Mapping[str, Any] = {"type": "string", "enum": list(Opportunity.Stage.values)}
# What every CRM is configured with.
COMMON: Mapping[str, Any] = {
    "stages": {
        "type": "object",
        "title": "Stages",
        "description": "What a stage there is called here, where the usual does not fit.",
        "additionalProperties": STAGE,
        "default": {},
    },
    "other_stage": {
        **STAGE,
        "title": "Any other stage",
        "description": "What a stage counts as that nothing names. From evaluation on, "
        "people act.",
        "default": "evaluation",
    },
    "first_days": {
        "type": "integer",
        "title": "Days at first",
        "description": "The first pull reads all deals; only changes of so many days "
        "become signals.",
        "minimum": 0,
        "maximum": 90,
        "default": 1,
    },
}


# What tools of the house write ends with this and a key: it is no news.
MARK = "[autonomy "
# What tools that write into the vendors' CRMs are configured with besides.
STAGE_TO: Mapping[str, Any] = {
    "type": "object",
    "title": "Stages, when they are set",
    "description": "What a stage here becomes there, where that is not the first one "
    "that counts as it.",
    "propertyNames": STAGE,
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 100},
    "default": {},
}


def fields_to(pattern: str) -> Mapping[str, Any]:
    """Which fields tools may set, besides those that the vendor itself has."""
    return {
        "type": "object",
        "title": "Fields, when they are set",
        "description": "What a field is called there: discount, for example, or one "
        "that has no usual name. No other field is ever set.",
        "additionalProperties": {"type": "string", "pattern": pattern},
        "default": {},
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """One walk over all that changed since a moment, one kind of object after another.

    Pages go by `after`. What changes meanwhile, the next walk finds: it looks from the
    beginning of this one.
    """

    objects: Sequence[str]
    at: str
    after: str
    since: datetime | None
    began: datetime
    first: timedelta

    @property
    def telling(self) -> datetime:
        """What changed before this is no news."""
        return self.since or self.began - self.first

    @property
    def deals_from(self) -> datetime:
        """The first walk reads all deals."""
        return self.since or EARLIEST

    def page(
        self,
        *,
        after: str = "",
        signals: Sequence[Sighted] = (),
        interactions: Sequence[Met] = (),
        deals: Sequence[Deal] = (),
        skipped: Sequence[str] = (),
    ) -> Found:
        """What one page brought. Without `after`, it was the last of its kind."""
        cursor = self._cursor(after)
        return Found(
            cursor=cursor,
            signals=[each for each in signals if each.occurred_at >= self.telling],
            interactions=interactions,
            deals=deals,
            skipped=skipped,
            more="at" in cursor,
        )

    def _cursor(self, after: str) -> dict[str, Any]:
        at = self.at
        if not after:
            place = self.objects.index(at) + 1
            if place == len(self.objects):
                return {"mark": self.began.isoformat()}
            at = self.objects[place]
        since = self.since.isoformat() if self.since else ""
        began = self.began.isoformat()
        return {"at": at, "after": after, "since": since, "began": began}


def walk(asked: Asked, config: Mapping[str, Any], objects: Sequence[str]) -> Walk:
    """Where a pull goes on; or a new walk, from the beginning of the last one."""
    cursor = asked.cursor
    mark = kept(cursor.get("mark"))
    began = kept(cursor.get("began"))
    goes_on = began is not None and cursor.get("at") in objects
    return Walk(
        objects=objects,
        at=str(cursor["at"]) if goes_on else objects[0],
        after=str(cursor.get("after", "")) if goes_on else "",
        since=mark - OVERLAP if mark else kept(cursor.get("since")),
        began=began if began and goes_on else asked.now,
        first=timedelta(days=config["first_days"]),
    )


def kept(written: Any) -> datetime | None:
    """A moment from a cursor."""
    return datetime.fromisoformat(written) if written else None


def stage_of(
    theirs: str, config: Mapping[str, Any], table: Mapping[str, str]
) -> tuple[str, bool]:
    """What a stage is called here, and whether anything names it."""
    name = theirs.casefold()
    own = {each.casefold(): stage for each, stage in config["stages"].items()}
    found = own.get(name) or table.get(name)
    return (found, True) if found else (str(config["other_stage"]), False)


def amount_of(value: Any) -> Decimal | None:
    """An amount of money as it can be kept."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value)).quantize(CENT)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < MOST else None


def unplaced(deal: Any, stage: str, counts_as: str) -> str:
    """What a person reads of a stage that nothing names."""
    return f"Deal {deal}: nothing names the stage {stage!r}; it counts as {counts_as}."


def needed(secret: str, who: str) -> str:
    """The secret, which there has to be."""
    if not secret:
        raise SourceRefuses(f"There is no secret, and {who} needs one.")
    return secret


def orphan(noun: str, id_: Any) -> str:
    """What a person reads of something that belongs to no account."""
    return f"{noun} {id_} belongs to no account."


def rows_in(body: Any, name: str, who: str) -> list[dict[str, Any]]:
    """The list of objects in an answer."""
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise SourceFailed(f"{who} answered without {name}.")
    return found


def refuses(who: str, said: str, status: int | None = None) -> SourceRefuses:
    """What a person reads of a request that will not be taken as it is."""
    return SourceRefuses(f"{who} refuses: {said[:200]}", status=status)


def spoken(answer: Answer) -> Any:
    """The JSON of a refusal; None where it is none."""
    try:
        return orjson.loads(answer.body)
    except (orjson.JSONDecodeError, RecursionError):
        return None


def later(answer: Answer, *, now: datetime, otherwise: float) -> datetime:
    """When to come back: what Retry-After says, in seconds or as a date."""
    said = answer.headers.get("retry-after", "").strip()
    try:
        wait = float(said)
    except ValueError:
        wait = _until(said, now)
    if not math.isfinite(wait):
        wait = otherwise
    return now + timedelta(seconds=min(LONGEST_WAIT, max(1.0, wait)))


def _until(said: str, now: datetime) -> float:
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return math.nan
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
