"""What differs, in words; and that nothing that widens passes for something else."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.rules.facts import ModeAt
from autonomy.rules.modes import MODES, resolve
from config.as_code.rules.differences import Change, Shipped, differences, wanted
from config.as_code.rules.document import Key, State, plain_of, state_of
from config.as_code.rules.widening import BELOW, why_wider
from config.as_code.rules.words import summed, told

CORE = {"tier": "AUTONOMOUS", "tool": "crm.note", "min_confidence": None}
OWN = {
    **CORE, "risk_level": "LOW", "external_contact": False, "touches": [],
    "reversal": "NONE", "idempotent": False, "schema": {}, "example": {},
}  # fmt: skip
TRIGGER = {
    "enabled": True, "debounce_s": 60, "cooldown_s": 300, "max_per_account_hour": 6,
    "max_per_tenant_hour": 100,
}  # fmt: skip
TOOL = {
    "url": "https://a.example", "effect": "KEYED", "undo": True, "timeout_s": 5.0,
    "rate_per_s": 10.0,
}  # fmt: skip
BUNDLE = {"name": "b", "clauses": [{"id": "a", "ceiling": "BLOCK"}], "tests": [1]}
SHIPPED = Shipped(triggers={"MANUAL": TRIGGER}, action_types={"note": CORE})
CURRENT: dict[str, Any] = {
    "settings": {
        "timezone": "UTC", "four_eyes": True, "digest_hour": 8, "quiet_hours": {},
        "contact_caps": {"account_per_week": 2}, "default_mode": "", "review_share": 0.1,
    },
    "modes": [{"mode": "APPROVAL"}, {"account": "acme", "mode": "ASSIST"}],
    "opt_ins": [{"granted": True}, {"account": "acme", "granted": False}],
    "budgets": [{"limit_per_day": 10}, {"each": "account", "limit_per_day": 5}],
    "decision_budget": {"runs_per_day": 100, "cost_per_day": 5.0},
    "triggers": {"MANUAL": TRIGGER},
    "tools": {"shop": TOOL},
    "action_types": {"gift": OWN},
    "policy_data": {
        "allowlist": ["note"], "min_confidence": {"default": 0.7},
        "amount_caps": {"default": 100.0},
        "hours": {"start": "08:00", "end": "18:00", "days": [0, 1]},
    },
    "policy_bundle": BUNDLE,
}  # fmt: skip


def seen(section: str, value: Any) -> list[Change]:
    """The changes that one section of a file would make, each judged."""
    current = state_of(CURRENT)
    desired = wanted(current, state_of({section: value}), SHIPPED)
    found = differences(current, desired, SHIPPED)
    return [
        Change(**{**vars(each), "widens": why_wider(each, current, desired)})
        for each in found
    ]


@pytest.mark.parametrize(
    ("section", "value", "words", "widens"),
    [
        ("settings", {"four_eyes": True}, [], False),
        ("settings", {"digest_hour": 9}, ["~ settings, digest_hour: 8 → 9"], False),
        ("settings", {"four_eyes": False}, ["~ settings, four_eyes: yes → no"], True),
        ("settings", {"review_share": 0.0}, ["~ settings, review_share: 0.1 → 0"], True),
        ("settings", {"review_share": 0.2}, ["~ settings, review_share: 0.1 → 0.2"], False),
        (
            "settings",
            {"contact_caps": {}},
            ["~ settings, contact_caps: account_per_week 2 → none"],
            True,
        ),
        (
            "settings",
            {"contact_caps": {"account_per_week": 1}},
            ["~ settings, contact_caps: account_per_week 2 → 1"],
            False,
        ),
        ("settings", {"timezone": "Asia/Tokyo"}, ["~ settings, timezone: UTC → Asia/Tokyo"], True),
        # The tenant's row stands before the settings.
        ("settings", {"default_mode": "AUTOPILOT"}, ["~ settings, default_mode: none → AUTOPILOT"], False),
        (
            "modes",
            [{"mode": "AUTOPILOT"}, {"account": "acme", "mode": "ASSIST"}],
            ["~ modes, everything: APPROVAL → AUTOPILOT"],
            True,
        ),
        (
            "modes",
            [{"mode": "APPROVAL"}],
            ["- modes, account acme: ASSIST"],
            True,
        ),
        (
            "modes",
            [{"mode": "ASSIST"}, {"account": "acme", "mode": "ASSIST"}],
            ["~ modes, everything: APPROVAL → ASSIST"],
            False,
        ),
        ("opt_ins", [{"granted": True}, {"account": "acme", "granted": True}],
         ["~ opt_ins, account acme: no → yes"], True),
        ("opt_ins", [{"granted": False}, {"account": "acme", "granted": False}],
         ["~ opt_ins, everything: yes → no"], False),
        ("budgets", [{"limit_per_day": 9}, {"each": "account", "limit_per_day": 5}],
         ["~ budgets, everything: 10 a day → 9 a day"], False),
        ("budgets", [{"limit_per_day": 11}, {"each": "account", "limit_per_day": 5}],
         ["~ budgets, everything: 10 a day → 11 a day"], True),
        ("budgets", [{"limit_per_day": 10}], ["- budgets, each account: 5 a day"], True),
        ("budgets", [], ["- budgets, everything: 10 a day", "- budgets, each account: 5 a day"], False),
        ("budgets", [{"limit_per_day": 10, "decay_percent": 20}, {"each": "account", "limit_per_day": 5}],
         ["~ budgets, everything: 10 a day → 10 a day, 20 % less for each unused day"], False),
        ("decision_budget", {"runs_per_day": 99}, ["~ decision_budget, runs_per_day: 100 → 99"], False),
        ("decision_budget", {"cost_per_day": 6.0}, ["~ decision_budget, cost_per_day: 5 → 6"], True),
        ("triggers", {"MANUAL": {"enabled": False}}, ["~ triggers, MANUAL: enabled yes → no"], False),
        ("triggers", {"MANUAL": {"debounce_s": 10}}, ["~ triggers, MANUAL: debounce_s 60 → 10"], True),
        ("triggers", {}, [], False),
        ("tools", {"shop": {"undo": False}}, ["~ tools, shop: undo yes → no"], False),
        ("tools", {"shop": {"secret": "env:A"}}, ["~ tools, shop: secret is replaced (env:A)"], False),
        ("action_types", {"gift": {}, "note": {"min_confidence": 0.9}},
         ["~ action_types, note: min_confidence nothing → 0.9"], False),
        ("action_types", {"gift": {"tier": "HARD_STOP"}},
         ["~ action_types, gift: tier AUTONOMOUS → HARD_STOP"], False),
        ("action_types", {"gift": {"tool": "shop"}}, ["~ action_types, gift: tool crm.note → shop"], True),
        ("policy_bundle", {**BUNDLE, "clauses": [{"id": "b"}], "tests": []},
         ["~ policy_bundle: +b, -a, its tests"], False),
    ],
)  # fmt: skip
def test_differences_in_words(
    section: str, value: Any, words: list[str], widens: bool
) -> None:
    """The table: what is said of a change, and whether it widens autonomy."""
    found = seen(section, value)
    assert [told(each) for each in found] == words
    assert any(each.widens for each in found) is widens


@pytest.mark.parametrize(
    ("name", "value", "widens"),
    [
        ("allowlist", [], False),
        ("allowlist", ["note", "gift"], True),
        ("min_confidence", {"default": 0.8}, False),
        ("min_confidence", {"default": 0.7, "gift": 0.6}, True),
        ("min_confidence", {"default": 0.6}, True),
        ("amount_caps", {"default": 50.0}, False),
        ("amount_caps", {}, True),
        ("amount_caps", {"default": 100.0, "gift": 200.0}, True),
        ("hours", {"start": "09:00", "end": "17:00", "days": [1]}, False),
        ("hours", {"start": "09:00", "end": "17:00"}, True),
        ("hours", {}, True),
        ("opa", {"url": "https://opa.example"}, True),
    ],
)
def test_policy_data_that_widen(name: str, value: Any, widens: bool) -> None:
    """Data are meant as a whole; what they stop asking for is a widening."""
    found = seen("policy_data", {**CURRENT["policy_data"], name: value})
    assert [each.key for each in found] == [(name,)]
    assert bool(found[0].widens) is widens


def test_a_file_without_a_section_leaves_it_alone() -> None:
    """No removal unless the section is there; entries keep what is not named."""
    current = state_of(CURRENT)
    assert wanted(current, {}, SHIPPED) == current
    assert seen("triggers", {"MANUAL": {}}) == []
    assert [told(each) for each in seen("modes", [])] == [
        "- modes, everything: APPROVAL",
        "- modes, account acme: ASSIST",
    ]
    assert summed(seen("modes", [])) == "2 changes: 2 removed."


ACCOUNTS, TYPES, SELLERS = ("", "a", "b"), ("", "x", "y"), ("", "s", "t")
MODE_ROWS = st.dictionaries(
    st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(TYPES)),
    st.sampled_from(MODES).map(lambda mode: {"mode": mode}),
    max_size=5,
)
SETTINGS = st.sampled_from(("", *MODES)).map(lambda mode: {("default_mode",): mode})


def mode_of(state: State, account: str, kind: str) -> str:
    """The mode by the product's own rule."""
    rows = state["modes"]
    chain = (("account_type", (account, kind)), ("tenant_type", ("", kind)),
             ("account", (account, "")), ("tenant", ("", "")))  # fmt: skip
    found = [ModeAt(scope=s, mode=rows.get(k, {}).get("mode")) for s, k in chain]
    usual = state["settings"][("default_mode",)] or None
    return str(resolve((*found, ModeAt(scope="platform", mode=usual))).mode)


