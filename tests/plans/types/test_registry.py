"""R9: a type is one declaration; each that ships holds together, and a new file is enough."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from autonomy.propose import check_parameters
from autonomy.rules.catalogue import CORE
from plans import types
from plans.rules.facts import StepFacts, riskiest
from plans.rules.gate import beyond_policy, violations
from plans.rules.lifecycle import Status
from plans.types.base import PlanType, StepTemplate
from plans.types.registry import TYPES, collect, type_of
from tests.plans.rules.make import T0, plan, world

DAY = date(2027, 1, 31)
FILLED = {
    "account": "North & Sons {GmbH}",
    "day": "31 January 2027",
    "days_left": "68",
    "start": "2026-11-25T09:00:00+00:00",
}
EACH = pytest.mark.parametrize("type_", TYPES.values(), ids=list(TYPES))


def filled(given: Any) -> Any:
    if isinstance(given, str):
        return given.format(**FILLED)
    if isinstance(given, Mapping):
        return {name: filled(each) for name, each in given.items()}
    return given


def drafted(type_: PlanType) -> tuple[StepFacts, ...]:
    """The template as steps, as soon as each may begin."""
    return tuple(
        StepFacts(
            step_id=each.key,
            place=place,
            action_type=each.action_type,
            action=CORE[each.action_type],
            parameters=filled(each.parameters),
            depends_on=each.after,
            required=each.required,
            human_touch=each.human_touch,
            only_if=each.only_if,
            earliest=T0 + each.starts_after,
            max_failures=each.max_failures,
        )
        for place, each in enumerate(type_.template)
    )


def draft_of(type_: PlanType) -> Any:
    steps = drafted(type_)
    return replace(
        plan(
            *steps,
            plan_type=type_.key,
            status=Status.DRAFT,
            constraints=type_.constraints,
            expires_at=type_.deadline(None, T0),
        ),
        risk_level=riskiest(steps),
    )


def test_what_ships() -> None:
    """R9: what goes first stands at the top, as a list shows it."""
    assert list(TYPES) == ["RENEWAL_DEFENSE", "EXPANSION", "PIPELINE_CREATION"]


@pytest.mark.parametrize(
    "key",
    [
        "constructor", "__class__", "__init__", "keys", "", "renewal_defense",
        " RENEWAL_DEFENSE", "RENEWAL_DEFENSE\n", "RENEWAL-DEFENSE",
    ],
)  # fmt: skip
def test_a_type_is_known_by_its_exact_name_only(key: str) -> None:
    """R4: INVALID_PLAN_TYPE for everything else."""
    assert type_of(key) is None
    assert type_of("RENEWAL_DEFENSE") is TYPES["RENEWAL_DEFENSE"]


def test_nobody_adds_a_type_while_it_runs() -> None:
    """R9: types are files, not rows."""
    with pytest.raises(TypeError):
        TYPES["MINE"] = TYPES["EXPANSION"]  # type: ignore[index]


@EACH
def test_a_draft_from_the_template_passes_the_gate(type_: PlanType) -> None:
    """R4, R8, R9: what the house itself proposes breaks no rule of its own."""
    assert violations(draft_of(type_), type_, now=T0) == []


@EACH
def test_parameters_fit_their_actions_once_filled(type_: PlanType) -> None:
    """R9: whatever a name holds; and nothing stays open."""
    for each in drafted(type_):
        assert each.action is not None
        check_parameters(each.action, each.parameters)


@EACH
def test_words_have_their_places(type_: PlanType) -> None:
    assert type_.objective.format(day="31 January 2027") != type_.objective
    assert all((type_.title, type_.about, type_.condition))


@EACH
def test_a_declaration_holds_together(type_: PlanType) -> None:
    """R9: phases, touches, keys and times."""
    keys = [each.key for each in type_.template]
    assert len(set(keys)) == len(keys)
    assert set(type_.phases) <= set(CORE)
    for place, each in enumerate(type_.template):
        # Told in an order in which it can be done.
        assert set(each.after) <= set(keys[:place])
        assert each.starts_after < type_.lasts
        assert all(
            _before(type_, one).starts_after <= each.starts_after for one in each.after
        )
    reaching = [
        each
        for each in type_.template
        if CORE[each.action_type].traits.external_contact
    ]
    assert len(reaching) <= type_.max_touches
    assert all(each.human_touch for each in reaching)
    assert type_.deadline(None, T0) == T0 + type_.lasts


@EACH
def test_the_last_required_step_comes_near_the_end(type_: PlanType) -> None:
    """R3: a plan is done with its required steps, so the last of them keeps it going."""
    last = max(each.starts_after for each in type_.template if each.required)
    optional = [each.starts_after for each in type_.template if not each.required]
    assert last >= type_.lasts / 2
    assert all(each <= last for each in optional)


def _before(type_: PlanType, key: str) -> StepTemplate:
    return next(each for each in type_.template if each.key == key)


@EACH
def test_only_the_calm_types_may_be_approved_by_policy(type_: PlanType) -> None:
    """R7."""
    may = beyond_policy(draft_of(type_)) == []
    assert may is (type_.key != "RENEWAL_DEFENSE")


@EACH
@pytest.mark.parametrize(
    "more", [{"closed": True}, {"lifecycle": "CHURNED"}], ids=["closed", "churned"]
)
def test_nothing_is_planned_for_who_is_gone(
    type_: PlanType, more: dict[str, Any]
) -> None:
    """R4, R7."""
    around = world(**more)
    assert type_.unmet(plan(), around)
    assert type_.suits(around) is None


@EACH
def test_an_empty_account_meets_nothing_and_breaks_nothing(type_: PlanType) -> None:
    met = type_.is_met(plan(), world())
    assert not met.holds
    assert met.why


NEW = '''
"""WIN_BACK: for who left us."""

from dataclasses import replace

from plans.types.expansion import TYPE as LIKE

TYPE = replace(LIKE, key="{key}", title="Win back", priority=75)
'''


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder whose files count as standing beside the types that ship."""
    monkeypatch.setattr(types, "__path__", [*types.__path__, str(tmp_path)])
    yield tmp_path
    for name in [each for each in sys.modules if each.startswith("plans.types.new_")]:
        del sys.modules[name]
        delattr(types, name.rpartition(".")[2])


