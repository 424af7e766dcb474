"""policy/evaluate/: what would be said, and nothing is done; explanations (A10, L7)."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps

from autonomy.execute import start
from autonomy.models import Profile
from autonomy.policy import shipped
from autonomy.rules.verdict import Layer
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Contact
from perception.rules.roles import Role
from tests.autonomy.api.doors import another_account, errors, post, problem, proposal
from tests.autonomy.conftest import Desk
from tests.conftest import NOW, House

VERDICT = {
    "decision", "reason", "policy_clause", "explanation", "policy_version", "layers",
    "would_be_automatic_if",
}  # fmt: skip


def evaluate(desk: Desk, role: Role = Role.SELLER, **more: Any) -> Any:
    body = {**proposal(), **more}
    return desk.house.client(role).send("POST", "policy/evaluate/", body)


def said(desk: Desk, **more: Any) -> tuple[str, str]:
    answer = evaluate(desk, **more)
    assert answer.status_code == 200, answer.content
    return answer.json()["decision"], answer.json()["reason"]


def rows(house: House) -> dict[str, int]:
    """How many rows each table of governance, and the ledger, holds."""
    with tenant_scope(house.tenant):
        models: list[Any] = [*apps.get_app_config("autonomy").get_models(), Entry]
        return {model.__name__: model._default_manager.count() for model in models}


def test_it_says_the_verdict_and_changes_nothing(desk: Desk) -> None:
    """A10: no row, no entry, no unit of budget."""
    before = rows(desk.house)
    for role in (Role.SELLER, Role.APPROVER, Role.ADMIN, Role.AUDITOR):
        answer = evaluate(desk, role)
        assert set(answer.json()) == VERDICT | {"facts"}
        assert answer.json()["decision"] == "AUTO_EXECUTE"
    assert said(desk, action_type="commit_pricing") == ("BLOCK", "HARD_STOP")
    assert rows(desk.house) == before
    supposed = evaluate(desk).json()
    made = post(desk).json()["verdict"]
    assert made == {key: supposed[key] for key in VERDICT}


ASK, BLOCK, AUTO = "REQUIRE_APPROVAL", "BLOCK", "AUTO_EXECUTE"


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"stage": "negotiation"}, (ASK, "STAGE_GATED")),
        ({"stage": "nowhere"}, (ASK, "UNKNOWN_STAGE")),
        ({"stage": "discovery"}, (AUTO, "ALLOWED")),
        ({"stage": None}, (AUTO, "ALLOWED")),
        ({"lifecycle": "CHURNED"}, (AUTO, "ALLOWED")),
        ({"risk_level": "MEDIUM"}, (ASK, "RISK_LEVEL_MEDIUM")),
        ({"risk_level": "odd"}, (ASK, "RISK_LEVEL_UNKNOWN")),
        ({"confidence": 0.69}, (ASK, "CONFIDENCE_LOW")),
        ({"confidence": 0.7}, (AUTO, "ALLOWED")),
        ({"confidence": 1.5}, (ASK, "CONFIDENCE_INVALID")),
        ({"confidence": None}, (ASK, "CONFIDENCE_INVALID")),
        ({"mode": "DISABLED"}, (BLOCK, "MODE_DISABLED")),
        ({"mode": "ASSIST"}, (ASK, "MODE_ASSIST")),
        ({"mode": "odd"}, (ASK, "UNKNOWN_MODE")),
        ({"mode": None}, (ASK, "MODE_APPROVAL")),
        ({"origin": "plan"}, (ASK, "MODE_AUTOPILOT")),
        ({"origin": "odd"}, (ASK, "UNKNOWN_ORIGIN")),
        ({"origin": "plan", "mode": "SCHEDULED"}, (ASK, "NOT_OPTED_IN")),
        (
            {"origin": "plan", "mode": "SCHEDULED", "opted_in": True,
             "digest_delivered": False},
            (ASK, "DIGEST_NOT_DELIVERED"),
        ),
        (
            {"origin": "ritual", "mode": "SCHEDULED", "opted_in": True,
             "digest_delivered": True},
            (AUTO, "ALLOWED"),
        ),
        ({"kill_switch": True}, (BLOCK, "KILL_SWITCH")),
        ({"kill_switch": False}, (AUTO, "ALLOWED")),
        ({"kill_switch": None}, (BLOCK, "KILL_SWITCH_UNREADABLE")),
        ({"opted_out": True}, (AUTO, "ALLOWED")),
    ],
)  # fmt: skip
def test_facts_can_be_supposed(
    still: Desk, facts: dict[str, Any], wanted: tuple[str, str]
) -> None:
    """The contract's overrides, each of them alone."""
    assert said(still, facts=facts) == wanted


