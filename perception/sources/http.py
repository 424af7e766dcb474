"""HTTP: any JSON endpoint, page by page, its items mapped to signals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from perception.sources.base import (
    Asked,
    Found,
    Reach,
    Sighted,
    SourceFailed,
    SourceRefuses,
    Wire,
)
from perception.sources.reading import (
    NAME,
    Notes,
    addresses,
    held,
    key,
    line,
    moment,
    place,
    short,
)
from perception.sources.web import AUTH, URL, beside, fetch, identified, parsed

MOST = 1000
# A round that is longer than this forgets which pages it saw.
PAGES = 1000
PATH: Mapping[str, Any] = {"type": "string", "maxLength": 200}
FIELDS = {
    "id": "What names an item, and stays the same; without it, its whole text does.",
    "account": "External id of the account.",
    "email": "Address of somebody at the account, where no id is given.",
    "type": "Type of signal, where items say it.",
    "at": "When it happened.",
    "payload": "What to keep; without it, the whole item.",
}
PAGING: Mapping[str, Any] = {
    "type": "object",
    "title": "Pages",
    "properties": {
        "by": {
            "type": "string",
            "title": "How to go on",
            "description": "link: a link in the answer; cursor: a value in the answer, "
            "given back in a parameter; page: pages are numbered from 1.",
            "enum": ["none", "link", "cursor", "page"],
            "default": "none",
        },
        "path": {**PATH, "title": "Where the link or the value is", "default": "next"},
        "parameter": {
            **PATH,
            "title": "Parameter of the value or number",
            "default": "page",
        },
    },
    "additionalProperties": False,
    "default": {},
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "A JSON endpoint",
    "properties": {
        "url": {**URL, "description": "What is asked by GET, with its fixed parameters."},
        "items": {
            **PATH,
            "title": "Where the items are",
            "description": "Path to the list, as data.items; empty where the answer is the list.",
            "default": "",
        },
        "fields": {
            "type": "object",
            "title": "Fields",
            "description": "Paths within an item, as company.id.",
            "properties": {
                name: {**PATH, "title": name, "description": means}
                for name, means in FIELDS.items()
            },
            "additionalProperties": False,
            "default": {"id": "id", "account": "account", "at": "at"},
        },
        "type": {
            "type": "string",
            "title": "Type of signal",
            "description": "For items that name none.",
            "maxLength": 64,
            "default": "crm_update",
        },
        "pages": PAGING,
        "since": {
            **PATH,
            "title": "Parameter of the newest time",
            "description": "Given back from the second round on, as the newest item wrote it.",
            "default": "",
        },
        **AUTH,
    },
    "required": ["url"],
    "additionalProperties": False,
}  # fmt: skip


class Http:
    """A list of items at an address; each becomes a signal."""

    kind = "http"
    title = "JSON over HTTP"
    reach = Reach.WHOLE
    schema = SCHEMA
    secret = "Token, password or key, as chosen under 'How the secret is shown'"  # noqa: S105

    def pull(self, asked: Asked, wire: Wire) -> Found:
        return listed(self.kind, held(SCHEMA, asked.config), asked, wire)


def listed(
    kind: str, config: Mapping[str, Any], asked: Asked, wire: Wire, *, about: str = ""
) -> Found:
    """One page of items. `about`: all of them belong to this account, or are skipped."""
    pages = {"by": "none", "path": "next", "parameter": "page", **config["pages"]}
    headers = {"Accept": "application/json", **identified(config, asked.secret, wire)}
    url = _address(config, pages, asked.cursor)
    fine = (200, 404) if about else (200,)
    answer = fetch(wire, "GET", url, now=asked.now, headers=headers, fine=fine)
    if answer.status == 404:
        said = f"{urlsplit(url).netloc} has nothing about {about} (404)."
        return Found(cursor=_settled(asked.cursor), skipped=[line(said)])
    said = parsed(answer, url)
    items = place(said, config["items"])
    if not isinstance(items, list):
        raise SourceFailed(
            f"{urlsplit(url).netloc} has no list at {config['items'] or 'the top'!r}."
        )
    notes = Notes()
    if len(items) > MOST:
        raise SourceFailed(f"A page holds {len(items)} items; {MOST} are read.")
    read = _Read(kind=kind, config=config, about=about, now=asked.now)
    signals = _signals(items, read, notes)
    cursor = _onward(asked.cursor, items, said, config, pages, url, notes, asked.now)
    return Found(
        cursor=cursor, signals=signals, skipped=notes.told(), more="next" in cursor
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """How items are read: for which kind, by which configuration, about whom."""

    kind: str
    config: Mapping[str, Any]
    about: str
    now: datetime


def _address(
    config: Mapping[str, Any], pages: Mapping[str, Any], cursor: Mapping[str, Any]
) -> str:
    """Where the next page is."""
    onward = cursor.get("next")
    if pages["by"] == "link" and onward:
        return beside(config["url"], str(onward))
    given = {}
    if config["since"] and cursor.get("since"):
        given[config["since"]] = str(cursor["since"])
    if pages["by"] in ("page", "cursor") and onward:
        given[pages["parameter"]] = str(onward)
    try:
        parts = urlsplit(config["url"])
    except ValueError:
        raise SourceRefuses("Configuration, url: it is not one.") from None
    kept = [pair for pair in parse_qsl(parts.query, True) if pair[0] not in given]
    url: str = parts._replace(query=urlencode([*kept, *given.items()])).geturl()
    return url


def _signals(items: Sequence[Any], read: _Read, notes: Notes) -> list[Sighted]:
    found = []
    for number, item in enumerate(items, 1):
        signal = _signal(item, read) if isinstance(item, dict) else None
        if signal is None:
            notes.add(f"Item {number} names no account, or no type.")
        elif read.about not in ("", signal.account):
            notes.add(f"Item {number} names another account.")
        else:
            found.append(signal)
    return found


def _signal(item: dict[str, Any], read: _Read) -> Sighted | None:
    config, now = read.config, read.now
    at = {name: place(item, path) for name, path in config["fields"].items() if path}
    named = at.get("account")
    account = line(named, NAME) if _is_name(named) else ""
    if account in ("", line(read.about, NAME)):
        # Here it may be written with other spaces.
        account = read.about
    emails = addresses(at.get("email"))
    kind = line(at.get("type") or config["type"], 64)
    if not kind or not (account or emails):
        return None
    named = at.get("id")
    identity = (
        named if _is_name(named) else orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    )
    payload = at["payload"] if isinstance(at.get("payload"), dict) else item
    return Sighted(
        type=kind,
        payload=payload,
        occurred_at=moment(at.get("at"), now=now) or now,
        dedupe_key=key(read.kind, config["url"], kind, account or emails, identity),
        account=account,
        emails=() if account else emails,
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _settled(before: Mapping[str, Any]) -> dict[str, Any]:
    """A round that ended: the next one begins at the newest time."""
    cursor = {name: before[name] for name in ("since", "newest") if name in before}
    if cursor.get("newest"):
        cursor["since"] = cursor["newest"]
    return cursor


def _onward(
    before: Mapping[str, Any],
    items: Sequence[Any],
    said: Any,
    config: Mapping[str, Any],
    pages: Mapping[str, Any],
    url: str,
    notes: Notes,
    now: datetime,
) -> dict[str, Any]:
    """Where to go on: the next page of this round, or a new round from the newest time."""
    cursor = {name: before[name] for name in ("since", "newest") if name in before}
    newest = _newest(items, config, before.get("newest"), now=now)
    if newest:
        cursor["newest"] = newest
    onward = _next(items, said, pages, before)
    # A page that was here before, in this round, leads nowhere.
    this = short(orjson.dumps(items), onward if pages["by"] != "page" else "")
    seen = list(before.get("seen", ()))[-PAGES:]
    if onward and this in seen:
        notes.add("The pages lead in a circle: the round ends here.")
        onward = None
    if onward:
        return {**cursor, "next": onward, "seen": [*seen, this]}
    return _settled(cursor)


def _next(
    items: Sequence[Any], said: Any, pages: Mapping[str, Any], before: Mapping[str, Any]
) -> str | int | None:
    if pages["by"] == "page":
        return int(before.get("next", 1)) + 1 if items else None
    onward = None if pages["by"] == "none" else place(said, pages["path"])
    if not _is_name(onward):
        return None
    if len(str(onward)) > 2000:
        raise SourceFailed("The way to the next page is longer than 2000 signs.")
    return onward


def _newest(
    items: Sequence[Any], config: Mapping[str, Any], held_to: Any, *, now: datetime
) -> Any:
    """The newest time of an item, as it was written there; what lies ahead is none."""
    path = config["fields"].get("at", "")
    written = [held_to, *(place(item, path) for item in items if path)]
    dated = [(moment(each, now=now), each) for each in written if _is_name(each)]
    return max(
        ((at, each) for at, each in dated if at),
        default=(None, None),
        key=lambda p: p[0],
    )[1]
