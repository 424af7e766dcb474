"""What the doors of HubSpot and Salesforce share: keys, names of values, what is certain."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from autonomy.rules.answers import Meaning
from autonomy.tools.base import Image, Job, stopped
from autonomy.tools.outside import MOVED
from perception.models import Opportunity
from perception.sources.base import Asked, SourceFailed, SourceRefuses
from perception.sources.crm import MARK, stage_of
from perception.sources.reading import EARLIEST, line

# Clocks differ: what was made under a key is not older than the key by more than this.
SKEW = timedelta(days=1)
MORNING = time(9)
# A stage there that has the name of another one here.
THERE = "there:"


@dataclass(frozen=True, kw_only=True)
class Named:
    """What something is called there, and how its values are written and read."""

    there: str
    written: Callable[[Any], Any] = lambda value: value
    read: Callable[[Any], Any] = lambda value: value


def asked(job: Job, config: Mapping[str, Any]) -> Asked:
    """As sources are asked."""
    return Asked(config=config, secret=job.secret, cursor={}, is_deep=False, now=job.at)


@contextmanager
def nothing_done() -> Iterator[None]:
    """What is asked here only reads: where no answer comes, nothing was done."""
    try:
        yield
    except SourceRefuses:
        raise
    except SourceFailed as failure:
        raise SourceFailed(
            failure.detail,
            until=failure.until,
            status=failure.status,
            is_unreached=True,
        ) from None


def refused(words: str) -> Exception:
    """It certainly did nothing, and never will."""
    return stopped(Meaning.REFUSED, words)


def moved() -> Exception:
    """Somebody else was there."""
    return stopped(Meaning.MOVED, MOVED.detail)


def insist_on_account(found: str, job: Job) -> None:
    """Refuse to touch a deal that is somebody else's there by now."""
    if found != job.account["external_id"]:
        raise refused(f"Deal {job.opportunity} belongs to another account there.")


def marked(text: str, job: Job) -> str:
    """A text that is found again by the key at its end, which no text can forge."""
    text = text.replace(MARK, MARK.replace("[", "("))
    return f"{text}\n\n{mark(job)}" if text else mark(job)


def mark(job: Job) -> str:
    """The key, as it is written into a text."""
    return f"{MARK}{job.key}]"


def since(job: Job) -> datetime:
    """Nothing that was made under the key is older than this: keys tell their time."""
    try:
        key = UUID(job.key)
    except ValueError:
        return EARLIEST
    if key.version != 7:
        return EARLIEST
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC) - SKEW


def due(day: str, job: Job) -> datetime:
    """The morning of a day, where the account is."""
    try:
        zone = ZoneInfo(job.account.get("timezone") or "UTC")
        day_ = date.fromisoformat(day)
    except (LookupError, ValueError):
        raise refused(f"{line(day, 20)!r} is no day there.") from None
    return datetime.combine(day_, MORNING, zone).astimezone(UTC)


def each_way(table: Mapping[str, str]) -> tuple[Callable[[Any], Any], ...]:
    """Names to what they are there, and back; other values stay as they are."""
    back = {there: here for here, there in table.items()}
    return (lambda value: table.get(value, value)), (
        lambda value: back.get(value, value)
    )


class Stages:
    """Stages by their names here, one for one, so that each can be set back exactly.

    Several stages there may count as one here. The one that is set has the name here;
    the others keep their own.
    """

    def __init__(
        self, config: Mapping[str, Any], table: Mapping[str, str], proper: Sequence[str]
    ) -> None:
        self.config, self.table = config, table
        self.there: dict[str, str] = {}
        for here in Opportunity.Stage.values:
            own = [each for each, as_ in config["stages"].items() if as_ == here]
            usual = [each for each in proper if table[each.casefold()] == here]
            chosen = [*filter(None, [config["stage_to"].get(here)]), *own, *usual]
            if chosen:
                self.there[here] = chosen[0]
        self.here = {there: here for here, there in self.there.items()}

    def read(self, there: Any) -> Any:
        """The name here of a stage there."""
        if there in self.here:
            return self.here[there]
        is_taken = there in Opportunity.Stage.values
        return f"{THERE}{there}" if is_taken else there

    def written(self, here: Any) -> str:
        """The stage there."""
        name = str(here)
        if name.startswith(THERE):
            return name.removeprefix(THERE)
        if name in Opportunity.Stage.values and name not in self.there:
            raise refused(
                f"Nothing names the stage {name} there: add it to the connector's "
                "configuration."
            )
        return self.there.get(name, name)

    def insist_on_step(self, now: Any, to: Any) -> None:
        """Refuse to move a deal that counts as there already."""
        raw = self.written(now)
        counts, is_named = stage_of(raw, self.config, self.table)
        if is_named and counts == to and now != to:
            raise refused(f"It is at {to} already: there, that is {raw!r}.")


def insist_on_same(was: Image, now: Image) -> None:
    """Refuse to touch what somebody changed."""
    if any(now["fields"].get(name) != held for name, held in was["fields"].items()):
        raise moved()


def named(
    fields: Sequence[str],
    usual: Mapping[str, Named],
    config: Mapping[str, Any],
    other: Named,
) -> dict[str, Named]:
    """What the fields are called there: as usual, or as the configuration has them."""
    own = {
        name: replace(usual.get(name, other), there=there)
        for name, there in config["fields"].items()
    }
    known = {**usual, **own}
    for name in fields:
        if name not in known:
            raise refused(
                f"Nothing names the field {line(name, 50)!r} there: add it to the "
                "connector's configuration."
            )
    return {name: known[name] for name in fields}
