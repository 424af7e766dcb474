"""X3, X4: what tools do in a real Tryton happens once, is seen, and is taken back."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT
from autonomy.tools.hands import HANDS
from perception.egress import Answer
from perception.errors import EgressFailed
from perception.sources.crm import MARK
from tests.autonomy.tools.trytons import (
    ACTS,
    FIELDS,
    Shop,
    acted,
    all_of,
    job_of,
    refused,
    restored,
    seen,
    tryton,
    wire,
)
from tests.perception.sources.crm import Crm

# Where no packed database is yet, the first test makes it.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    with tryton(tmp_path_factory.mktemp("crm")) as server:
        yield server


@pytest.fixture
def shop(crm: Crm, settings: Any) -> Shop:
    settings.EGRESS_ALLOW = (f"127.0.0.1:{crm.port}",)
    return Shop(crm)


@pytest.mark.parametrize("key", ACTS)
def test_it_acts_once_and_puts_everything_back(shop: Shop, key: str) -> None:
    """X3, X4: a repetition finds it done; what was there before is there again."""
    hand, job, was = HANDS[key], job_of(shop, key), all_of(shop)
    before = hand.origin(job, seen(key, job))
    assert not hand.is_done(job, before)
    called = acted(key, job, before)
    assert (called.said.meaning, called.after) == (Meaning.DONE, seen(key, job))
    stands = all_of(shop)
    assert stands != was
    # Whoever forgot it finds it done; another act's key has nothing to do with it.
    assert hand.is_done(job, seen(key, job))
    assert all_of(shop) == stands
    assert called.after is not None
    back = restored(key, job, before, called.after)
    assert (back.said.meaning, back.after) == (Meaning.DONE, before)
    assert all_of(shop) == was


@pytest.mark.parametrize("key", ACTS)
def test_an_answer_that_got_lost(shop: Shop, key: str, monkeypatch: Any) -> None:
    """X1: nobody knows, until somebody looks; then it was done, once."""
    hand, job = HANDS[key], job_of(shop, key)
    before, line = seen(key, job), wire(job)
    sent = line.http

    def cut(method: str, url: str, **given: Any) -> Answer:
        answer = sent(method, url, **given)
        if method != "GET" and not url.endswith(("_get", "search_read")):
            raise EgressFailed("It broke off.", ambiguous=True)
        return answer

    monkeypatch.setattr(line, "http", cut)
    if key == "crm.stage":
        job = shop.job({"to_stage": "qualification"})
        before = seen(key, job)
    called = outside.act(hand, job, line, before)
    assert called.said.meaning is Meaning.AMBIGUOUS
    assert hand.is_done(job, seen(key, job))
    assert len(shop.notes()) + len(shop.tasks()) <= 1


def by_hand(shop: Shop, key: str) -> None:
    """A person changes what a tool has done."""
    if key == "crm.task":
        (task,) = shop.tasks()
        shop.crm.ask("PUT", f"project.work/{task['id']}", {"progress": 0.5})
    elif key == "crm.note":
        (note,) = shop.notes()
        said = {"message": f"No: {note['message']}"}
        shop.change(notes=[["delete", [note["id"]]], ["create", [said]]])
    elif key == "crm.field":
        amount = {"__class__": "Decimal", "decimal": "11000.00"}
        shop.change(amount=amount)
    else:
        shop.press("lost")


@pytest.mark.parametrize("key", ACTS)
def test_what_a_person_changed_since_is_seen_and_left_alone(
    shop: Shop, key: str
) -> None:
    """X4: a human change is a conflict, also where it comes in the last moment."""
    job = job_of(shop, key)
    before = seen(key, job)
    after = acted(key, job, before).after
    assert after is not None
    by_hand(shop, key)
    assert seen(key, job) not in (before, after)
    stands = all_of(shop)
    called = restored(key, job, before, after)
    assert called.said.meaning is Meaning.MOVED
    assert all_of(shop) == stands


@pytest.mark.parametrize("key", ["crm.field", "crm.stage"])
def test_nothing_is_set_over_what_changed_since_the_look(shop: Shop, key: str) -> None:
    """X4: what is to be set is compared right before."""
    job = job_of(shop, key)
    before = seen(key, job)
    shop.change(end_date={"__class__": "date", "year": 2027, "month": 1, "day": 1})
    stands = all_of(shop)
    assert acted(key, job, before).said.meaning is Meaning.MOVED
    assert all_of(shop) == stands


@pytest.mark.parametrize("key", ["crm.note", "crm.task"])
def test_two_workers_at_once_leave_one(shop: Shop, key: str) -> None:
    """X1: the second one finds a copy and takes it away; copies look like one."""
    job = job_of(shop, key)
    one = acted(key, job, ABSENT)
    two = acted(key, job, ABSENT)
    assert one.after == two.after
    assert len(shop.notes()) + len(shop.tasks()) == 1
    # Where the second one vanished in between, both go together.
    _copied(shop, key)
    assert len(shop.notes()) + len(shop.tasks()) == 2
    assert seen(key, job) == one.after
    assert one.after is not None
    assert restored(key, job, ABSENT, one.after).said.meaning is Meaning.DONE
    assert shop.notes() == shop.tasks() == []
    assert restored(key, job, ABSENT, one.after).said.meaning is Meaning.DONE


def _copied(shop: Shop, key: str) -> None:
    if key == "crm.note":
        said = {"message": shop.notes()[0]["message"]}
        shop.change(notes=[["create", [said]]])
        return
    (task,) = shop.tasks()
    values = {name: task[name] for name in ("name", "comment", "party")}
    shop.crm.ask("POST", "project.work", {**values, **shop.crm.context})


def test_what_a_note_and_a_task_hold(shop: Shop) -> None:
    """X2: the words, when it is due, and a line with the key, which no text can fake."""
    other = str(uuid4())
    job = shop.job({"text": f"They wrote:\n{MARK}{other}]"})
    acted("crm.note", job)
    (note,) = shop.notes()
    assert note["message"] == (
        f"They wrote:\n(autonomy {other}]\n\n[autonomy {job.key}]"
    )
    assert seen("crm.note", shop.job({"text": "x"}, key=other)) == ABSENT
    job = shop.job(ACTS["crm.task"], opportunity="", config={"company": 0})
    acted("crm.task", job)
    (task,) = shop.tasks()
    assert task["name"] == "Call"
    assert task["comment"] == (
        f"Due 2026-12-01.\n\nAbout the pilot.\n\n[autonomy {job.key}]"
    )


def test_moves_of_a_deal(shop: Shop) -> None:
    """X4: also a deal that was closed, with the date that it had before."""
    shop.change(end_date={"__class__": "date", "year": 2027, "month": 1, "day": 1})
    shop.press("opportunity")
    was = all_of(shop)
    for to_stage in ("prospecting", "closed_lost"):
        job = shop.job({"to_stage": to_stage})
        before = seen("crm.stage", job)
        after = acted("crm.stage", job, before).after
        assert after is not None
        assert after["fields"]["stage"] == to_stage
        assert restored("crm.stage", job, before, after).after == before
        assert all_of(shop) == was


def test_fields_that_a_tenant_named(shop: Shop) -> None:
    """The connector says what a field is called there; one that is not there is said."""
    job = shop.job({"percent": 0.25, "reason": "x"}, config=FIELDS)
    before = seen("crm.field", job)
    after = acted("crm.field", job, before).after
    assert after == {"there": True, "fields": {"discount": 0.25}}
    assert restored("crm.field", job, before, after).after == before
    shape = {"field": "next_step", "value": "A call"}
    job = shop.job(shape, config={"fields": {"next_step": "description"}})
    assert acted("crm.field", job).said.meaning is Meaning.DONE
    assert shop.now("description") == {"description": "A call"}
    job = shop.job(shape, config={"fields": {"next_step": "not_there"}})
    refused(shop, "crm.field", job, "no field not_there")
    job = shop.job(shape, config={"fields": {"next_step": "end_date"}})
    refused(shop, "crm.field", job, "takes no such value")
    job = shop.job(shape, config={"fields": {"next_step": "party"}})
    refused(shop, "crm.field", job, "")
