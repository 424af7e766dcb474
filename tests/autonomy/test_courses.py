"""D1: a run knows of its account's plans, as the storey above tells of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from autonomy.context import for_the_record, frozen_context, is_from_outside
from autonomy.courses import drop_course, set_course
from autonomy.models import Course
from autonomy.rules.snapshots import MOST, size
from bench.parts.count import Counts, counted
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

ENDS = NOW + timedelta(days=30)


def tell(desk: Desk, plan: UUID, **more: Any) -> None:
    said = {
        "account": desk.account.id,
        "plan_type": "renewal_cadence",
        "status": "ACTIVE",
        "objective": "Renew before the quarter ends.",
        "expires_at": ENDS,
        "now": NOW,
    }
    with tenant_scope(desk.tenant):
        set_course(plan, **{**said, **more})


def known(desk: Desk) -> dict[str, Any]:
    with tenant_scope(desk.tenant):
        return frozen_context(desk.account, None, now=NOW)


def test_a_run_knows_of_its_plans(desk: Desk) -> None:
    """D1: as they were told last, the newest first, until nothing is told of them."""
    first, second = uuid7(), uuid7()
    assert known(desk)["plans"] == []
    tell(desk, first, status="DRAFT")
    tell(desk, second)
    tell(desk, first, status="PAUSED", objective="Renew in time.")
    assert known(desk)["plans"] == [
        {
            "id": str(second),
            "plan_type": "renewal_cadence",
            "status": "ACTIVE",
            "objective": "Renew before the quarter ends.",
            "expires_at": ENDS.isoformat(),
        },
        {
            "id": str(first),
            "plan_type": "renewal_cadence",
            "status": "PAUSED",
            "objective": "Renew in time.",
            "expires_at": ENDS.isoformat(),
        },
    ]
    with tenant_scope(desk.tenant):
        drop_course(first)
        drop_course(first)
    assert [each["id"] for each in known(desk)["plans"]] == [str(second)]


def test_people_stay_out_of_it_and_the_record_keeps_no_words(desk: Desk) -> None:
    """D1, G1: ids in place of people; what cannot be erased holds no text."""
    tell(desk, uuid7(), objective="Win Ann (ann@acme.example) over.")
    context = known(desk)
    assert context["plans"][0]["objective"] == "Win [contact] ([contact]) over."
    (recorded,) = for_the_record(context)["plans"]
    assert set(recorded) == {"id", "plan_type", "status", "expires_at"}


def test_what_nobody_agreed_to_counts_as_from_outside(desk: Desk) -> None:
    """A9: a draft may say what a model read somewhere."""
    plan = uuid7()
    tell(desk, plan)
    assert not is_from_outside(known(desk))
    tell(desk, plan, status="DRAFT")
    assert is_from_outside(known(desk))


def test_ten_of_them_and_no_more(desk: Desk) -> None:
    """D1: bounded; and asked for in the same breath as all the rest."""
    counts, more = Counts(), Counts()
    with counted(counts):
        known(desk)
    plans = [uuid7() for _ in range(12)]
    for each in plans:
        tell(desk, each, objective="Win them over.")
    with counted(more):
        found = known(desk)["plans"]
    assert counts == more
    assert [each["id"] for each in found] == [str(each) for each in plans[:1:-1]]
    for each in plans:
        tell(desk, each, objective="x " * 250)
    assert size(known(desk)) <= MOST
    assert size(known(desk)["plans"]) <= 4096


def test_of_this_account_of_this_tenant(
    desk: Desk, make_desk: Callable[..., Desk]
) -> None:
    """T1."""
    stranger = make_desk()
    plan = uuid7()
    tell(stranger, plan)
    assert known(desk)["plans"] == []
    with tenant_scope(desk.tenant):
        drop_course(plan)
    with tenant_scope(stranger.tenant):
        assert Course.objects.get().plan_id == plan
