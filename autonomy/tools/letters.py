"""Mails as they are written: to one person, by what was approved, the same for one key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from autonomy.rules.answers import Meaning
from autonomy.rules.catalogue import MESSAGE, OFFER
from autonomy.tools.base import Job, Someone, stopped
from perception.outlets.smtp import ADDRESS

# What letters are made of.
TAKES: Mapping[str, Any] = {"anyOf": [MESSAGE, OFFER]}
# What a summary is called that comes without a subject.
SUBJECTS = {
    "send_proposal": "Our proposal",
    "discuss_pricing": "About pricing",
    "negotiate_terms": "About the terms",
}
LONGEST = 200
_PLAIN = re.compile(ADDRESS)
# Whatever could end a line, or turn its direction.
_ODD = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+"
)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What one is made of, and whom it concerns."""

    id: str
    at: datetime
    subject: str
    body: str
    sender: Address | None
    to: Address | None
    answers_to: Address | None = None

    def written(self) -> bytes:
        """As it is sent or kept: plain text, of which every byte is ASCII."""
        mail = EmailMessage(policy=SMTP)
        mail["Message-ID"] = self.id
        mail["Date"] = format_datetime(self.at)
        for name, who in (
            ("From", self.sender),
            ("To", self.to),
            ("Reply-To", self.answers_to),
        ):
            if who is not None:
                mail[name] = who
        mail["Subject"] = self.subject
        mail.set_content(self.body, cte="quoted-printable")
        try:
            return mail.as_bytes()
        except (MessageError, ValueError):
            raise stopped(
                Meaning.REFUSED, "It holds what no mail can be made of."
            ) from None


def said(job: Job) -> tuple[str, str]:
    """Subject and body of what was approved."""
    given = job.parameters
    subject, body = given.get("subject"), given.get("body")
    if isinstance(subject, str) and isinstance(body, str):
        return one_line(subject), _sound(body)
    summary, amount = given.get("summary"), given.get("amount")
    if isinstance(summary, str):
        subject = SUBJECTS.get(job.action_type, "Our offer")
        sum_ = "" if amount is None else f"\n\nAmount: {amount:,}"
        return subject, _sound(summary + sum_)
    raise stopped(Meaning.REFUSED, "It holds neither subject and body, nor a summary.")


def id_of(job: Job, domain: str) -> str:
    """The Message-ID: the same for each repetition, and for nothing else."""
    return f"<{job.key}@{domain}>"


def address_of(who: Someone | None, named: str = "") -> Address | None:
    """Where somebody is written to; None where that is not possible."""
    if who is None or not is_address(who.email):
        return None
    local, _, domain = who.email.rpartition("@")
    return Address(one_line(who.name or named), local, domain)


def is_address(email: str) -> bool:
    """Whether an address can be written to as it stands."""
    return len(email) <= 254 and bool(_PLAIN.fullmatch(email))


def one_line(text: str) -> str:
    """A text that stays on its line."""
    return " ".join(_ODD.sub(" ", text).split())[:LONGEST]


def _sound(text: str) -> str:
    """A text that can be written in UTF-8."""
    return text.encode("utf-8", "replace").decode()
