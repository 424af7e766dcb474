"""A10, L7: what judged is kept as it was, and can be said."""

from typing import Any

import pytest
from django.db import connection

from autonomy.models import Bundle, PolicyData, Verdict
from autonomy.policies import activate, roll_back, save_bundle
from autonomy.policy import Source, read
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.small import (
    SMALL,
    bundle,
    clause,
    ship_small,
)
from tests.autonomy.conftest import Desk
from tests.conftest import NOW


def into_force(desk: Desk, plain: dict[str, Any]) -> Bundle:
    """By one person: none of these widens."""
    kept = save_bundle(plain, by=desk.admin, now=NOW)
    activate(kept, simulation=None, by=desk.admin, now=NOW)
    return kept


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Source:
    return ship_small(monkeypatch)


def test_history_keeps_the_version_that_judged(desk: Desk, small: Source) -> None:
    """A10, L7: old verdicts name the old version, whose source is still kept."""
    before = desk.propose("draft_email")
    with tenant_scope(desk.tenant):
        strict = clause("mail", "BLOCK", "action_type == 'draft_email'")
        kept = into_force(desk, bundle(strict))
    after = desk.propose("draft_email")
    with tenant_scope(desk.tenant):
        roll_back(by=desk.admin, now=NOW)
    last = desk.propose("draft_email")
    with tenant_scope(desk.tenant):
        judged = {
            intent.id: Verdict.objects.get(intent=intent).policy_version
            for intent in (before, after, last)
        }
        assert judged == {
            before.id: small.version,
            after.id: kept.version,
            last.id: small.version,
        }
        assert (
            read(Bundle.objects.get(version=kept.version).source).version
            == kept.version
        )
    assert [each.status for each in (before, after, last)] == [
        "APPROVED",
        "BLOCKED",
        "APPROVED",
    ]


def execute(desk: Desk, intruder: Any, statement: str) -> None:
    """As the house's own role, or as somebody beyond every fence."""
    if intruder is not None:
        with intruder.cursor() as cursor:
            cursor.execute(statement)
        return
    with tenant_scope(desk.tenant), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("table", ["bundle", "verdict", "policydata"])
@pytest.mark.parametrize(
    "how", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}"]
)
@pytest.mark.parametrize("who", ["house", "superuser"])
def test_what_judged_is_never_changed(
    desk: Desk, small: Source, superuser: Any, table: str, how: str, who: str
) -> None:
    """A10, L1: the database refuses, whoever asks."""
    desk.propose()
    with tenant_scope(desk.tenant):
        save_bundle(SMALL, by=desk.admin, now=NOW)
        PolicyData.objects.create(tenant_id=desk.tenant, data={}, saved_at=NOW)
    statement = how.format(f"autonomy_{table}")
    with pytest.raises(Exception, match=r"permission denied|append-only|never change"):
        execute(desk, superuser if who == "superuser" else None, statement)
    with tenant_scope(desk.tenant):
        counts = [m.objects.count() for m in (Bundle, Verdict, PolicyData)]
    assert counts == [1, 1, 1]


def test_an_explanation_that_grows_with_its_facts(desk: Desk, small: Source) -> None:
    """A10: what was let in must be sayable for every type; nobody's proposal breaks."""
    words = clause(
        "long", "REQUIRE_APPROVAL", "!allowlisted", explanation="{action_type} " * 20
    )
    own = {
        "key": "a" * 64, "tier": "AUTONOMOUS", "risk_level": "LOW", "tool": "internal.task",
        "external_contact": False, "reversal": "INVERSE", "idempotent": True,
        "schema": {"type": "object"}, "example": {},
    }  # fmt: skip
    made = desk.house.client(Role.ADMIN).send("POST", "action-types/", own)
    assert made.status_code == 201
    with tenant_scope(desk.tenant):
        into_force(desk, bundle(words))
    assert desk.propose("a" * 64).status == "AWAITING_APPROVAL"
