"""Exported and applied again, a configuration stays what it is, whatever it is."""

import os
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autonomy import policies
from autonomy.rules.modes import MODES
from config.as_code import standing as standing_of
from config.as_code.applying import apply
from config.as_code.planning import plan
from config.as_code.rules.document import SECTIONS, plain_of
from config.as_code.standing import digest_of, standing
from config.as_code.text import read, write
from config.seeding import seed
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from perception.tenants import find_tenant
from tests.autonomy.api.small import NARROWER, clause, ship_small
from tests.config.as_code.conftest import Files
from tests.conftest import NOW

SECRET = "whsec_" + "c2VjcmV0" * 4
TYPES = ("create_internal_note", "draft_email", "send_gift")
GIFT = {
    "tier": "AUTONOMOUS", "tool": "shop", "min_confidence": 0.9, "risk_level": "LOW",
    "external_contact": True, "touches": ["price"], "reversal": "INVERSE",
    "idempotent": True, "schema": {"type": "object", "properties": {}}, "example": {},
}  # fmt: skip
SHOP = {"url": "https://shop.example/do", "effect": "KEYED", "secret": "env:SHOP"}
FULL: dict[str, Any] = {
    "version": 1,
    "settings": {
        "timezone": "Asia/Tokyo", "four_eyes": True, "digest_hour": 7,
        "quiet_hours": {"start": "20:00", "end": "08:00"},
        "contact_caps": {"account_per_week": 1}, "default_mode": "ASSIST",
        "cadence": {"WARM": {"every_s": 7200, "up_to_s": 7200, "depth": "SHALLOW"}},
        "response_days": 14,
    },
    "modes": [
        {"mode": "AUTOPILOT"},
        {"action_type": "send_gift", "mode": "ASSIST"},
        {"account": "acme", "action_type": "draft_email", "mode": "SCHEDULED"},
    ],
    "opt_ins": [{"granted": True}, {"account": "acme", "granted": False}],
    "budgets": [
        {"limit_per_day": 50},
        {"account": "acme", "limit_per_day": 7, "decay_percent": 10},
        {"each": "seller", "action_type": "draft_email", "limit_per_day": 5},
    ],
    "decision_budget": {"cost_per_day": 12.5},
    "triggers": {"GOAL_BEHIND": {"enabled": False, "cooldown_s": 60}},
    "tools": {"shop": SHOP},
    "action_types": {"send_gift": GIFT, "draft_email": {"min_confidence": 0.8}},
    "policy_data": {
        "allowlist": ["send_gift", "draft_email"],
        "min_confidence": {"default": 0.75, "draft_email": 0.9},
        "amount_caps": {"default": 1000},
        "hours": {"start": "08:00", "end": "18:00", "days": [0, 1, 2]},
    },
}  # fmt: skip


def now_as(files: Files) -> dict[str, Any]:
    with tenant_scope(files.desk.tenant):
        return plain_of(standing())


def insist_on_rest(files: Files) -> str:
    """What is exported plans to nothing, applies to nothing, and states nothing."""
    text = files.export()
    with tenant_scope(files.desk.tenant):
        made = plan(text, {})
        before = Entry.objects.count()
        assert (made.changes, made.faults) == ((), ())
        assert digest_of(standing()) == made.digest
        assert made.digest in text
    again = apply(
        text, tenant=files.desk.tenant, who=files.email(Role.ADMIN), environment={},
        expect=made.digest, now=timezone.now(),
    )  # fmt: skip
    assert again.changes == ()
    assert files.export() == text
    with tenant_scope(files.desk.tenant):
        assert Entry.objects.count() == before
    return text


def test_a_demo_tenant_makes_the_round_trip(files: Files) -> None:
    """Every section of a seeded tenant; nothing is left to do."""
    seed(how_many=1, accounts=3, now=timezone.now())
    files.desk.house = type(files.desk.house)(
        tenant=find_tenant("demo-1"), slug="demo-1", members={}, tokens={}
    )
    files.desk.tenant = files.desk.house.tenant
    document, faults = read(insist_on_rest(files))
    assert not faults
    assert list(document.value) == ["version", *SECTIONS]
    assert document.value["budgets"] == [
        {"limit_per_day": 200},
        {"each": "account", "limit_per_day": 20},
    ]


