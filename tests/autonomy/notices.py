"""What tests of notices share: a house that mails, members to be told, a receiver."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from autonomy import notifying
from autonomy.models import Approval, Intent, Telling
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import system_scope, tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.postboxes import Postbox, postbox

SOON = timedelta(minutes=3)
LATER = timedelta(minutes=10)


@contextmanager
def mailing(settings: Any) -> Iterator[Postbox]:
    """A mail server, and a house that sends through it."""
    with postbox() as made:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", made.port
        settings.EMAIL_TIMEOUT = 30
        settings.DEFAULT_FROM_EMAIL = "autonomy@house.example"
        settings.DIGESTS_BY_MAIL = True
        settings.PUBLIC_URL = "https://house.example"
        yield made


def deliver(desk: Desk, now: datetime) -> int:
    """One look at this tenant's notices; nothing may break."""
    done = notifying.deliver_due(now=now, tenant=desk.tenant)
    assert done.broken == 0
    return done.count


def asked(desk: Desk, action_type: str = "send_proposal") -> Approval:
    """A question that waits for an approver."""
    intent: Intent = desk.propose(action_type)
    with tenant_scope(desk.tenant):
        return Approval.objects.select_related("intent").get(intent=intent)


def tellings(desk: Desk) -> list[Telling]:
    with tenant_scope(desk.tenant):
        rows = Telling.objects.select_related("notice", "member__person")
        return list(rows.order_by("id"))


def stated(desk: Desk, kind: str) -> list[dict[str, Any]]:
    with tenant_scope(desk.tenant):
        entries = Entry.objects.filter(kind=kind).order_by("number")
        return [dict(entry.data) for entry in entries]


def address(desk: Desk, role: Role) -> str:
    return f"{role.lower()}@{desk.house.slug}.example"


def at_once() -> datetime:
    """By the database's clock."""
    with system_scope("test"):
        return clock()


def member(desk: Desk, role: Role) -> Any:
    return desk.house.members[role].id


def to(box: Postbox) -> list[str]:
    return sorted(each.rcpt_tos[0] for each in box.sent)


def text(box: Postbox, place: int = 0, kind: str = "plain") -> str:
    content: str = box.mails[place].get_body((kind,)).get_content()
    return content
