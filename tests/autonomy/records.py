"""Records for tests of earned autonomy: acts that people decided, or that ran alone."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from autonomy import earning
from autonomy.models import (
    Approval,
    Execution,
    Intent,
    Mode,
    Outcome,
    Permit,
    Suggestion,
    Verdict,
)
from autonomy.rules.review import REASON
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk

DAY = timedelta(days=1)
NOTE = "create_internal_note"
GOOD, BAD = "EXECUTION_SUCCEEDED", "IDEA_REJECTED"


def began(desk: Desk) -> datetime:
    """When the newest mode was set: acts count from then on."""
    with tenant_scope(desk.tenant):
        newest = Mode.objects.order_by("-set_at").first()
        assert newest is not None
        return newest.set_at


def _intents(desk: Desk, count: int, at: datetime, **more: Any) -> list[Intent]:
    made = [
        Intent(
            id=uuid7(), tenant_id=desk.tenant, account=desk.account,
            parameters={"text": "A note."}, confidence=0.9, status="SUCCEEDED",
            created_at=at, updated_at=at,
            **{"action_type": NOTE, "origin": "agent", **more},
        )
        for _ in range(count)
    ]  # fmt: skip
    return Intent.objects.bulk_create(made)


def _outcomes(rows: list[Intent], taxonomy: str, at: datetime) -> None:
    Outcome.objects.bulk_create(
        Outcome(
            tenant_id=row.tenant_id, intent=row, account_id=row.account_id,
            action_type=row.action_type, taxonomy=taxonomy, at=at,
        )
        for row in rows
    )  # fmt: skip


def decided(
    desk: Desk,
    count: int,
    taxonomy: str = GOOD,
    *,
    at: datetime | None = None,
    reason: str = "MODE_APPROVAL",
    also: tuple[str, ...] = (),
    **more: Any,
) -> list[UUID]:
    """Acts that one layer held back, `also` others; that people decided, and that came
    to something.
    """
    when = at or began(desk) + DAY
    layers = [
        {"layer": "mode", "decision": "REQUIRE_APPROVAL", "reason": reason},
        *({"layer": name, "decision": "REQUIRE_APPROVAL"} for name in also),
    ]
    is_yes = taxonomy != BAD
    with tenant_scope(desk.tenant):
        rows = _intents(desk, count, when, **more)
        verdicts = Verdict.objects.bulk_create(
            Verdict(
                tenant_id=desk.tenant, intent=row, facts={}, layers=layers,
                decision="REQUIRE_APPROVAL", reason=reason, policy_clause="mode",
                explanation="It asks.", policy_version="v", judged_at=when,
            )
            for row in rows
        )  # fmt: skip
        Approval.objects.bulk_create(
            Approval(
                tenant_id=desk.tenant, intent=row, verdict=verdict,
                account=desk.account, payload_hash="x", requires_role="SELLER",
                status="APPROVED" if is_yes else "REJECTED", asked_at=when,
                expires_at=when + DAY, decided_at=when,
                decided_by_id=desk.house.members[Role.APPROVER].id,
            )
            for row, verdict in zip(rows, verdicts, strict=True)
        )  # fmt: skip
        _outcomes(rows, taxonomy, when)
    return [row.id for row in rows]


def reviewed(desk: Desk, count: int, taxonomy: str = GOOD, **more: Any) -> list[UUID]:
    """Acts that chance sent to people."""
    return decided(desk, count, taxonomy, reason=REASON, **more)


def ran(desk: Desk, count: int, taxonomy: str = GOOD, **more: Any) -> list[UUID]:
    """Acts that ran by themselves."""
    when = began(desk) + DAY
    with tenant_scope(desk.tenant):
        rows = _intents(desk, count, when, **more)
        verdicts = Verdict.objects.bulk_create(
            Verdict(
                tenant_id=desk.tenant, intent=row, facts={}, layers=[],
                decision="AUTO_EXECUTE", reason="ALLOWED", policy_clause="c",
                explanation="It runs.", policy_version="v", judged_at=when,
            )
            for row in rows
        )  # fmt: skip
        permits = Permit.objects.bulk_create(
            Permit(
                tenant_id=desk.tenant, intent=row, verdict=verdict, source="POLICY",
                action_type=row.action_type, action_digest="x", facts_digest="x",
                policy_version="v", epoch="1.1", minted_at=when, spent_at=when,
                expires_at=when + DAY, seal="x",
            )
            for row, verdict in zip(rows, verdicts, strict=True)
        )  # fmt: skip
        Execution.objects.bulk_create(
            Execution(
                tenant_id=desk.tenant, intent=row, permit=permit, account=desk.account,
                action_type=row.action_type, tool="internal", status="SUCCEEDED",
                auto_executed=True, approval_source="POLICY", started_at=when,
                finished_at=when,
            )
            for row, permit in zip(rows, permits, strict=True)
        )  # fmt: skip
        _outcomes(rows, taxonomy, when)
    return [row.id for row in rows]


def regretted(desk: Desk, intents: list[UUID], taxonomy: str = "UNDONE") -> None:
    with tenant_scope(desk.tenant):
        rows = list(Intent.objects.filter(pk__in=intents))
        _outcomes(rows, taxonomy, began(desk) + 2 * DAY)


def later(desk: Desk, days: float = 10) -> datetime:
    """When what was decided on the first day is no longer regretted."""
    return began(desk) + timedelta(days=days)


def looked(desk: Desk, now: datetime | None = None) -> int:
    when = now or later(desk)
    with tenant_scope(desk.tenant):
        return earning.look(now=when)


def found(desk: Desk, **conditions: Any) -> list[Suggestion]:
    with tenant_scope(desk.tenant):
        return list(Suggestion.objects.filter(**conditions).order_by("id"))


def statuses(desk: Desk) -> list[str]:
    return [str(each.status) for each in found(desk)]


def suggested(desk: Desk, count: int = 60) -> Suggestion:
    """A suggestion that the record bears out."""
    decided(desk, count)
    assert looked(desk) == 1
    (made,) = found(desk, status="OPEN")
    return made


def signed(desk: Desk, by: Caller | None = None) -> Suggestion:
    """A widening, some days after its record began."""
    made = suggested(desk)
    when = later(desk)
    with tenant_scope(desk.tenant):
        return earning.sign(made.id, by=by or desk.admin, now=when)


def mode_rows(desk: Desk) -> dict[str, str]:
    with tenant_scope(desk.tenant):
        rows = Mode.objects.filter(account=None)
        return dict(rows.values_list("action_type", "mode"))


def with_four_eyes(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        Tenant.objects.update(four_eyes=True)


def kinds(desk: Desk) -> list[str]:
    with tenant_scope(desk.tenant):
        rows = Entry.objects.filter(kind__startswith="autonomy.").order_by("number")
        return [
            f"{row.kind} {row.data['what']}" if "moved" in row.kind else row.kind
            for row in rows
        ]


def changes(desk: Desk) -> list[tuple[str, Any, Any]]:
    with tenant_scope(desk.tenant):
        rows = Entry.objects.filter(
            kind="setting.changed", data__setting="mode", data__action_type=NOTE
        )
        return [
            (row.actor["type"], row.data["before"], row.data["after"])
            for row in rows.order_by("number")
        ]