def test_every_section_is_applied_and_comes_back(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file sets all of it; what it leaves out of an entry stays as it is."""
    monkeypatch.setitem(os.environ, "SHOP", SECRET)
    text = write(FULL, "")
    code, said = files.plan(text)
    assert code == 2, said
    assert "+ tools, shop" in said
    files.applied(text)
    held = now_as(files)
    for section in ("modes", "opt_ins", "budgets"):
        assert held[section] == FULL[section]
    for section in ("settings", "decision_budget"):
        assert FULL[section].items() <= held[section].items()
    assert held["triggers"]["GOAL_BEHIND"]["max_per_account_hour"] == 2
    assert held["action_types"]["send_gift"] == GIFT
    assert held["policy_data"]["allowlist"] == ["draft_email", "send_gift"]
    # The secret is the same, so naming it again changes nothing.
    assert files.plan(text)[0] == 0
    assert SECRET not in insist_on_rest(files)


def test_a_section_alone_changes_nothing_else(files: Files) -> None:
    """No removal unless a section is there; an empty one takes its entries away."""
    before = now_as(files)
    files.applied("modes: []\n")
    assert now_as(files) == {**before, "modes": []}
    files.applied("budgets:\n")
    assert now_as(files) == {**before, "modes": [], "budgets": []}


def test_a_bundle_comes_back_word_for_word(
    make_files: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A10: its version is the hash of all of it, so that no space may be lost."""
    small = ship_small(monkeypatch)
    monkeypatch.setattr(standing_of, "shipped", lambda: small)
    files = make_files()
    odd = clause("odd", "BLOCK", "stage == 'x' ", explanation=" Because:\n  so.\n")
    plain = {**NARROWER, "clauses": [*NARROWER["clauses"], odd]}
    with tenant_scope(files.desk.tenant):
        saved = policies.save_bundle(plain, by=files.desk.admin, now=NOW)
        policies.activate(saved, simulation=None, by=files.desk.admin, now=NOW)
    insist_on_rest(files)


def scopes(*fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    names = ("account", "action_type")
    keys = st.tuples(st.sampled_from(("", "acme")), st.sampled_from(("", *TYPES[:2])))
    rows = st.dictionaries(keys, st.fixed_dictionaries(dict(zip(*fields, strict=True))))
    return rows.map(
        lambda held: [
            {**{n: v for n, v in zip(names, key, strict=True) if v}, **row}
            for key, row in held.items()
        ]
    )


COUNT = st.integers(0, 1000)
CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "settings": st.fixed_dictionaries(
            {},
            optional={
                "four_eyes": st.booleans(),
                "digest_hour": st.integers(0, 23),
                "default_mode": st.sampled_from(("", *MODES)),
                "review_share": st.floats(0, 1),
                "exploration_share": st.sampled_from([0, 1, 0.25]),
                "contact_caps": st.dictionaries(
                    st.sampled_from(("account_per_week", "contact_per_week")), COUNT
                ),
            },
        ),
        "modes": scopes(["mode"], [st.sampled_from(MODES)]),
        "budgets": scopes(
            ["limit_per_day", "decay_percent"], [COUNT, st.integers(0, 100)]
        ),
        "decision_budget": st.fixed_dictionaries(
            {}, optional={"runs_per_day": COUNT, "cost_per_day": st.floats(0, 1e6)}
        ),
        "triggers": st.dictionaries(
            st.sampled_from(("MANUAL", "GOAL_BEHIND")),
            st.fixed_dictionaries(
                {}, optional={"enabled": st.booleans(), "debounce_s": COUNT}
            ),
        ),
        "action_types": st.dictionaries(
            st.sampled_from(TYPES[:2]),
            st.fixed_dictionaries(
                {}, optional={"min_confidence": st.none() | st.floats(0, 1)}
            ),
        ),
        "policy_data": st.fixed_dictionaries(
            {
                "allowlist": st.lists(st.sampled_from(TYPES[:2])),
                "min_confidence": st.fixed_dictionaries({"default": st.floats(0, 1)}),
                "amount_caps": st.dictionaries(
                    st.sampled_from(("default", *TYPES)), st.floats(0, 1e9)
                ),
                "hours": st.just({}),
            }
        ),
    },
)  # fmt: skip


def test_whatever_is_applied_is_at_rest(make_files: Callable[..., Files]) -> None:
    """Over configurations: apply, then nothing is left to do, however often."""
    files = make_files()

    @settings(
        max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(wanted=CONFIGURATIONS)
    def law(wanted: dict[str, Any]) -> None:
        text = write(deepcopy(wanted), "")
        made = apply(
            text, tenant=files.desk.tenant, who=files.email(Role.ADMIN),
            environment={}, may_widen=True, now=timezone.now(),
        )  # fmt: skip
        with tenant_scope(files.desk.tenant):
            assert plan(text, {}).changes == ()
            assert (digest_of(standing()) == made.digest) is (not made.changes)
        insist_on_rest(files)

    law()
