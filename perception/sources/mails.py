"""One mail of a stranger: who wrote, to whom, what is new in it, whether a machine did."""

import codecs
import email
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from hashlib import sha256
from typing import Any

from perception.sources.reading import addresses, line, moment, plain, text

# What reading a broken mail may raise.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, HeaderParseError, LookupError,
    RecursionError, TypeError, ValueError,
)  # fmt: skip
NEW = 2000
BODY = 48 * 1024
PARTS = 50
# These would take long over long texts, or are no charsets of mail.
NOT_HERE = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
MACHINES = ("mailer-daemon", "postmaster", "no-reply", "noreply", "donotreply")
BULK = ("bulk", "junk", "list", "auto_reply", "auto-reply")
BY_MACHINE = (
    "List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond",
    "X-Auto-Response-Suppress", "X-Failed-Recipients", "Feedback-ID",
)  # fmt: skip

_SAID = "wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev|napisał"
_QUOTED = re.compile(
    rf"^[ \t>]*(?:[^\n]{{0,300}}(?:\n[^\n]{{0,100}})?\b(?:{_SAID})\b[^\n]{{0,100}}:[ \t]*$"
    r"|-{2,}[ ]?(?:Original Message|Ursprüngliche Nachricht|Forwarded message|Message d'origine)"
    r"|_{20,}[ \t]*$"
    r"|(?:From|Von|De|Da):[^\n]{1,300}\n[ \t>]*(?:Sent|Gesendet|Envoyé|Date|Datum|Inviato):"
    r"|>)",
    re.MULTILINE | re.IGNORECASE,
)
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_IDS = re.compile(r"<[^<>\s]{3,250}>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """What is kept of a mail."""

    id: str
    author: str
    others: tuple[str, ...]
    subject: str
    text: str
    answers: str
    by_machine: bool
    at: datetime


def read(raw: bytes, *, received: Any, now: datetime) -> Mail:
    """Read the beginning of a mail; raises one of BROKEN where that is impossible."""
    message = email.message_from_bytes(raw)
    authors = addresses(_raw(message, "From"))
    author = authors[0] if authors else ""
    ids = _IDS.findall(_raw(message, "Message-ID")[:1000])
    answered = _IDS.findall(
        f"{_raw(message, 'References')[-2000:]} {_raw(message, 'In-Reply-To')[:1000]}"
    )
    head = raw.partition(b"\r\n\r\n")[0]
    at = moment(received.isoformat(), now=now) if received else None
    return Mail(
        id=ids[0] if ids else sha256(head).hexdigest(),
        author=author,
        others=addresses(_raw(message, "To"), _raw(message, "Cc")),
        subject=line(_decoded(_raw(message, "Subject")[:2000])),
        text=new_of(_body(message)),
        answers=answered[-1] if answered else "",
        by_machine=_is_by_machine(message, author),
        at=at or moment(_raw(message, "Date"), now=now) or now,
    )


def new_of(body: str) -> str:
    """What somebody wrote, without what they answer to and their signature."""
    body = body.replace("\r\n", "\n")[:BODY]
    found = _QUOTED.search(body)
    above = body[: found.start()] if found else body
    if found and not above.strip():
        # Written below, or between, what is quoted.
        rest = body[found.start() if body[found.start()] == ">" else found.end() :]
        above = "\n".join(
            each for each in rest.splitlines() if not each.lstrip().startswith(">")
        )
    ends = _SIGNATURE.search(above)
    kept = above[: ends.start()] if ends and above[: ends.start()].strip() else above
    return text(re.sub(r"\n{3,}", "\n\n", kept), NEW)


def _is_by_machine(message: Message, author: str) -> bool:
    """Automatic answers, lists, reports of delivery: nobody replied."""
    submitted = _raw(message, "Auto-Submitted").partition(";")[0].strip().lower()
    local = author.partition("@")[0]
    return (
        submitted not in ("", "no")
        or _raw(message, "Precedence").strip().lower() in BULK
        or any(message.get(name) is not None for name in BY_MACHINE)
        or message.get_content_type() == "multipart/report"
        or _raw(message, "Return-Path").strip() == "<>"
        or not author
        or local in MACHINES
    )


def is_own(address: str, own: Collection[str]) -> bool:
    """Whether an address, or its domain, is ours."""
    return address in own or address.rpartition("@")[2] in own


def _raw(message: Message, name: str) -> str:
    value = message.get(name)
    return "" if value is None else str(value)


def _decoded(written: str) -> str:
    """A header's encoded words, read; where they are broken, as they were written."""
    try:
        pieces = decode_header(written)
    except BROKEN:
        return written
    return "".join(
        piece if isinstance(piece, str) else _text_of(piece, charset)
        for piece, charset in pieces
    )


def _text_of(raw: bytes, charset: str | None) -> str:
    """Bytes as text, whatever their charset claims to be."""
    for name in (charset, "utf-8"):
        try:
            if name and codecs.lookup(name).name not in NOT_HERE:
                return raw.decode(name)
        except (LookupError, ValueError):
            continue
    return raw.decode("cp1252", "replace")


def _body(message: Message) -> str:
    """The first plain text, or else the first HTML as text."""
    html = ""
    for part in _parts(message):
        kind = part.get_content_type()
        if kind not in ("text/plain", "text/html"):
            continue
        if part.get_content_disposition() == "attachment":
            continue
        raw = part.get_payload(decode=True)
        written = (
            _text_of(raw, part.get_content_charset()) if isinstance(raw, bytes) else ""
        )
        if kind == "text/plain" and written.strip():
            return written
        html = html or written
    return plain(html) if html else ""


def _parts(message: Message) -> Iterator[Message]:
    for number, part in enumerate(message.walk()):
        if number >= PARTS:
            return
        yield part
