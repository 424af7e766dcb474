"""H5: those who oversee see how people decide; those who decide do not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from autonomy.admin.habits import NOTHING
from autonomy.models import Approval
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member
from tests.autonomy.conftest import Desk

HERE = "/admin/autonomy/approval/?view=habits"
MAIL = "send_follow_up_email"


def decided(
    desk: Desk,
    role: Role,
    count: int,
    after: timedelta,
    open_for: float | None = None,
) -> None:
    """So many approvals, each so long after it was asked for, or shown."""
    now = timezone.now()
    ids = [desk.propose(MAIL).id for _ in range(count)]
    with tenant_scope(desk.tenant):
        Approval.objects.filter(intent_id__in=ids).update(
            status="APPROVED",
            asked_at=now - timedelta(hours=2) - after,
            decided_at=now - timedelta(hours=2),
            decided_by=desk.house.members[role].id,
            dwell_seconds=open_for,
        )


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_a_rubber_stamp_is_shown_as_such(desk: Desk, role: Role) -> None:
    client = member(desk.house, role)
    assert NOTHING in client.get(HERE).content.decode()
    decided(desk, Role.SELLER, 2, timedelta(minutes=5))
    with CaptureQueriesContext(connection) as before:
        page = client.get(HERE).content.decode()
    assert "rubber stamp</span>" not in page
    assert "2, 2 approved" in page
    assert ">5 min<" in page
    decided(desk, Role.APPROVER, 31, timedelta(seconds=1))
    with CaptureQueriesContext(connection) as after:
        page = client.get(HERE).content.decode()
    assert len(after) == len(before)
    name = str(desk.house.members[Role.APPROVER].person)
    first = page.partition('<th scope="row">')[2].partition("</tr>")[0]
    for said in (name, "rubber stamp", "too many in an hour", "100%", "at most 31"):
        assert said in first, said


def test_what_was_open_for_a_moment_was_not_read(desk: Desk) -> None:
    """However long it had waited by then; where nobody knows, the asking counts."""
    client, hour = member(desk.house, Role.AUDITOR), timedelta(hours=1)
    decided(desk, Role.SELLER, 10, hour, open_for=150)
    page = client.get(HERE).content.decode()
    assert "rubber stamp</span>" not in page
    assert '"half within">60 min<' in page
    assert '"half open for">2 min<' in page
    decided(desk, Role.ADMIN, 10, hour)
    page = client.get(HERE).content.decode()
    assert "rubber stamp</span>" not in page
    assert '"half open for">not known<' in page
    decided(desk, Role.APPROVER, 5, hour, open_for=2.9)
    decided(desk, Role.APPROVER, 5, hour, open_for=3.0)
    first = client.get(HERE).content.decode().partition('<th scope="row">')[2]
    assert first.startswith(str(desk.house.members[Role.APPROVER].person))
    assert "rubber stamp</span>" in first.partition("</th>")[0]


def test_who_decides_does_not_grade_themselves(desk: Desk) -> None:
    for role in (Role.ADMIN, Role.AUDITOR):
        assert "?view=habits" in member(desk.house, role).get("/admin/").text
    client = member(desk.house, Role.APPROVER)
    assert client.get(HERE).status_code == 403
    assert "?view=habits" not in client.get("/admin/").text
    for role in (Role.SELLER, Role.INTEGRATION):
        assert member(desk.house, role).get(HERE).status_code == 403
