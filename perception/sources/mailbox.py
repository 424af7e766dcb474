"""MAILBOX: an IMAP mailbox that is only looked at; who answered, and who was written to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError
from imapclient.imapclient import SENT

from perception.sources.base import (
    Asked,
    Found,
    Met,
    Reach,
    Sighted,
    SourceRefuses,
    Wire,
)
from perception.sources.imap import Client, opened
from perception.sources.mails import BROKEN, Mail, is_own, read
from perception.sources.reading import Notes, held, key

# Mails of one page, and how much of each is fetched.
MOST = 40
PIECE = 64 * 1024
FOLDER: Mapping[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "A mailbox",
    "properties": {
        "host": {
            "type": "string",
            "title": "Server",
            "pattern": "^[A-Za-z0-9_.:-]{1,253}$",
        },
        "port": {
            "type": "integer",
            "title": "Port",
            "minimum": 1,
            "maximum": 65535,
            "default": 993,
        },
        "tls": {
            "type": "boolean",
            "title": "TLS from the beginning",
            "description": "Without it only servers on EGRESS_ALLOW are spoken to.",
            "default": True,
        },
        "user": {"type": "string", "title": "User", "minLength": 1, "maxLength": 320},
        "auth": {
            "type": "string",
            "title": "What the secret is",
            "description": "login: the user's password; bearer: a token of OAuth 2 (XOAUTH2).",
            "enum": ["login", "bearer"],
            "default": "login",
        },
        "folders": {
            "type": "array",
            "title": "Folders of what came",
            "items": FOLDER,
            "maxItems": 20,
            "default": ["INBOX"],
        },
        "sent": {
            "type": "array",
            "title": "Folders of what was sent",
            "description": "Left out: the one that the server says it is.",
            "items": FOLDER,
            "maxItems": 20,
        },
        "drafts": {
            **FOLDER,
            "title": "Folder of drafts",
            "description": "Where the server does not say which it is. Made if missing.",
            "default": "Drafts",
        },
        "from": {
            "type": "string",
            "title": "Address that drafts are from",
            "description": "Left out: the user, where that is an address.",
            "maxLength": 254,
        },
        "own": {
            "type": "array",
            "title": "Our own addresses and domains",
            "description": "What these write is ours. The user's address is, anyway.",
            "items": {"type": "string", "maxLength": 320},
            "maxItems": 200,
            "default": [],
        },
        "days": {
            "type": "integer",
            "title": "Days that the first look goes back",
            "minimum": 0,
            "maximum": 90,
            "default": 14,
        },
    },
    "required": ["host", "user"],
    "additionalProperties": False,
}


class Mailbox:
    """Folders are opened read-only, and mails are peeked at: nothing is marked as read."""

    kind = "mailbox"
    title = "Mailbox (IMAP)"
    reach = Reach.WHOLE
    schema = SCHEMA
    secret = "Password of the user, or a token of OAuth 2"  # noqa: S105

    def pull(self, asked: Asked, wire: Wire) -> Found:
        config = held(SCHEMA, asked.config)
        page = _Page(config=config, now=asked.now, wire=wire)
        before = asked.cursor.get("folders", {})
        after: dict[str, Any] = {}
        if not asked.secret:
            raise SourceRefuses("There is no secret to log in with.")
        wire.hide(asked.secret)
        with opened(config, asked.secret, wire) as client:
            page.sent = _sent(client, config)
            for name in dict.fromkeys([*config["folders"], *page.sent]):
                state = _folder(client, name, before.get(name, {}), page)
                after[name] = state if state is not None else before.get(name, {})
        if not page.opened:
            raise SourceRefuses(f"{config['host']} has none of the folders.")
        return Found(
            cursor={"folders": after},
            signals=page.signals,
            interactions=page.met,
            skipped=page.notes.told(),
            more=page.more,
        )


@dataclass(kw_only=True)
class _Page:
    """What one pull takes along."""

    config: Mapping[str, Any]
    now: datetime
    wire: Wire
    signals: list[Sighted] = field(default_factory=list)
    met: list[Met] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    opened: int = 0
    sent: Sequence[str] = ()
    left: int = MOST
    more: bool = False


def _sent(client: Client, config: Mapping[str, Any]) -> Sequence[str]:
    """The folders of what was sent: as configured, or as the server says."""
    if "sent" in config:
        return list(config["sent"])
    found = client.find_special_folder(SENT)
    return [found] if found and found not in config["folders"] else []


def _folder(
    client: Client, name: str, before: Mapping[str, Any], page: _Page
) -> Mapping[str, Any] | None:
    """Read one folder on; None where it is not there."""
    began = monotonic()
    try:
        opened = client.select_folder(name, readonly=True)
    except IMAPClientAbortError:
        raise
    except IMAPClientError:
        page.notes.add(f"There is no folder {name!r}.")
        return None
    page.opened += 1
    age = int(opened.get(b"UIDVALIDITY", 0))
    # Another age: what was numbered before is numbered anew.
    last = int(before.get("uid", 0)) if before.get("age") == age else 0
    following = int(opened.get(b"UIDNEXT", 0))
    fresh = _fresh(client, last, following, page)
    taken = fresh[: page.left]
    page.more = page.more or len(taken) < len(fresh)
    page.left -= len(taken)
    if taken:
        _mails(client, name, taken, page)
    reached = max([last, *taken])
    if len(taken) == len(fresh):
        reached = max(reached, following - 1)
    said = f"{len(fresh)} new, {len(taken)} read"
    page.wire.tell(f"IMAP EXAMINE {name}", said, since=began)
    return {"age": age, "uid": reached}


def _fresh(client: Client, last: int, following: int, page: _Page) -> Sequence[int]:
    """The numbers of mails that were not read, the oldest first."""
    if last and last >= following - 1 > 0:
        return ()
    if last:
        found = client.search(["UID", f"{last + 1}:*"])
    else:
        days = timedelta(days=page.config["days"])
        found = client.search(["SINCE", (page.now - days).date()])
    # `*` names the last mail, however low its number is.
    return sorted({int(uid) for uid in found if uid > last})


def _mails(client: Client, name: str, uids: Sequence[int], page: _Page) -> None:
    """The beginning of each mail; never the whole of a large one."""
    piece = min(PIECE, page.wire.limit // (2 * MOST))
    answers = client.fetch(uids, ["INTERNALDATE", f"BODY.PEEK[]<0.{piece}>"])
    own = {page.config["user"].lower(), *(each.lower() for each in page.config["own"])}
    is_sent = name in page.sent
    for uid in uids:
        answer = answers.get(uid, {})
        raw = next(
            (value for named, value in answer.items() if named.startswith(b"BODY[]")),
            None,
        )
        if not isinstance(raw, bytes):
            continue
        try:
            mail = read(raw[:piece], received=answer.get(b"INTERNALDATE"), now=page.now)
        except BROKEN:
            page.notes.add(f"Mail {uid} of {name} cannot be read.")
            continue
        _keep(mail, own, page, is_sent=is_sent)


def _keep(mail: Mail, own: set[str], page: _Page, *, is_sent: bool) -> None:
    """Ours is a sign that we wrote; theirs is a reply, unless a machine made it."""
    ours = is_sent or is_own(mail.author, own)
    emails = (
        tuple(each for each in mail.others if not is_own(each, own))
        if ours
        else (mail.author,)
    )
    if not emails or (mail.by_machine and not is_sent):
        return
    page.met.append(
        Met(
            external_id=key("mail", mail.id),
            channel="email",
            direction="out" if ours else "in",
            at=mail.at,
            emails=emails,
            subject=mail.subject,
            text=mail.text,
        )
    )
    if ours:
        return
    page.signals.append(
        Sighted(
            type="reply_received",
            payload={
                "subject": mail.subject,
                "text": mail.text,
                "message_id": mail.id,
                "in_reply_to": mail.answers,
            },
            occurred_at=mail.at,
            dedupe_key=key("mail", mail.id),
            emails=emails,
        )
    )