def test_a_new_file_is_enough(beside: Path) -> None:
    """R9: no list is edited, no other file touched."""
    (beside / "new_win_back.py").write_text(NEW.format(key="WIN_BACK"))
    (beside / "new_words.py").write_text('"""Shared by types, and none itself."""\n')
    found = collect()
    assert list(found) == [
        "RENEWAL_DEFENSE", "WIN_BACK", "EXPANSION", "PIPELINE_CREATION",
    ]  # fmt: skip
    assert found["WIN_BACK"].title == "Win back"
    assert violations(draft_of(found["WIN_BACK"]), found["WIN_BACK"], now=T0) == []


def test_two_types_of_one_name_are_noticed_at_once(beside: Path) -> None:
    """R9: it does not depend on the order of files which of them counts."""
    (beside / "new_expansion.py").write_text(NEW.format(key="EXPANSION"))
    with pytest.raises(ValueError, match="same key"):
        collect()


@pytest.mark.parametrize(
    ("key", "day", "ends"),
    [
        ("RENEWAL_DEFENSE", DAY, datetime(2027, 1, 1, tzinfo=UTC)),
        ("RENEWAL_DEFENSE", None, T0 + timedelta(days=30)),
        ("EXPANSION", DAY, datetime(2027, 1, 31, tzinfo=UTC)),
        ("EXPANSION", None, T0 + timedelta(days=60)),
        ("PIPELINE_CREATION", None, T0 + timedelta(days=45)),
    ],
)
def test_when_it_has_to_be_through(key: str, day: date | None, ends: datetime) -> None:
    """R1, R9: before day −30, for a renewal."""
    assert TYPES[key].deadline(day, T0) == ends
