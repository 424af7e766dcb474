"""FEED: news of RSS and Atom, given to the accounts that they speak of."""

import codecs
import io
import re
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import feedparser
from feedparser.encodings import convert_to_utf8

from perception.egress import Answer
from perception.sources.base import (
    Asked,
    Found,
    Reach,
    Sighted,
    SourceFailed,
    SourceRefuses,
    Wire,
)
from perception.sources.reading import Notes, held, key, line, moment, plain, short
from perception.sources.web import AUTH, URL, fetch, identified

MOST = 200
# What was in a feed last time, by their short names.
REMEMBERED = 1000
READ = 500
SUMMARY = 2000
# Reading takes time for each element, more than for each byte.
TAGS = 30_000
MARKS = {codecs.BOM_UTF16_LE: "utf-16le", codecs.BOM_UTF16_BE: "utf-16be"}
ENTITY = re.compile(rb"<!\s*entity", re.IGNORECASE)
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "A news feed",
    "properties": {
        "url": {**URL, "description": "Where the RSS or Atom feed is."},
        "account": {
            "type": "string",
            "title": "Account",
            "description": "External id of the account that every entry is about. "
            "Leave it out where names tell.",
            "maxLength": 255,
        },
        "names": {
            "type": "object",
            "title": "Names",
            "description": "Names or words, as they are written in entries, and the "
            "external id of the account that each stands for.",
            "additionalProperties": {"type": "string", "maxLength": 255},
            "propertyNames": {"minLength": 2, "maxLength": 200},
            "maxProperties": 2000,
            "default": {},
        },
        "type": {
            "type": "string",
            "title": "Type of signal",
            "maxLength": 64,
            "default": "news",
        },
        **AUTH,
    },
    "required": ["url"],
    "anyOf": [{"required": ["account"]}, {"required": ["names"]}],
    "additionalProperties": False,
}


class Feed:
    """A feed of news, read whole; the tags of HTTP spare what has not changed."""

    kind = "feed"
    title = "News feed (RSS, Atom)"
    reach = Reach.WHOLE
    schema = SCHEMA
    secret = "Token or password of the feed, where it asks for one"  # noqa: S105

    def pull(self, asked: Asked, wire: Wire) -> Found:
        config = held(SCHEMA, asked.config)
        url = config["url"]
        headers = identified(config, asked.secret, wire)
        # Whom entries concern is part of what was read.
        about = short(config.get("account"), sorted(config["names"].items()))
        held_to = asked.cursor if asked.cursor.get("about") == about else {}
        headers |= _unless(held_to)
        matcher = _Matcher(config)
        answer = fetch(
            wire, "GET", url, now=asked.now, headers=headers, fine=(200, 304)
        )
        if answer.status == 304:
            return Found(cursor=asked.cursor)
        return _found(answer, config, held_to, about, matcher, now=asked.now)


def _found(
    answer: Answer,
    config: Mapping[str, Any],
    before: Mapping[str, Any],
    about: str,
    matcher: "_Matcher",
    *,
    now: datetime,
) -> Found:
    """The entries that were not there before; no more than fit on a page."""
    known, notes = set(before.get("seen", ())), Notes()
    signals: list[Sighted] = []
    seen: list[str] = []
    more = False
    for entry in _entries(answer, config["url"])[:READ]:
        name = short(_identity(entry))
        if name not in known and len(signals) >= MOST:
            more = True
            continue
        seen.append(name)
        if name not in known:
            signals += _signals(entry, config, matcher, notes, now=now)
    cursor: dict[str, Any] = {"about": about, "seen": seen[:REMEMBERED]}
    if not more:
        # Told only when all was read: otherwise the rest would be "not modified".
        cursor |= {
            name: answer.headers[name][:500]
            for name in ("etag", "last-modified")
            if name in answer.headers
        }
    return Found(cursor=cursor, signals=signals, skipped=notes.told(), more=more)


def _unless(cursor: Mapping[str, Any]) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {asks: cursor[name] for name, asks in names.items() if name in cursor}


def _entries(answer: Answer, url: str) -> Sequence[Any]:
    """What the feed holds, read from bytes: a string could name a file or a place."""
    kind = answer.headers.get("content-type", "application/xml")
    for mark, charset in MARKS.items():
        if answer.body.startswith(mark):
            kind = f"application/xml; charset={charset}"
    place = urlsplit(url).netloc
    try:
        body = convert_to_utf8({"content-type": kind}, answer.body, {})
        if ENTITY.search(body):
            raise SourceFailed(f"{place} defines entities, which no feed needs.")
        if body.count(b"<") > TAGS:
            raise SourceFailed(f"{place} answers with too much at once.")
        read = feedparser.parse(
            io.BytesIO(body),
            # Texts are made plain here, which needs neither.
            sanitize_html=False,
            resolve_relative_uris=False,
            response_headers={
                "content-type": "application/xml; charset=utf-8",
                "content-location": url,
            },
        )
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
            ValueError, AssertionError):  # fmt: skip
        raise SourceFailed(f"{place} answered with what cannot be read.") from None
    if not read.version and not read.entries:
        raise SourceFailed(f"{place} answered with what is no feed.")
    entries: Sequence[Any] = read.entries
    return entries


def _identity(entry: Mapping[str, Any]) -> str:
    """What stays the same while a text is corrected."""
    named = entry.get("id") or entry.get("link")
    return str(named or (entry.get("title"), entry.get("published")))


def _signals(
    entry: Mapping[str, Any],
    config: Mapping[str, Any],
    matcher: "_Matcher",
    notes: Notes,
    *,
    now: datetime,
) -> Iterator[Sighted]:
    """One signal for each account that an entry is about."""
    summary = plain(str(entry.get("summary", "")))
    payload = {
        "title": line(plain(str(entry.get("title", "")))),
        "url": line(entry.get("link", ""), 2000),
        "summary": summary[:SUMMARY],
    }
    if not payload["title"] and not summary:
        notes.add(f"An entry without a text: {_identity(entry)[:80]}.")
        return
    at = moment(_published(entry), now=now) or now
    for account in matcher.accounts(f"{payload['title']}\n{summary}"):
        yield Sighted(
            type=config["type"],
            payload={**payload, "published_at": at.isoformat()},
            occurred_at=at,
            dedupe_key=key("feed", config["url"], _identity(entry), account),
            account=account,
        )


def _published(entry: Mapping[str, Any]) -> str:
    parts = entry.get("published_parsed") or entry.get("updated_parsed")
    try:
        return datetime.fromtimestamp(timegm(parts), UTC).isoformat() if parts else ""
    except (ArithmeticError, OSError, TypeError, ValueError):
        return ""


class _Matcher:
    """Which accounts a text names: whole words, in any case."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._always = [config["account"]] if config.get("account") else []
        self._names = {
            " ".join(n.split()).casefold(): a for n, a in config["names"].items()
        }
        if not self._always and not self._names:
            raise SourceRefuses(
                "Configuration: neither an account nor names are given."
            )
        # The longest first, so that a name within a name does not hide it.
        either = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
        self._pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)") if either else None

    def accounts(self, text: str) -> list[str]:
        written = " ".join(text.casefold().split())
        found = self._pattern.findall(written) if self._pattern else []
        return list(
            dict.fromkeys([*self._always, *(self._names[each] for each in found)])
        )
