"""Rows that are made and written quickly are those that the models make and write."""

from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autonomy.models import DecisionUse, Intent, Run
from autonomy.rows import Writes, new
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

MODELS = [
    model
    for name in ("autonomy", "perception", "plans")
    for model in apps.get_app_config(name).get_models()
]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e9, 1e9)
    | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)


def told(row: models.Model) -> dict[str, Any]:
    """What a row says, but for what is made anew for each."""
    fields = [each for each in row._meta.concrete_fields if not each.generated]
    fresh = {each.attname for each in fields if callable(each.default)}
    values = {each.attname: getattr(row, each.attname) for each in fields}
    return {
        name: type(value) if name in fresh else value for name, value in values.items()
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_new_row_is_what_the_model_makes(model: type[models.Model]) -> None:
    fields = [each for each in model._meta.concrete_fields if not each.generated]
    mine, theirs = new(model), model()
    for each in fields:
        if each.db_default is not models.NOT_PROVIDED and not each.has_default():
            # The database would say; whoever writes it whole has to.
            continue
        assert told(mine)[each.attname] == told(theirs)[each.attname], each
    assert mine._state.adding


def test_a_word_that_it_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="Intent has no acount, colour"):
        new(Intent, acount=1, colour="red")


def test_rows_that_it_names_stay_at_hand(desk: Desk) -> None:
    run = new(Run, tenant_id=desk.tenant, account=desk.account)
    assert run.account_id == desk.account.id
    assert run.account is desk.account


@given(data=st.dictionaries(TEXT, PLAIN, max_size=5), text=TEXT, sure=st.floats(0, 1))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_written_is_read_again(
    desk: Desk, data: dict[str, Any], text: str, sure: float
) -> None:
    """A row travels as one value: quotes, escapes and numbers arrive as they were."""
    with tenant_scope(desk.tenant):
        row = new(
            Intent,
            tenant_id=desk.tenant,
            account=desk.account,
            origin=Intent.Origin.AGENT,
            action_type="create_internal_note",
            parameters=data,
            confidence=sure,
            rationale=text[:2000],
            status=Intent.Status.REJECTED,
            created_at=NOW,
            updated_at=NOW,
        )
        assert Writes().insert(row).send() == 1
        kept = Intent.objects.get(pk=row.pk)
        assert (kept.parameters, kept.rationale, kept.confidence) == (
            data, text[:2000], sure,
        )  # fmt: skip
        assert (kept.created_at, kept.judged_at, kept.evidence) == (NOW, None, [])
        kept.delete()


def test_money_arrives_to_the_last_digit(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        cost = Decimal("12345.6789")
        row = new(
            DecisionUse, tenant_id=desk.tenant, key=desk.tenant, day=NOW.date(),
            runs=0, tokens=0, cost=cost, id=9_876_543,
        )  # fmt: skip
        Writes().insert(row).send()
        assert DecisionUse.objects.get(pk=row.pk).cost == cost
