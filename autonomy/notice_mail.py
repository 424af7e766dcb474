"""Notices as a mail: everything that waits for one reader, in one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from autonomy.digest_mail import domain, post
from autonomy.rules.notice_words import SHOWN, Line, headline
from autonomy.rules.notices import message_id


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One mail on its way: to whom, under which id, and what it says."""

    bundle: UUID
    to: str
    tenant: str
    lines: Sequence[Line]


def send(letter: Letter) -> str:
    """Send it; the receipt: the id under which the server took it."""
    id_ = message_id(str(letter.bundle), domain())
    context = shown(letter)
    mail = EmailMultiAlternatives(
        subject=context["title"],
        body=render_to_string("autonomy/notices.txt", context),
        to=[letter.to],
        headers={"Message-ID": id_, "Auto-Submitted": "auto-generated"},
    )
    html = render_to_string("autonomy/notices.html", context)
    mail.attach_alternative(html, "text/html")
    post(mail)
    return id_


def shown(letter: Letter) -> dict[str, Any]:
    """What its templates say. Links only lead to pages: whoever decides has logged in."""
    linked = bool(settings.PUBLIC_URL)
    return {
        "title": headline([line.topic for line in letter.lines]),
        "tenant": letter.tenant,
        "lines": letter.lines[:SHOWN],
        "rest": max(0, len(letter.lines) - SHOWN),
        "linked": linked,
        "inbox": f"{settings.PUBLIC_URL}{reverse('inbox-page')}" if linked else "",
        "choices": f"{settings.PUBLIC_URL}{reverse('notifications-page')}"
        if linked
        else "",
    }
