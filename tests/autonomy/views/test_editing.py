"""Edits by the schema of an action type: seen before they are saved, nothing lost (H1)."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from autonomy.models import Approval
from autonomy.rules.catalogue import CORE
from autonomy.views.artefact import changes
from autonomy.views.fields import fields, read
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.test_feed import asked_about
from tests.autonomy.views.clicks import MAIL, enter
from tests.autonomy.views.clicks import read as row_of

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def mail(desk: Desk) -> UUID:
    return asked_about(desk, desk.propose(MAIL))


def sent(desk: Desk, id_: UUID, **given: str) -> Any:
    whole = {
        "p-subject": "After our call",
        "p-body": "Here is what we agreed on.",
        "payload_hash": row_of(desk, id_).payload_hash,
        "do": "save",
        **given,
    }
    client = enter(desk.house, Role.SELLER)
    return client.post(f"/inbox/{id_}/edit/", whole, follow=True)


def waiting(desk: Desk) -> Approval:
    with tenant_scope(desk.tenant):
        return Approval.objects.select_related("intent").get(status="PENDING")


def test_an_edit_is_looked_at_saved_and_asked_about_anew(
    desk: Desk, mail: UUID
) -> None:
    """H1: before and after are shown on the form, and again where it is decided."""
    looked = sent(desk, mail, **{"p-body": "Here is what we did.", "do": "look"})
    assert "<del>agreed on.</del>" in looked.text
    assert "Here is what we did.</textarea>" in looked.text
    assert waiting(desk).id == mail
    saved = sent(desk, mail, **{"p-body": "Here is what we did."})
    newer = waiting(desk)
    assert newer.id != mail
    assert newer.intent.parameters["body"] == "Here is what we did."
    assert newer.author_id == desk.house.members[Role.SELLER].id
    assert "It was changed and judged again." in saved.text
    assert "<ins>did.</ins>" in saved.text
    assert newer.payload_hash in saved.text


def test_what_does_not_fit_is_said_at_its_field_with_nothing_lost(
    desk: Desk, mail: UUID
) -> None:
    """H1: the schema refuses; what was written is still there."""
    page = sent(desk, mail, **{"p-subject": "", "p-body": "Half a sen"})
    assert "Half a sen</textarea>" in page.text
    assert 'id="error-p-subject"' in page.text
    assert waiting(desk).id == mail


def test_an_edit_of_something_stale_is_not_saved(desk: Desk, mail: UUID) -> None:
    page = sent(desk, mail, payload_hash="sha256:other", **{"p-body": "Mine."})
    assert "nothing was saved" in page.text
    assert waiting(desk).intent.parameters["body"] == "Here is what we agreed on."


def test_who_may_not_decide_may_not_edit(desk: Desk) -> None:
    asked = asked_about(desk, desk.propose("send_email"))
    page = sent(desk, asked, **{"p-body": "Mine."})
    assert "An approver decides this." in page.text
    assert waiting(desk).id == asked
    auditor = enter(desk.house, Role.AUDITOR)
    assert auditor.get(f"/inbox/{asked}/edit/").status_code == 403


def test_nothing_changed_is_nothing_done(desk: Desk, mail: UUID) -> None:
    assert "Nothing was changed." in sent(desk, mail).text
    assert waiting(desk).id == mail


@pytest.mark.parametrize("key", sorted(CORE))
def test_every_shipped_type_has_a_form_that_keeps_what_nobody_touched(key: str) -> None:
    """What a form shows, read back, is what was there."""
    action = CORE[key]
    with timezone.override(BERLIN):
        shown = fields(action.schema, action.example)
        written = {each.name: each.value for each in shown}
        again = read(action.schema, action.example, written)
    assert {each.name for each in shown} == {
        f"p-{name}" for name in action.schema["properties"]
    }
    assert (again.parameters, again.errors) == (action.example, {})


def test_fields_are_read_as_their_schema_has_them() -> None:
    schema = CORE["schedule_meeting"].schema
    before = {"title": "A", "start": "2026-12-01T10:00:00Z", "minutes": 30}
    written = {
        "p-title": "B",
        "p-start": "2026-12-02T09:30",
        "p-minutes": "45",
        "p-agenda": "One\r\nTwo",
    }
    with timezone.override(BERLIN):
        found = read(schema, before, written)
        wrong = read(schema, before, {**written, "p-start": "x", "p-minutes": "y"})
    assert found.parameters == {
        "title": "B",
        "start": "2026-12-02T09:30:00+01:00",
        "minutes": 45,
        "agenda": "One\nTwo",
    }
    assert set(wrong.errors) == {"start", "minutes"}


def test_without_a_schema_all_of_it_is_written_as_one() -> None:
    (field,) = fields(None, {"a": 1})
    assert (field.kind, field.name) == ("json", "p-parameters")
    assert read(None, {"a": 1}, {"p-parameters": '{"a": 2}'}).parameters == {"a": 2}
    assert read(None, {"a": 1}, {"p-parameters": "[]"}).errors
    assert read(None, {"a": 1}, {"p-parameters": "{"}).errors


def test_what_differs_is_told_word_by_word() -> None:
    (one, two) = changes(
        {"body": "Yes, on Monday.", "same": 1, "old": "x"},
        {"body": "Yes, on Tuesday.", "same": 1},
    )
    assert [(each.text, each.kind) for each in one.pieces] == [
        ("Yes, on ", ""),
        ("Monday.", "del"),
        ("Tuesday.", "ins"),
    ]
    assert [(each.text, each.kind) for each in two.pieces] == [("x", "del")]
    long = "word " * 9000
    assert changes({"a": long}, {"a": f"{long}\nmore"})