def flagged(old: State, new: State) -> bool:
    found = differences(old, new, SHIPPED)
    return any(why_wider(each, old, new) for each in found)


@settings(max_examples=200, deadline=None)
@given(old=MODE_ROWS, new=MODE_ROWS, before=SETTINGS, after=SETTINGS)
def test_modes_widen_just_where_one_rises(
    old: dict, new: dict, before: dict, after: dict
) -> None:
    """Held against the rule that judges: flagged if, and only if, some act's mode rises."""
    one, other = (
        {"modes": rows, "settings": usual}
        for rows, usual in ((old, before), (new, after))
    )
    rises = any(
        BELOW[mode_of(other, account, kind)] > BELOW[mode_of(one, account, kind)]
        for account, kind in product((*ACCOUNTS, "z"), (*TYPES, "z"))
    )
    assert flagged(one, other) is rises


SCOPES = st.tuples(
    st.sampled_from(ACCOUNTS), st.sampled_from(SELLERS), st.sampled_from(TYPES)
).map(lambda scope: (*scope, "")) | st.tuples(
    st.just(""), st.just(""), st.sampled_from(TYPES), st.sampled_from(("account", "seller"))
)  # fmt: skip
BUDGETS = st.dictionaries(
    SCOPES,
    st.integers(0, 3).map(lambda limit: {"limit_per_day": limit, "decay_percent": 0}),
    max_size=4,
)


