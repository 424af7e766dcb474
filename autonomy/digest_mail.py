"""A digest as a mail: written from what was kept of it, sent through Django's mail API."""

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import sanitize_address
from django.template.loader import render_to_string
from django.urls import reverse

from autonomy.models import Digest
from autonomy.rules.digest_words import headline, is_quiet, told
from autonomy.rules.digests import message_id

# What cannot be sent as it stands, however often.
_FINAL = range(500, 600)


class Unsent(Exception):
    """It was not taken. `is_final`: nor will it be, as it stands."""

    def __init__(self, said: str, *, is_final: bool) -> None:
        super().__init__(said)
        self.is_final = is_final


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A digest on its way: to whom, and in whose time its moments are told."""

    row: Digest
    to: str
    tenant: str
    zone: str


def send(letter: Letter) -> str:
    """Send it; the receipt: the id under which the server took it."""
    row = letter.row
    id_ = message_id(str(row.member_id), row.day, domain())
    context = shown(row.body, row, tenant=letter.tenant, zone=letter.zone)
    mail = EmailMultiAlternatives(
        subject=context["title"],
        body=render_to_string("autonomy/digest.txt", context),
        to=[letter.to],
        headers={"Message-ID": id_, "Auto-Submitted": "auto-generated"},
    )
    html = render_to_string("autonomy/digest.html", context)
    mail.attach_alternative(html, "text/html")
    post(mail)
    return id_


def post(mail: EmailMultiAlternatives) -> None:
    """Hand a mail to one reader to the server, or say why it did not take it."""
    try:
        sanitize_address(mail.to[0], "utf-8")
        mail.send()
    except (ValueError, UnicodeError):
        raise Unsent("No mail can be written to this address.", is_final=True) from None
    except smtplib.SMTPRecipientsRefused as error:
        (code, _), *_ = error.recipients.values()
        raise _unsent("does not take the recipient", code) from None
    except smtplib.SMTPDataError as error:
        raise _unsent("does not take the mail", error.smtp_code) from None
    except smtplib.SMTPResponseException as error:
        # Our own address or password: somebody mends that, and it goes out.
        said = f"The mail server does not let us send ({error.smtp_code})."
        raise Unsent(said, is_final=False) from None
    except (smtplib.SMTPException, OSError) as error:
        said = f"The mail server was not reached ({type(error).__name__})."
        raise Unsent(said, is_final=False) from None


def shown(
    body: Mapping[str, Any], row: Digest, *, tenant: str, zone: str
) -> dict[str, Any]:
    """A digest for templates: the same in a mail and on its page."""
    clock = ZoneInfo(zone)
    quiet = is_quiet(body)
    return {
        "day": row.day,
        "tenant": tenant,
        "title": f"{row.day:%a} {row.day.day} {row.day:%b}: {headline(body)}",
        "headline": headline(body),
        "is_quiet": quiet,
        "told": told(body, lambda text: datetime.fromisoformat(text).astimezone(clock)),
        "url": _link(row),
    }


def _link(row: Digest) -> str:
    """Where it is read in the app; nothing where nobody said where that is."""
    if not settings.PUBLIC_URL:
        return ""
    return f"{settings.PUBLIC_URL}{reverse('digest-page')}?day={row.day.isoformat()}"


def domain() -> str:
    """What ids of mails end with."""
    host: str = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    return host or urlsplit(settings.PUBLIC_URL).hostname or "localhost"


def _unsent(said: str, code: int) -> Unsent:
    """What it said may be private; only the code is kept."""
    return Unsent(f"The mail server {said} ({code}).", is_final=code in _FINAL)
