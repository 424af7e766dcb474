"""Rows to facts: each row changes the fact that it should, and no other (A1-A11)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.facts import read
from autonomy.registry import change_type
from autonomy.rules.facts import Reach
from autonomy.rules.guardrails import kill_switch
from autonomy.rules.switches import Scope
from autonomy.switchboard import release
from ledger.scope import tenant_scope
from perception.models import Contact, Opportunity
from tests.autonomy.api.doors import another_account
from tests.autonomy.api.world import (
    CHAT,
    NOTE,
    asked,
    changed,
    contact,
    facts,
    opted_in,
    put_data,
    signed,
    stop,
    tenant,
)
from tests.autonomy.conftest import AGENT, Desk
from tests.conftest import NOW


def test_everything_is_read_in_one_statement(desk: Desk) -> None:
    """A1: one moment for all that a verdict rests on."""
    person = contact(desk)
    with tenant_scope(desk.tenant), CaptureQueriesContext(connection) as seen:
        read(asked(desk, contact=person, origin="plan"), tenant=desk.tenant)
    assert len(seen) == 1


CHANGES: dict[str, tuple[Any, set[str]]] = {
    "a mode": (lambda desk: desk.mode("ASSIST"), {"modes"}),
    "a budget": (lambda desk: desk.budget(3, each="account"), {"budgets"}),
    "a switch": (lambda desk: stop(desk, Scope.TENANT), {"switches"}),
    "a minimum": (
        lambda desk: put_data(desk, min_confidence={"default": 0.7, NOTE: 0.9}),
        {"min_confidence"},
    ),
    "a cap": (lambda desk: put_data(desk, amount_caps={NOTE: 5}), {"amount_cap"}),
    "hours": (
        lambda desk: put_data(
            desk, hours={"start": "00:00", "end": "23:59", "days": []}
        ),
        {"within_hours"},
    ),
    "the allowlist": (lambda desk: put_data(desk, allowlist=[]), {"allowlisted"}),
    "an opt-in": (
        lambda desk: opted_in(desk, datetime.now(UTC)),
        {"opted_in", "digest_delivered"},
    ),
    "a default mode": (lambda desk: tenant(desk, default_mode="ASSIST"), {"modes"}),
    "contact caps": (
        lambda desk: tenant(desk, contact_caps={"account_per_week": 1}),
        {"account_reach"},
    ),
    "quiet hours": (
        lambda desk: tenant(desk, quiet_hours={"start": "00:00", "end": "23:59"}),
        {"quiet"},
    ),
    "an account's mode": (
        lambda desk: desk.mode("ASSIST", account=desk.account.id),
        {"modes"},
    ),
    "another type's mode": (
        lambda desk: desk.mode("ASSIST", action_type="draft_email"),
        set(),
    ),
    "another type's budget": (
        lambda desk: desk.budget(1, action_type="draft_email"),
        set(),
    ),
    "another type's profile": (lambda desk: signed(desk, CHAT), set()),
    "another account's mode": (
        lambda desk: desk.mode("ASSIST", account=another_account(desk.house).id),
        set(),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_row_changes_what_it_is_about(desk: Desk, what: str) -> None:
    """A1-A11: that fact, and no other."""
    change, wanted = CHANGES[what]
    before = facts(desk)
    change(desk)
    assert changed(before, facts(desk)) == wanted


def test_a_type_changes_its_traits(desk: Desk) -> None:
    """A2: tier and tool; a minimum of its own raises the one that counts."""
    before = facts(desk)
    with tenant_scope(desk.tenant):
        given = {"tier": "HARD_STOP", "min_confidence": 0.8}
        change_type(NOTE, given, by=desk.admin, now=NOW)
    after = facts(desk)
    assert changed(before, after) == {"traits", "min_confidence"}
    assert before.traits is not None
    assert after.traits == replace(before.traits, tier="HARD_STOP")


def test_whom_it_concerns(desk: Desk) -> None:
    """A3, A9: the deal and the contact that are named, and no others."""
    with tenant_scope(desk.tenant):
        deal = Opportunity.objects.get(external_id="o2").id
    before = facts(desk)
    assert changed(before, facts(desk, opportunity=deal)) == {"stage"}
    assert facts(desk, opportunity=deal).stage == "negotiation"
    person = contact(desk)
    named = facts(desk, contact=person)
    assert changed(before, named) == {"contact", "opted_out", "contact_reach"}
    assert (named.opted_out, named.contact_reach) == (False, Reach(used=0, cap=2))
    with tenant_scope(desk.tenant):
        Contact.objects.update(erased_at=NOW)
    assert facts(desk, contact=person).opted_out is True
    nobody = facts(desk, contact=uuid4(), opportunity=uuid4())
    assert (nobody.opted_out, nobody.stage) == (None, None)


def test_a_signed_profile_is_a_fact_of_its_type(desk: Desk) -> None:
    """A5."""
    before = facts(desk, action_type=CHAT)
    signed(desk, CHAT)
    assert changed(before, facts(desk, action_type=CHAT)) == {"profile"}


def test_a_board_that_is_missing_blocks(desk: Desk, superuser: Any) -> None:
    """A1: switches that cannot be read count as on."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "DELETE FROM autonomy_board WHERE tenant_id = %s", [str(desk.tenant)]
        )
    found = facts(desk)
    assert found.switches is None
    assert kill_switch(found).stated()["decision"] == "BLOCK"


@pytest.mark.parametrize(
    ("scope", "target", "covers"),
    [
        (Scope.TENANT, "", True),
        (Scope.ACTION_TYPE, NOTE, True),
        (Scope.ACTION_TYPE, "draft_email", False),
        (Scope.TOOL, "internal.note", True),
        (Scope.TOOL, "mail.draft", False),
        (Scope.CONNECTOR, "internal", True),
        (Scope.CONNECTOR, "mail", False),
        (Scope.PLAN_TYPE, "RENEWAL_DEFENSE", False),
    ],
)
def test_a_switch_covers_its_scope_and_no_other(
    desk: Desk, scope: Scope, target: str, covers: bool
) -> None:
    """A1: released it returns, and after the hold it is gone."""
    switch = stop(desk, scope, target)
    found = facts(desk).switches
    assert found is not None
    assert [(each.id, each.returning) for each in found] == (
        [(str(switch), False)] if covers else []
    )
    with tenant_scope(desk.tenant):
        release(switch, "Over.", by=AGENT)
    returning = facts(desk).switches
    assert returning is not None
    assert [each.returning for each in returning] == [True] * covers
    with tenant_scope(desk.tenant):
        release(switch, "Over.", by=AGENT)
    assert facts(desk).switches == ()


def test_switches_of_accounts_sellers_and_plans(desk: Desk) -> None:
    """A1."""
    free = another_account(desk.house)
    for scope, target in (
        (Scope.ACCOUNT, free.id),
        (Scope.SELLER, desk.admin.membership),
    ):
        stop(desk, scope, str(target))
    assert facts(desk).switches == ()
    assert len(facts(desk, account=free.id).switches or ()) == 1
    stop(desk, Scope.PLAN_TYPE, "RENEWAL_DEFENSE")
    assert len(facts(desk, plan_type="RENEWAL_DEFENSE").switches or ()) == 1


# --- Digests (A8) ---------------------------------------------------------------------------


# --- Data (A10) ------------------------------------------------------------------------------