def limit_of(rows: dict[Key, Any], account: str, seller: str, kind: str) -> int:
    """The least limit of the rows that an act draws on; without one, none runs."""
    found = [
        key
        for key in rows
        if key[0] in ("", account) and key[1] in ("", seller) and key[2] in ("", kind)
    ]
    own = {("account", key[2]) for key in found if key[0]}
    own |= {("seller", key[2]) for key in found if key[1]}
    limits = [
        rows[key]["limit_per_day"] for key in found if (key[3], key[2]) not in own
    ]
    return min(limits, default=0)


@settings(max_examples=300, deadline=None)
@given(old=BUDGETS, new=BUDGETS)
def test_no_budget_that_gives_more_is_missed(old: dict, new: dict) -> None:
    """Whoever may do more than before, by the least of the limits, was told of."""
    if flagged({"budgets": old}, {"budgets": new}):
        return
    for account, seller, kind in product("abz", "stz", "xyz"):
        was, would = (limit_of(rows, account, seller, kind) for rows in (old, new))
        assert would <= was


@settings(max_examples=100, deadline=None)
@given(modes=MODE_ROWS, budgets=BUDGETS)
def test_a_state_is_its_document(modes: dict, budgets: dict) -> None:
    """Written and read again it is the same, and nothing is left to do."""
    state = {**state_of(CURRENT), "modes": modes, "budgets": budgets}
    again = state_of(plain_of(state))
    assert again == state
    assert differences(state, wanted(state, again, SHIPPED), SHIPPED) == []
