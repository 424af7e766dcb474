"""X3, X7: one act, from its permit to a deal that stands elsewhere in a real Tryton."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from autonomy.models import Effect, Execution
from autonomy.perform import perform
from autonomy.tools.base import ABSENT
from autonomy.tools.hands import HANDS
from autonomy.undo import request
from autonomy.undoing import take_back
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception import connectors
from perception.models import Opportunity
from perception.sources.base import Asked, Wire
from perception.sources.tryton import Tryton
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import approved
from tests.autonomy.tools.trytons import Shop, tryton, wire
from tests.conftest import NOW
from tests.perception.sources.crm import Crm

pytestmark = pytest.mark.timeout(900)
PERSON = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000002")


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    with tryton(tmp_path_factory.mktemp("crm")) as server:
        yield server


@pytest.fixture
def shop(crm: Crm, desk: Desk, settings: Any) -> Shop:
    """The desk's account has this deal, and a connector that acts in Tryton."""
    settings.EGRESS_ALLOW = (f"127.0.0.1:{crm.port}",)
    shop = Shop(crm)
    with tenant_scope(desk.tenant):
        desk.account.external_id = shop.code
        desk.account.save(update_fields=["external_id"])
        Opportunity.objects.filter(external_id="o1").update(external_id=shop.deal)
        given = {
            "kind": "tryton",
            "name": "crm",
            "config": shop.config(),
            "secret": crm.key,
            "acts": True,
        }
        connectors.add(given, by=PERSON, now=NOW)
    return shop


def act(desk: Desk, shop: Shop, action_type: str, given: dict[str, Any]) -> UUID:
    with tenant_scope(desk.tenant):
        deal = Opportunity.objects.get(external_id=str(shop.deal))
    return approved(desk, action_type, given, opportunity=deal)


def test_a_deal_moves_and_its_image_is_kept(desk: Desk, shop: Shop) -> None:
    """X3: before and after are recorded; no task is left for a person."""
    given = {"to_stage": "qualification", "note": "They have a budget."}
    intent = act(desk, shop, "change_opportunity_stage", given)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert shop.now("state") == {"state": "opportunity"}
    assert [each["message"] for each in shop.notes()] == [
        f"They have a budget.\n\n[autonomy {intent}]"
    ]
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get(intent_id=intent)
        assert not Effect.objects.exists()
    assert execution.before is not None
    assert execution.after is not None
    assert execution.before["fields"]["state"] == "lead"
    assert execution.after["fields"]["state"] == "opportunity"
    assert execution.after["note"]["there"]


@pytest.mark.parametrize("changed", [False, True])
def test_a_deal_is_taken_back(desk: Desk, shop: Shop, changed: bool) -> None:
    """X4: read back there; what a person changed since is a conflict."""
    intent = act(desk, shop, "modify_pricing", {"amount": 900, "reason": "As agreed."})
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    amount = {"__class__": "Decimal", "decimal": "950.00"}
    if changed:
        shop.change(amount=amount)
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get(intent_id=intent)
        undo = request(execution.id, by=PERSON, member=None, reason="Too low.")
    ends = "CONFLICT" if changed else "DONE"
    assert take_back(undo.id, tenant=desk.tenant) == ends
    was = {"__class__": "Decimal", "decimal": "1200.00"}
    assert shop.now("amount") == {"amount": amount if changed else was}


def test_what_tryton_does_not_offer_fails_in_words(desk: Desk, shop: Shop) -> None:
    """X3: refused, and nothing happened."""
    given = {"to_stage": "negotiation"}
    intent = act(desk, shop, "progress_past_evaluation", given)
    assert perform(intent, tenant=desk.tenant) == "FAILED"
    assert shop.now("state", "sales") == {"state": "lead", "sales": []}
    with tenant_scope(desk.tenant):
        assert "a person does that" in Execution.objects.get(intent_id=intent).error


def test_what_the_house_wrote_is_no_news_to_it(shop: Shop) -> None:
    """D0: its own notes and tasks are not read as what people did."""
    on = {"resource": f"sale.opportunity,{shop.deal}", "message": "Called."}
    shop.crm.ask("POST", "ir.note", on)
    for key in ("crm.note", "crm.task"):
        job = shop.job({"text": "Ours.", "title": "Ours."})
        HANDS[key].act(job, wire(job), ABSENT)
    assert read(shop) == (["Called."], [])
    # What a person then does with such a task is news.
    (task,) = shop.tasks()
    shop.crm.ask("PUT", f"project.work/{task['id']}", {"progress": 0.5})
    assert read(shop) == (["Called."], ["Ours."])


def read(shop: Shop) -> tuple[list[str], list[str]]:
    """The notes and the tasks of this account, as they are perceived."""
    notes, tasks = [], []
    cursor: Any = {}
    more = True
    while more:
        asked = Asked(
            config=shop.config(objects=["task", "opportunity_note"]),
            secret=shop.crm.key,
            cursor=cursor,
            is_deep=False,
            now=datetime.now(UTC),
        )
        page = Tryton().pull(asked, Wire(timeout=60, pace=lambda: None))
        notes += [met.text for met in page.interactions if met.account == shop.code]
        tasks += [
            each.payload["title"] for each in page.signals if each.account == shop.code
        ]
        cursor, more = page.cursor, page.more
    return notes, tasks
