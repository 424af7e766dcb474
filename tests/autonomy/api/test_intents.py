"""intents/: proposing through the door, and reading what came of it (D5, A1-A12)."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from autonomy.models import BudgetUse, Intent, Permit, Receipt, Verdict
from autonomy.policy import shipped
from autonomy.rules.verdict import Layer
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Contact, Opportunity
from perception.rules.roles import Role
from tests.autonomy.api.doors import (
    another_account,
    entries,
    errors,
    post,
    problem,
    proposal,
)
from tests.autonomy.conftest import Desk
from tests.conftest import House
from tests.races import in_threads

FIELDS = {
    "id", "account", "opportunity", "contact", "run", "origin", "action_type",
    "parameters", "confidence", "calibrated_confidence", "risk_level", "rationale", "evidence", "status",
    "proposed_by", "created_at", "updated_at", "verdict",
}  # fmt: skip
VERDICT = {
    "decision", "reason", "policy_clause", "explanation", "policy_version", "layers",
    "would_be_automatic_if",
}  # fmt: skip


def nothing_happened(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        for model in (Intent, Verdict, Permit, Receipt, BudgetUse):
            assert not model.objects.exists()
        assert not Entry.objects.filter(kind__startswith="intent.").exists()


def deal(desk: Desk, external_id: str) -> str:
    with tenant_scope(desk.tenant):
        return str(Opportunity.objects.get(external_id=external_id).id)


def person(desk: Desk) -> str:
    with tenant_scope(desk.tenant):
        return str(Contact.objects.get(external_id="c1").id)


def test_a_proposal_is_judged_and_answered_whole(desk: Desk) -> None:
    """D5, A10: the shape of the contract, with every layer in its order."""
    answer = post(desk, rationale="They asked.", evidence=["s-1"], risk_level="LOW")
    assert answer.status_code == 201
    intent = answer.json()
    assert set(intent) == FIELDS
    assert set(intent["verdict"]) == VERDICT
    assert intent["account"] == str(desk.account.id)
    assert intent["proposed_by"] == str(desk.house.members[Role.INTEGRATION].id)
    assert (intent["origin"], intent["status"]) == ("agent", "APPROVED")
    assert (intent["risk_level"], intent["rationale"]) == ("LOW", "They asked.")
    assert (intent["evidence"], intent["run"]) == (["s-1"], None)
    said = intent["verdict"]
    assert (said["decision"], said["reason"]) == ("AUTO_EXECUTE", "ALLOWED")
    assert said["policy_clause"] == "allowlisted_low_risk"
    assert said["policy_version"] == shipped().version
    assert [each["layer"] for each in said["layers"]] == [each.value for each in Layer]
    for each in said["layers"]:
        assert set(each) == {"layer", "decision", "reason", "clause", "explanation"}
        assert all(each.values())
    path = f"intents/{intent['id']}/"
    assert desk.house.client(Role.SELLER).send("GET", path).json() == intent
    (entry,) = entries(desk.house, "intent.proposed")
    assert entry.actor == {
        "type": "person",
        "id": str(desk.house.members[Role.INTEGRATION].id),
    }


@pytest.mark.parametrize(
    ("action_type", "decision", "reason", "status"),
    [
        ("launch_rocket", "REQUIRE_APPROVAL", "UNKNOWN_ACTION", "AWAITING_APPROVAL"),
        ("commit_pricing", "BLOCK", "HARD_STOP", "BLOCKED"),
        (
            "send_follow_up_email",
            "REQUIRE_APPROVAL",
            "EXTERNAL_CONTACT",
            "AWAITING_APPROVAL",
        ),
        (
            "progress_early_stage",
            "REQUIRE_APPROVAL",
            "PROTECTED_FIELD",
            "AWAITING_APPROVAL",
        ),
        ("send_email", "REQUIRE_APPROVAL", "APPROVAL_TIER", "AWAITING_APPROVAL"),
        (" Draft_Email ", "AUTO_EXECUTE", "ALLOWED", "APPROVED"),
    ],
)
def test_what_becomes_of_a_proposal(
    desk: Desk, action_type: str, decision: str, reason: str, status: str
) -> None:
    """A2, A4, A5: never dropped, never more than the lowest layer lets."""
    contact = person(desk)
    answer = post(desk, action_type, contact=contact)
    assert answer.status_code == 201
    intent = answer.json()
    assert intent["action_type"] == action_type.strip().lower()
    assert (intent["verdict"]["decision"], intent["verdict"]["reason"]) == (
        decision,
        reason,
    )
    assert intent["status"] == status
    automatic = decision == "AUTO_EXECUTE"
    with tenant_scope(desk.tenant):
        assert Permit.objects.count() == Receipt.objects.count() == automatic
    assert len(entries(desk.house, "intent.blocked")) == (decision == "BLOCK")


def test_a_deal_in_negotiation_belongs_to_people(desk: Desk) -> None:
    """A3: the stage of the deal that the intent targets, and of no other."""
    gated = post(desk, opportunity=deal(desk, "o2")).json()
    assert gated["verdict"]["reason"] == "STAGE_GATED"
    assert gated["status"] == "AWAITING_APPROVAL"
    assert gated["verdict"]["would_be_automatic_if"] == [
        "the deal is in an earlier stage"
    ]
    assert post(desk, opportunity=deal(desk, "o1")).json()["status"] == "APPROVED"
    assert post(desk).json()["status"] == "APPROVED"


@pytest.mark.parametrize(
    ("mode", "reason", "status"),
    [
        ("DISABLED", "MODE_DISABLED", "BLOCKED"),
        ("ASSIST", "MODE_ASSIST", "PROPOSED"),
        ("APPROVAL", "MODE_APPROVAL", "AWAITING_APPROVAL"),
        ("SCHEDULED", "ALLOWED", "APPROVED"),
    ],
)
def test_the_mode_decides_where_it_goes(
    desk: Desk, mode: str, reason: str, status: str
) -> None:
    """A7: at once, without a restart."""
    desk.mode(mode)
    intent = post(desk).json()
    assert (intent["verdict"]["reason"], intent["status"]) == (reason, status)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"action_type": "  "}, {"action_type": "BLANK"}),
        ({"action_type": "x" * 65}, {"action_type": "MAX_LENGTH"}),
        ({"confidence": 1.01}, {"confidence": "MAX_VALUE"}),
        ({"confidence": -0.01}, {"confidence": "MIN_VALUE"}),
        ({"confidence": "high"}, {"confidence": "INVALID"}),
        ({"confidence": None}, {"confidence": "NULL"}),
        ({"parameters": []}, {"parameters": "NOT_A_DICT"}),
        ({"risk_level": "NONE"}, {"risk_level": "INVALID_CHOICE"}),
        ({"opportunity": "o1"}, {"opportunity": "INVALID"}),
        ({"contact": 1.5}, {"contact": "INVALID"}),
        ({"evidence": ["x" * 201]}, {"evidence.0": "MAX_LENGTH"}),
        ({"rationale": "x" * 2001}, {"rationale": "MAX_LENGTH"}),
        ({"status": "APPROVED"}, {"status": "UNKNOWN_FIELD"}),
        ({"tainted": False}, {"tainted": "UNKNOWN_FIELD"}),
        ({"origin": "plan"}, {"origin": "UNKNOWN_FIELD"}),
        ({"tenant": "x", "auto_executed": True}, None),
    ],
)
def test_what_is_no_proposal_is_refused_by_field(
    still: Desk, change: dict[str, Any], refused: dict[str, str] | None
) -> None:
    """D3, D5: nobody claims an origin, a status or a confidence beyond 1."""
    wanted = refused or dict.fromkeys(change, "UNKNOWN_FIELD")
    assert errors(post(still, **change)) == wanted
    nothing_happened(still)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"text": ""},
        {"text": 5},
        {"text": "x", "to": "boss@example.com"},
        {"text": "x" * 8001},
    ],
)
def test_parameters_outside_the_schema(still: Desk, parameters: dict[str, Any]) -> None:
    """D3: refused at the door, and nothing is kept."""
    refused = post(still, parameters=parameters)
    assert problem(refused) == (400, "WRONG_PARAMETERS")
    nothing_happened(still)


@pytest.mark.parametrize("letters", ["ß" * 40, "ﬃ" * 30], ids=["s", "f"])
def test_a_type_that_grows_when_it_is_folded(desk: Desk, letters: str) -> None:
    """A2, D5: case-folding may lengthen a name; that is no fault of the house."""
    answer = post(desk, letters, parameters={})
    assert answer.status_code in (201, 400), answer.content


def test_foreign_things_are_not_there(desk: Desk, other: House) -> None:
    """T1, T4: neither another tenant's nor another account's; nothing leaks."""
    theirs, ours = another_account(other), another_account(desk.house)
    for named in (str(theirs.id), "other-tenants", str(uuid4()), "x" * 200):
        assert problem(post(desk, account=named)) == (404, "NOT_FOUND")
    for house, account in ((other, theirs), (desk.house, ours)):
        with tenant_scope(house.tenant):
            opportunity = Opportunity.objects.get(account=account)
            contact = Contact.objects.get(account=account)
        for target in ({"opportunity": opportunity.id}, {"contact": contact.id}):
            refused = post(desk, **target)
            assert problem(refused) == (404, "NO_SUCH_TARGET")
            assert "Bo" not in refused.content.decode()
    nothing_happened(desk)


def test_who_may_propose_for_which_account(desk: Desk) -> None:
    """T2: a seller for own accounts, an integration for each, an auditor for none."""
    free = another_account(desk.house)
    for role, named, status in (
        (Role.SELLER, "acme", 201),
        (Role.SELLER, str(free.id), 404),
        (Role.SELLER, "other", 404),
        (Role.INTEGRATION, "other", 201),
        (Role.INTEGRATION, str(free.id), 201),
        (Role.APPROVER, "other", 201),
        (Role.ADMIN, "other", 201),
        (Role.AUDITOR, "acme", 403),
    ):
        answer = desk.house.client(role).send(
            "POST", "intents/", proposal(account=named)
        )
        assert answer.status_code == status, (role, named)
    with tenant_scope(desk.tenant):
        assert Intent.objects.count() == 5


def test_an_integration_reads_nothing(desk: Desk) -> None:
    """T2."""
    id_ = post(desk).json()["id"]
    client = desk.house.client(Role.INTEGRATION)
    for path in (
        "intents/", f"intents/{id_}/", f"intents/{id_}/explanation/", "modes/",
        "budgets/", "budgets/usage/", "opt-ins/", "kill-switches/", "action-types/",
        "policy/data/", "policy/bundles/", "policy/profiles/",
    ):  # fmt: skip
        assert problem(client.send("GET", path)) == (403, "PERMISSION_DENIED"), path
    evaluated = client.send("POST", "policy/evaluate/", proposal())
    assert problem(evaluated) == (403, "PERMISSION_DENIED")


def test_a_repeated_proposal_is_one_intent_and_one_unit(desk: Desk) -> None:
    """S: twelve times the same key: one intent, one unit of budget, one body."""

    def send(_: int) -> bytes:
        answer = desk.house.client(Role.INTEGRATION).send(
            "POST", "intents/", proposal(), Idempotency_Key="same"
        )
        assert answer.status_code == 201
        return bytes(answer.content)

    assert len(set(in_threads(6, send))) == 1
    client = desk.house.client(Role.INTEGRATION)
    changed = client.send(
        "POST", "intents/", proposal(confidence=0.8), Idempotency_Key="same"
    )
    assert problem(changed) == (422, "KEY_REUSED")
    with tenant_scope(desk.tenant):
        assert Intent.objects.count() == Permit.objects.count() == 1
        assert BudgetUse.objects.get().used == 1


def test_a_claimed_risk_only_raises(desk: Desk) -> None:
    """D5: the registry's risk is the least."""
    raised = post(desk, risk_level="HIGH").json()["verdict"]
    assert raised["reason"] == "RISK_LEVEL_HIGH"
    lowered = post(desk, "escalate_support_risk", risk_level="MINIMAL").json()
    floor = next(e for e in lowered["verdict"]["layers"] if e["layer"] == "floor")
    assert floor["reason"] == "RISK_LEVEL_MEDIUM"


def test_reading_one_that_is_not_yours(desk: Desk, other: House) -> None:
    """T1, T2: 404, whoever owns it."""
    free = another_account(desk.house)
    id_ = UUID(post(desk, account="other").json()["id"])
    for client in (desk.house.client(Role.SELLER), other.client(Role.ADMIN)):
        for path in (f"intents/{id_}/", f"intents/{id_}/explanation/"):
            assert problem(client.send("GET", path)) == (404, "NOT_FOUND")
        assert client.send("GET", "intents/").json()["results"] == []
        filtered = client.send("GET", f"intents/?account={free.id}").json()
        assert filtered["results"] == []