def test_a_contact_that_wants_no_mail(desk: Desk) -> None:
    """A9: supposed, and then for real."""
    with tenant_scope(desk.tenant):
        contact = Contact.objects.get(external_id="c1")
    mail = {"action_type": "send_chat_message", "contact": str(contact.id)}
    assert said(desk, **mail) == (ASK, "EXTERNAL_CONTACT")
    assert said(desk, **mail, facts={"opted_out": True}) == (BLOCK, "OPTED_OUT")
    with tenant_scope(desk.tenant):
        Contact.objects.update(opted_out=True)
    assert said(desk, **mail) == (BLOCK, "OPTED_OUT")
    assert said(desk, **mail, facts={"opted_out": False}) == (ASK, "EXTERNAL_CONTACT")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"facts": {"heat": 1}}, "facts.heat"),
        ({"facts": {"opted_in": "maybe"}}, "facts.opted_in"),
        ({"facts": {"stage": "x" * 65}}, "facts.stage"),
        ({"facts": []}, "facts"),
        ({"parameters": 1}, "parameters"),
        ({"action_type": ""}, "action_type"),
        ({"commit": True}, "commit"),
    ],
)
def test_what_cannot_be_supposed(
    still: Desk, change: dict[str, Any], field: str
) -> None:
    refused = errors(evaluate(still, **change))
    assert {name.removesuffix(".non_field_errors") for name in refused} == {field}


def test_accounts_of_others_are_not_there(desk: Desk, other: House) -> None:
    """T1, T2."""
    theirs, free = another_account(other), another_account(desk.house)
    for id_ in (theirs.id, free.id, uuid4()):
        assert problem(evaluate(desk, account=str(id_))) == (404, "NOT_FOUND")
    refused = evaluate(desk, opportunity=str(uuid4()))
    assert problem(refused) == (404, "NO_SUCH_TARGET")


# --- Explanations ------------------------------------------------------------------------


def explanation(desk: Desk, intent: Any, role: Role = Role.AUDITOR) -> dict[str, Any]:
    path = f"intents/{intent}/explanation/"
    answer = desk.house.client(role).send("GET", path)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_an_explanation_reads_as_sentences(desk: Desk) -> None:
    """L7: why, what it knew, which policy; every layer says a whole sentence."""
    intent = desk.propose("send_email", confidence=0.4)
    told = explanation(desk, intent.id)
    why = told["why"]
    assert (why["decision"], why["reason"]) == ("REQUIRE_APPROVAL", "APPROVAL_TIER")
    assert why["explanation"] == "“send email” always needs a person's approval."
    assert [each["layer"] for each in why["layers"]] == [each.value for each in Layer]
    for each in why["layers"]:
        sentence = each["explanation"]
        assert sentence[0].isupper() or sentence[0] == "“", sentence
        assert sentence.endswith("."), sentence
        assert not {"{", "}", "_"} & set(sentence), sentence
    policy = told["which_policy"]
    assert policy["policy_version"] == shipped().version
    assert policy["policy_clause"] == "tier.approval_tier"
    known = told["what_it_knew"]
    assert (known["confidence"], known["account"]) == (0.4, str(desk.account.id))
    assert (told["approval_source"], told["auto_executed"]) == (None, False)
    assert told["would_be_automatic_if"] == []


def test_what_would_make_it_automatic(desk: Desk) -> None:
    """L7: all of it, in words; and doing all of it does make it automatic."""
    desk.mode("APPROVAL")
    intent = desk.propose("draft_email", confidence=0.4)
    told = explanation(desk, intent.id)["would_be_automatic_if"]
    assert told[0] == "the mode for everything here is AUTOPILOT"
    assert len(told) == 3
    desk.mode("AUTOPILOT")
    assert desk.propose("draft_email", confidence=0.7).status == "APPROVED"


def test_an_act_explains_itself_from_what_was_stored(desk: Desk) -> None:
    """L7: never recomputed from today's rows."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        started = start(intent.id).execution
        assert started
    before = explanation(desk, intent.id)
    assert (before["auto_executed"], before["approval_source"]) == (True, "POLICY")
    assert before["execution"] == str(started.id)
    desk.mode("DISABLED")
    desk.budget(0)
    with tenant_scope(desk.tenant):
        Profile.objects.create(
            tenant_id=desk.tenant,
            action_type="send_chat_message",
            installed_at=datetime.now(UTC),
        )
    assert explanation(desk, intent.id) == before
    assert explanation(desk, intent.id, Role.SELLER) == before
    path = f"executions/{started.id}/explanation/"
    assert desk.house.client(Role.APPROVER).send("GET", path).json() == before
    assert before["what_it_knew"]["day"] >= NOW.date().isoformat()
