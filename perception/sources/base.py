"""What every source is asked, and what it brings: one small interface."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from time import monotonic
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from perception.egress import MIB, Answer, send
from perception.errors import EgressFailed, PerceptionError

# Of what was said to a source and by it, as much as a person needs to see.
EXCERPT = 2000
# Twice as much is kept, so that no secret is cut where it is looked for.
KEPT = 2 * EXCERPT
EXCHANGES = 20


class Reach(StrEnum):
    """Whether one pull reads everything, or what concerns one account."""

    WHOLE = "WHOLE"
    ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """The account that a pull is about."""

    external_id: str
    name: str
    emails: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One page to read: where it was left, and how deeply to look."""

    config: Mapping[str, Any]
    secret: str
    cursor: Mapping[str, Any]
    is_deep: bool
    now: datetime
    account: Watched | None = None
    # Whose connector it is: files of tenants lie apart.
    tenant: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighted:
    """A signal as it was found.

    It names its account by external id, or by the addresses of people there.
    """

    type: str
    payload: Mapping[str, Any]
    occurred_at: datetime
    dedupe_key: str
    account: str = ""
    emails: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Met:
    """Somebody there and somebody here had to do with each other."""

    external_id: str
    channel: str
    direction: str
    at: datetime
    emails: Sequence[str] = ()
    account: str = ""
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deal:
    """A deal as the CRM has it now. Without a renewal date, the one that is kept stays."""

    account: str
    external_id: str
    stage: str
    amount: Decimal | None = None
    renewal_date: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One page: what was in it, where to go on, and whether at once.

    `skipped` says in words what could not be read; it never stops the rest.
    """

    cursor: Mapping[str, Any]
    signals: Sequence[Sighted] = ()
    interactions: Sequence[Met] = ()
    deals: Sequence[Deal] = ()
    skipped: Sequence[str] = ()
    more: bool = False


class SourceFailed(PerceptionError):
    """The source could not be read."""

    def __init__(
        self,
        detail: str,
        *,
        until: datetime | None = None,
        status: int | None = None,
        is_unreached: bool = False,
    ) -> None:
        super().__init__(detail)
        # Where the source itself said when to come back, and what it answered.
        self.until, self.status = until, status
        # The request surely never arrived.
        self.is_unreached = is_unreached


class SourceRefuses(SourceFailed):
    """The source does not accept the configuration or the secret."""


class SourceBarred(SourceRefuses):
    """The source may not be asked from here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchanged:
    """One request and its answer, fit to be shown: without secrets, cut short."""

    request: str
    answer: str
    took_ms: float


@dataclass(kw_only=True)
class Wire:
    """The way to a source. Each request is paced, timed, capped, and told of."""

    timeout: float
    pace: Callable[[], None]
    limit: int = 4 * MIB
    hidden: Sequence[str] = ()
    # When all of it has to be over, by `monotonic`.
    ends: float | None = None
    # As it was said: what is hidden later is hidden in this too.
    _told: list[Exchanged] = field(default_factory=list)

    def left(self) -> float:
        """Seconds that the next request may take."""
        if self.ends is None:
            return self.timeout
        left = min(self.timeout, self.ends - monotonic())
        if left <= 0:
            raise EgressFailed("There was no time left to ask.", ambiguous=False)
        return left

    @property
    def said(self) -> list[Exchanged]:
        """What was exchanged, fit to be shown."""
        return [
            Exchanged(
                request=self.shown(each.request),
                answer=self.shown(each.answer)[:EXCERPT],
                took_ms=each.took_ms,
            )
            for each in self._told
        ]

    def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request by the guarded way out."""
        self.pace()
        timeout, began = self.left(), monotonic()
        answer: Answer | None = None
        try:
            answer = send(
                method,
                url,
                body=body,
                headers=headers or {},
                timeout=timeout,
                limit=self.limit,
            )
        finally:
            said = "no answer" if answer is None else _excerpt(answer)
            self.tell(f"{method} {_plain(url)}", said, since=began)
        return answer

    def tell(self, request: str, answer: str, *, since: float) -> None:
        """Keep what was exchanged, for a person to look at."""
        if len(self._told) < EXCHANGES:
            took = round((monotonic() - since) * 1000, 1)
            self._told.append(
                Exchanged(request=request, answer=answer[:KEPT], took_ms=took)
            )

    def hide(self, *secrets: str) -> None:
        """These are not shown either, nor where they were said before."""
        self.hidden = (*self.hidden, *secrets)

    def shown(self, text: str) -> str:
        """A text without what is hidden, however that is written."""
        for secret in sorted(self.hidden, key=len, reverse=True):
            for written in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
                if written:
                    text = text.replace(written, "…")
        return text


class Source(Protocol):
    """One kind of outside system. Adding one is a file like those beside this."""

    kind: str
    title: str
    reach: Reach
    # JSON Schema of the configuration, and what the secret is; "" where there is none.
    schema: Mapping[str, Any]
    secret: str

    def pull(self, asked: Asked, wire: Wire) -> Found:
        """Read one page from the cursor on. Only reads: it may be repeated at any time."""
        ...


def _plain(url: str) -> str:
    """A URL as it may be shown: its query may hold a key."""
    parts = urlsplit(url)
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"


def _excerpt(answer: Answer) -> str:
    text = answer.body[:KEPT].decode("utf-8", "replace")
    kind = answer.headers.get("content-type", "")
    return f"{answer.status} {kind}\n{text}"
