"""Outside of any transaction: a tool looks, acts and puts back; what came has a meaning."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import Any

import orjson

from autonomy.errors import ToolStopped
from autonomy.rules.answers import DEFAULT_WAIT, Meaning, Said
from autonomy.tools.base import Hand, Image, Job, stopped
from ledger import spans
from perception.errors import EgressFailed, EgressRefused
from perception.sources.base import SourceBarred, SourceFailed, SourceRefuses, Wire

DONE = Said(meaning=Meaning.DONE, detail="It was done.")
ALREADY = Said(meaning=Meaning.DONE, detail="It was done already.")
UNSEEN = Said(
    meaning=Meaning.AMBIGUOUS,
    detail="It said that it acted, and nothing is to be seen.",
)
MOVED = Said(
    meaning=Meaning.MOVED, detail="Somebody changed it while this was under way."
)
LIMIT = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Called:
    """What a call brought, and how long it took.

    `after`: what was seen then; `told`: what is shown of it; `met`: what stood in the way.
    """

    said: Said
    took_ms: float
    after: Image | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    met: Image | None = None


def wire_for(job: Job, seconds: float) -> Wire:
    """The way out for one attempt, whatever it asks on the way."""
    return Wire(
        timeout=seconds,
        pace=lambda: None,
        limit=LIMIT,
        hidden=tuple(filter(None, [job.secret])),
        ends=monotonic() + seconds,
    )


def tell(called: Called | None) -> None:
    """What a call means, to whoever follows the act."""
    if called is not None:
        said = called.said
        spans.note(meaning=said.meaning.value, status=said.status, ms=called.took_ms)


def see(hand: Hand, job: Job, wire: Wire) -> Image | Called:
    """What is there now, or why that cannot be seen: certainly nothing was done yet."""
    began = monotonic()
    try:
        with _meant(job.at):
            return _plain(hand.look(job, wire))
    except ToolStopped as stop:
        said = stop.said
        if said.meaning is Meaning.AMBIGUOUS:
            said = replace(said, meaning=Meaning.UNREACHED)
        return Called(said=_shown(said, wire), took_ms=since(began))


def act(hand: Hand, job: Job, wire: Wire, before: Image) -> Called:
    """Act, and look whether it is there."""
    return _called(lambda: hand.act(job, wire, before), hand, job, wire, hand.is_done)


def restore(hand: Hand, job: Job, wire: Wire, before: Image, after: Image) -> Called:
    """Put back what was there, and look whether it is."""

    def put_back() -> Mapping[str, Any]:
        hand.restore(job, wire, before, after)
        return {}

    return _called(put_back, hand, job, wire, lambda _, seen: seen == before)


def _called(
    does: Callable[[], Mapping[str, Any]],
    hand: Hand,
    job: Job,
    wire: Wire,
    holds: Callable[[Job, Image], bool],
) -> Called:
    began = monotonic()
    try:
        with _meant(job.at):
            told = does()
    except ToolStopped as stop:
        return Called(said=_shown(stop.said, wire), took_ms=since(began))
    took = since(began)
    if not hand.sees:
        shown = {name: told[name] for name in told if name != "status"}
        said = replace(DONE, status=told.get("status"))
        return Called(said=said, took_ms=took, told=shown)
    try:
        with _meant(job.at):
            after = _plain(hand.look(job, wire))
    except ToolStopped as stop:
        # It said that it acted; whoever looks next will see.
        unseen = replace(UNSEEN, detail=f"{UNSEEN.detail} {stop.said.detail}")
        return Called(said=_shown(unseen, wire), took_ms=took)
    said = DONE if holds(job, after) else UNSEEN
    return Called(said=said, took_ms=took, after=after, told=told)


@contextmanager
def _meant(at: datetime) -> Iterator[None]:
    """Whatever goes wrong outside has a meaning."""
    try:
        yield
    except EgressRefused as refusal:
        raise stopped(Meaning.FORBIDDEN, str(refusal)) from None
    except EgressFailed as failure:
        meaning = Meaning.AMBIGUOUS if failure.ambiguous else Meaning.UNREACHED
        raise stopped(meaning, str(failure)) from None
    except SourceBarred as refusal:
        raise stopped(Meaning.FORBIDDEN, refusal.detail) from None
    except SourceRefuses as refusal:
        said = Said(
            meaning=Meaning.REFUSED, detail=refusal.detail, status=refusal.status
        )
        raise ToolStopped(said) from None
    except SourceFailed as failure:
        raise ToolStopped(_failed(failure, at)) from None


def _failed(failure: SourceFailed, at: datetime) -> Said:
    """What an answer, or none, means for what was to be done."""
    meaning, wait, status = Meaning.AMBIGUOUS, None, failure.status
    if failure.until is not None:
        meaning, wait = Meaning.WAIT, max(1.0, (failure.until - at).total_seconds())
    elif status == 429:
        meaning, wait = Meaning.WAIT, DEFAULT_WAIT
    elif failure.is_unreached:
        meaning = Meaning.UNREACHED
    elif status is not None and 400 <= status < 500:
        meaning = Meaning.REFUSED
    return Said(meaning=meaning, detail=failure.detail, status=status, wait=wait)


def _plain(image: Image) -> Image:
    """As it is read again once it was kept."""
    plain: Image = orjson.loads(orjson.dumps(image))
    return plain


def _shown(said: Said, wire: Wire) -> Said:
    """Without secrets, whatever the other side repeated."""
    return replace(said, detail=wire.shown(said.detail))


def since(began: float) -> float:
    """Milliseconds that have passed."""
    return round((monotonic() - began) * 1000, 1)
