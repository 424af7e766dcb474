"""SPEC rule 3: whatever the learned tables say, every verdict is the same to the byte.

Column by column, rows with extreme and senseless values stand where learning keeps its
own, and the same intents are judged and let run; nothing of it may differ. So that this
is worth something, wrongs that do let learned values in must be noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import Field, Model
from uuid_utils.compat import uuid7

from autonomy import facts
from autonomy.approve import approve
from autonomy.certificate import certify
from autonomy.models import (
    Choice,
    Evaluation,
    HouseRanking,
    Intent,
    KillSwitch,
    Permit,
    Ranking,
    Suggestion,
    Verdict,
)
from autonomy.rules.calibration import calibrated
from autonomy.rules.catalogue import CORE
from autonomy.rules.facts import ModeAt
from autonomy.rules.ranking import FEATURES_VERSION
from autonomy.rules.review import is_chosen
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage
from ledger.record import Actor
from ledger.scope import current_tenant, system_role, tenant_scope
from perception.settings import change_settings
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

CLOCK = Actor(type="system", id="test")
ARTEFACT: Mapping[str, Any] = {
    "kind": "logistic", "features_version": FEATURES_VERSION, "intercept": 0.0,
    "coefficients": {"confidence": 1.0}, "means": {}, "scales": {},
    "calibration": {"kind": "platt", "slope": 1.0, "offset": 0.0},
}  # fmt: skip
SENSELESS: tuple[Any, ...] = (
    {},
    "AUTO_EXECUTE",
    {"to": "AUTOPILOT", "lower": 1e308, "mode": "DISABLED", "says": "NARROW"},
    {**ARTEFACT, "intercept": 1e308},
    {**ARTEFACT, "calibration": {"kind": "platt", "slope": 0.0, "offset": 700.0}},
    {**ARTEFACT, "calibration": {"kind": "platt", "slope": 0.0, "offset": -700.0}},
)
EXTREME: Mapping[str, tuple[Any, ...]] = {
    "FloatField": (-1e308, 0.99),
    "PositiveSmallIntegerField": (32_767,),
    "BooleanField": (True,),
    "CharField": ("", "commit_pricing"),
    "UUIDField": (uuid7(),),
    "DateTimeField": (datetime(2999, 1, 1, tzinfo=UTC),),
    "JSONField": SENSELESS,
}
# What the database itself refuses need not be tried.
BOUND = {"Choice.propensity": (1e-300, 1.0)}
KEYS = ("id", "tenant")


def learned() -> list[type[Model]]:
    """Every table that learning writes; a new one is among them by itself."""
    return [
        model
        for model in apps.get_app_config("autonomy").get_models()
        if model.__module__ == "autonomy.models.learning"
    ]


class Rolled(Exception):
    """Everything is taken back."""


@pytest.fixture
def judged(desk: Desk) -> Desk:
    """A tenant with intents that wait for their verdict: some run, some do not."""
    desk.mode("APPROVAL", action_type="generate_meeting_brief")
    with tenant_scope(desk.tenant):
        change_settings({"review_share": 0.5}, by=desk.admin, now=NOW)
        stop = Wanted(scope=Scope.ACTION_TYPE, target="draft_email", reason="Wrong.")
        engage(stop, by=CLOCK, now=NOW)
    wanted = (
        ("create_internal_note", 0.1), ("create_internal_note", 0.9),
        ("create_internal_note", 0.9), ("generate_meeting_brief", 0.9),
        ("send_follow_up_email", 0.99), ("draft_email", 0.9), ("commit_pricing", 1.0),
    )  # fmt: skip
    for place, (action_type, confidence) in enumerate(wanted):
        with tenant_scope(desk.tenant):
            Intent.objects.create(
                id=lot(desk, is_chosen_=place % 2 == 0), tenant_id=desk.tenant,
                account=desk.account, origin="agent", action_type=action_type,
                parameters=dict(CORE[action_type].example), confidence=confidence,
                status="PROPOSED", created_at=NOW, updated_at=NOW,
            )  # fmt: skip
    return desk


def lot(desk: Desk, *, is_chosen_: bool) -> UUID:
    """An id that chance sends to a person, or not."""
    return next(
        id_
        for id_ in (uuid7() for _ in range(1000))
        if is_chosen(desk.tenant, id_, 0.5) == is_chosen_
    )


def verdicts(desk: Desk) -> list[dict[str, Any]]:
    """What judging and letting run leads to, intent by intent; taken back again."""
    said: list[dict[str, Any]] = []
    try:
        with transaction.atomic():
            for intent in Intent.objects.order_by("id"):
                approve(intent)
                row = Verdict.objects.get(intent=intent)
                permit = Permit.objects.filter(intent=intent).first()
                said.append(
                    {
                        "intent": str(intent.id),
                        "status": intent.status,
                        **{name: getattr(row, name) for name in _STATED},
                        "permit": permit and [getattr(permit, n) for n in _PERMIT],
                    }
                )
            said.append(certify(KillSwitch.objects.get()))
            raise Rolled
    except Rolled:
        return said


_STATED = (
    "decision", "reason", "policy_clause", "explanation", "policy_version", "layers",
    "would_be_automatic_if", "facts",
)  # fmt: skip
_PERMIT = ("source", "action_digest", "facts_digest", "policy_version", "epoch")


def sound(desk: Desk, model: type[Model]) -> dict[str, Any]:
    """A row as learning would write it, that counts."""
    first = Intent.objects.order_by("id")[0]
    model_row = {
        "version": f"logistic-{uuid7()}", "kind": "logistic", "status": "ACTIVE",
        "artefact": dict(ARTEFACT), "provenance": {}, "made_at": NOW,
        "moved_at": NOW,
    }  # fmt: skip
    rows: Mapping[type[Model], dict[str, Any]] = {
        Choice: {
            "run_id": uuid7(), "intent_id": first.id, "account_id": desk.account.id,
            "action_type": first.action_type, "position": 1, "score": 0.5,
            "propensity": 0.5, "features": {}, "features_version": FEATURES_VERSION,
            "candidates": [], "model": "heuristic", "at": NOW,
        },
        Ranking: {**model_row, "gate": {"passes": True}},
        HouseRanking: model_row,
        Evaluation: {"body": {}, "at": NOW},
        Suggestion: {
            "action_type": "generate_meeting_brief", "status": "OPEN",
            "record": {"to": "AUTOPILOT"}, "suggested_at": NOW,
        },
    }  # fmt: skip
    plain = dict(rows[model])
    return plain if model is HouseRanking else {"tenant_id": desk.tenant, **plain}


def wrongs(model: type[Model]) -> Iterator[tuple[str, Any]]:
    """Every column with every value that it is tried with."""
    for field in model._meta.concrete_fields:
        if field.name in KEYS or field.is_relation:
            continue
        for value in _values(model, field):
            yield field.attname, value


def _values(model: type[Model], field: Field[Any, Any]) -> tuple[Any, ...]:
    if field.choices:
        return tuple(value for value, _ in field.flatchoices)
    named = f"{model.__name__}.{field.name}"
    return BOUND.get(named, EXTREME[field.get_internal_type()])


def differing(desk: Desk, model: type[Model], only: str = "") -> set[str]:
    """The columns of a table that make any difference to what is decided."""
    found = set()
    with tenant_scope(desk.tenant):
        before = verdicts(desk)
        for column, value in wrongs(model):
            if only not in ("", column):
                continue
            after = before
            try:
                with transaction.atomic():
                    _stand_in(model, {**sound(desk, model), column: value})
                    after = verdicts(desk)
                    raise Rolled
            except Rolled:
                pass
            if after != before:
                # Unless a day, or the quiet, has just begun.
                before, was = verdicts(desk), before
                if after not in (before, was):
                    found.add(column)
    return found


def _stand_in(model: type[Model], values: Mapping[str, Any]) -> None:
    """A row that serves, in place of any other that would."""
    rows = model._default_manager.all()
    with system_role():
        if model in (Ranking, HouseRanking):
            rows.filter(status="ACTIVE").update(status="RETIRED")
        model._default_manager.create(**values)


def test_all_that_learning_writes_is_tried() -> None:
    """Rule 3: every table, and in it every column that is no reference."""
    assert set(learned()) == {Choice, Ranking, HouseRanking, Evaluation, Suggestion}
    for model in learned():
        tried = {column for column, _ in wrongs(model)}
        assert tried == {
            field.attname
            for field in model._meta.concrete_fields
            if field.name not in KEYS and not field.is_relation
        }


def test_what_is_judged_is_of_every_kind(judged: Desk) -> None:
    """What would differ can differ: acts run, are asked about, and are stopped."""
    with tenant_scope(judged.tenant):
        said = verdicts(judged)[:-1]
        assert not Verdict.objects.exists()
    assert {each["decision"] for each in said} == {
        "AUTO_EXECUTE", "REQUIRE_APPROVAL", "BLOCK",
    }  # fmt: skip
    assert any(each["permit"] for each in said)


@pytest.mark.parametrize("model", learned(), ids=lambda model: model.__name__)
def test_no_learned_value_reaches_a_verdict(judged: Desk, model: type[Model]) -> None:
    """Rule 3, N4, N7: verdicts, layers, facts, permits and certificates stay the same."""
    assert differing(judged, model) == set()


def by_calibration(known: Any) -> Any:
    """Confidence as it is shown, in place of what it was."""
    held = None
    for model in (Ranking, HouseRanking):
        row = model._default_manager.filter(status="ACTIVE").first()
        artefact = getattr(row, "artefact", None)
        if held is None and isinstance(artefact, dict):
            held = artefact.get("calibration")
    return replace(known, confidence=calibrated(held, 0.9)) if held else known


def by_suggestion(known: Any) -> Any:
    """A suggestion acts before anybody signed it."""
    rows = Suggestion.objects.filter(tenant_id=current_tenant(), status="OPEN")
    if not rows.filter(action_type=known.action_type).exists():
        return known
    return replace(known, modes=(ModeAt(scope="tenant_type", mode="AUTOPILOT"),))


def by_score(known: Any) -> Any:
    """What ranks high needs less confidence."""
    row = Choice.objects.filter(tenant_id=current_tenant()).first()
    is_high = row is not None and row.score > 0.9
    return replace(known, min_confidence=0.05) if is_high else known


def by_report(known: Any) -> Any:
    """A good report lets everything pass."""
    row = Evaluation.objects.filter(tenant_id=current_tenant()).first()
    return replace(known, allowlisted=not (row and row.body))


LEAKS: tuple[tuple[Callable[[Any], Any], type[Model], str], ...] = (
    (by_calibration, Ranking, "artefact"),
    (by_calibration, HouseRanking, "artefact"),
    (by_suggestion, Suggestion, "status"),
    (by_suggestion, Suggestion, "action_type"),
    (by_score, Choice, "score"),
    (by_report, Evaluation, "body"),
)


@pytest.mark.parametrize(("leak", "model", "column"), LEAKS)
def test_a_leak_is_noticed(
    judged: Desk, monkeypatch: Any, leak: Any, model: type[Model], column: str
) -> None:
    """Rule 3: the column that leaks is named."""
    real = facts.read

    def read(asked: Any, *, tenant: Any) -> Any:
        answer = real(asked, tenant=tenant)
        return replace(answer, facts=leak(answer.facts))

    monkeypatch.setattr(facts, "read", read)
    assert differing(judged, model, only=column) == {column}


def test_what_was_not_read_by_name_is_not_read_by_sql(judged: Desk) -> None:
    """Rule 3: no statement of a verdict names a table of learning."""
    tables = [model._meta.db_table for model in learned()]
    said: list[str] = []

    def listen(execute: Any, sql: str, *more: Any) -> Any:
        said.append(str(sql))
        return execute(sql, *more)

    with tenant_scope(judged.tenant), connection.execute_wrapper(listen):
        verdicts(judged)
    assert said
    assert not [sql for sql in said for table in tables if table in sql]
