"""`mail.send`: one mail to the person that an act concerns. What is out stays out."""

from collections.abc import Mapping
from typing import Any

from autonomy.rules.actions import Reversal
from autonomy.rules.answers import Meaning
from autonomy.tools import letters
from autonomy.tools.base import Blind, Image, Job, Someone, stopped
from perception.outlets.esmtp import opened
from perception.outlets.smtp import settled
from perception.sources.base import Wire


class MailSend(Blind):
    """It reaches nobody but the contact of the act: what is written chooses no address."""

    key = "mail.send"
    title = "E-mail (SMTP)"
    acts_as = "mail.send"
    # Only as long as it is held back.
    reversal = Reversal.RETRACTABLE
    # A server takes the same mail twice.
    keyed = False
    timeout = 30.0
    takes = letters.TAKES

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        config = settled(job.config)
        letter = _letter(job, config)
        mail, to = letter.written(), letter.to
        with opened(config, job.secret, wire, job.at) as client:
            client.deliver(config["from"], to.addr_spec if to else "", mail)
        return {"message_id": letter.id}

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        raise stopped(Meaning.REFUSED, "A mail that was sent cannot be taken back.")


def _letter(job: Job, config: Mapping[str, Any]) -> letters.Letter:
    to = letters.address_of(job.contact)
    if to is None:
        named = job.contact is not None and job.contact.email
        raise stopped(
            Meaning.REFUSED,
            "The contact's address cannot be written to."
            if named
            else "It names no contact who has an address.",
        )
    us = letters.address_of(Someone(name=config["from_name"], email=config["from"]))
    seller = letters.address_of(job.seller)
    by_seller = config["writes_as"] == "seller" and seller
    subject, body = letters.said(job)
    return letters.Letter(
        id=letters.id_of(job, config["id_domain"]),
        at=job.at,
        subject=subject,
        body=body,
        sender=seller if by_seller else us,
        to=to,
        answers_to=seller if config["answers_to"] == "seller" else None,
    )
