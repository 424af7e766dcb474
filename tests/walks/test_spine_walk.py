"""The spine from end to end, with real processes: many at once, and each thing once."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.races import in_threads
from tests.walks.doors import (
    FREE_DECISIONS,
    FREE_WINDOWS,
    Beside,
    Tenant,
    tenants,
)
from tests.walks.running import Running, installation

TYPE = "create_follow_up_task"
TASK = {"title": "Call about the renewal", "due": "2099-12-01"}
NOTE = {
    "action_type": "create_internal_note",
    "parameters": {"text": "Somebody should look into it."},
    "confidence": 0.8,
    "rationale": "It was escalated.",
}
CROWD = 50
# Everybody is somebody else: what one person repeats is answered as before.
PEOPLE = """
import json
from django.utils import timezone
from ledger.scope import tenant_scope
from perception import tenants, tokens
from perception.rules.roles import Role
now = timezone.now()
with tenant_scope(tenants.find_tenant("{slug}")):
    members = [
        tenants.add_member(
            f"approver-{{n}}@{slug}.example", f"Approver {{n}}", Role.APPROVER, now=now
        )
        for n in range({count})
    ]
    print(json.dumps([tokens.issue(each, days=1, now=now) for each in members]))
"""
Click = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One installation, its tenant, and what stands beside it."""

    tenant: Tenant
    synthesizer: Beside
    sink: Beside

    @property
    def running(self) -> Running:
        return self.tenant.running


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Proposals come from a service, and follow-up tasks are an integrator's."""
    with (
        Beside(lambda _: {"proposals": [NOTE]}) as synthesizer,
        Beside(lambda _: {}) as sink,
        installation(
            EGRESS_ALLOW=f"{synthesizer.place},{sink.place}",
            SYNTHESIZER="http",
            SYNTHESIZER_URL=f"http://{synthesizer.place}/",
        ) as running,
    ):
        running.start()
        (tenant,) = tenants(running, 1, 24)
        tenant.free(mode="APPROVAL")
        tenant.change(
            "triggers/SIGNAL_ARRIVED/", {**FREE_WINDOWS, "cooldown_s": 86_400}
        )
        tool = {
            "key": "sink",
            "url": f"http://{sink.place}/",
            "secret": "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB",
            "effect": "KEYED",
            "undo": True,
            "timeout_s": 9,
            "rate_per_s": 1000,
        }
        tenant.tell("POST", "tools/", tool)
        tenant.change(f"action-types/{TYPE}/", {"tool": "sink"})
        yield Stage(tenant=tenant, synthesizer=synthesizer, sink=sink)
        running.stop()


@pytest.fixture(scope="module")
def crowd(stage: Stage) -> list[str]:
    """Tokens of fifty people who may decide."""
    code = PEOPLE.format(slug=stage.tenant.slug, count=CROWD)
    said = stage.running.manage("shell", "-v", "0", "-c", code)
    found: list[str] = json.loads(said.strip().splitlines()[-1])
    return found


def _asked(tenant: Tenant, number: int) -> dict[str, Any]:
    """A question that waits for a person."""
    given = {
        "account": tenant.accounts[number],
        "action_type": TYPE,
        "parameters": TASK,
        "confidence": 0.9,
    }
    intent = tenant.tell("POST", "intents/", given)
    (asked,) = tenant.tell("GET", f"approvals/?intent={intent['id']}")["results"]
    assert asked["status"] == "PENDING"
    return dict(asked)


def _clicks(asked: dict[str, Any], seed: int, *, also_no: bool) -> list[Click]:
    """What each of the crowd does, in a fixed mix."""
    ways: list[Click] = [
        ("approve", {}),
        ("approve", {"payload_hash": asked["payload_hash"]}),
    ]
    if also_no:
        ways.append(("reject", {"cause": "timing"}))
    return random.Random(seed).choices(ways, k=CROWD)


def _kinds(tenant: Tenant, intent: str) -> Counter[str]:
    """What the ledger says of an intent."""
    rows = tenant.rows(
        f"SELECT kind FROM audit.ledger WHERE {{me}} AND intent_id = '{intent}'"
    )
    return Counter(row[0] for row in rows)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("number", "also_no"), [(0, False), (1, True), (2, True), (3, True)]
)
def test_fifty_people_decide_once(
    stage: Stage, crowd: list[str], number: int, also_no: bool
) -> None:
    """H1, X1: one of them decides, all others hear who did; what is done is done once."""
    tenant = stage.tenant
    asked = _asked(tenant, number)
    clicks = _clicks(asked, number, also_no=also_no)

    def click(n: int) -> tuple[int, Any, Any]:
        verb, body = clicks[n]
        path = f"approvals/{asked['id']}/{verb}/"
        return tenant.ask("POST", path, body, token=crowd[n])

    answers = in_threads(CROWD, click)
    (winner,) = [n for n in range(CROWD) if answers[n][0] == 200]
    won = answers[winner][1]
    lost = [said for status, said, _ in answers if status != 200]
    assert {(said["status"], said["code"]) for said in lost} == {
        (409, "ALREADY_DECIDED")
    }
    assert all(won["decided_by"] in said["detail"] for said in lost)
    assert (
        won["status"]
        == {"approve": "APPROVED", "reject": "REJECTED"}[clicks[winner][0]]
    )
    _carried_out_once(stage, asked["intent"], was_yes=won["status"] == "APPROVED")
    # The same person hears the same again, and nothing else comes of it.
    before = _kinds(tenant, asked["intent"])
    assert click(winner)[:2] == (200, won)
    assert _kinds(tenant, asked["intent"]) == before


def _carried_out_once(stage: Stage, intent: str, *, was_yes: bool) -> None:
    tenant, times = stage.tenant, int(was_yes)
    stage.running.wait_for(tenant.is_done, 60)
    status = tenant.tell("GET", f"intents/{intent}/")["status"]
    assert status == ("SUCCEEDED" if was_yes else "REJECTED")
    calls = [each for each in stage.sink.asked if each["intent_id"] == intent]
    assert len(calls) == times
    held = f"{{me}} AND intent_id = '{intent}'"
    assert tenant.count(f"audit.executions WHERE {held}") == times
    assert tenant.count(f"autonomy_permit WHERE {held}") == times
    spent = f"autonomy_permit WHERE {held} AND spent_at IS NOT NULL"
    assert tenant.count(spent) == times
    kinds = _kinds(tenant, intent)
    assert kinds["approval.approved"] + kinds["approval.rejected"] == 1
    assert kinds["permit.minted"] == kinds["permit.spent"] == times


def _signal(account: str, type_: str, name: str) -> dict[str, Any]:
    return {
        "account": account,
        "type": type_,
        "dedupe_key": name,
        "payload": {"severity": "high"},
    }


def _ended(stage: Stage, prefix: str) -> Counter[tuple[str, str, str]]:
    """How the runs of some signals stand: status, gate, and the reason."""
    rows = stage.tenant.rows(
        "SELECT r.status, r.gate_result, r.gate_reason FROM autonomy_run r"
        " JOIN perception_signal s ON s.id = r.signal_id"
        f" WHERE r.{{me}} AND s.dedupe_key LIKE '{prefix} %'"
    )
    return Counter((status, gate, reason) for status, gate, reason in rows)


def _calls(stage: Stage, prefix: str) -> int:
    """How often the service was asked about runs of some signals."""
    rows = stage.tenant.rows(
        f"SELECT run_id FROM perception_signal WHERE {{me}}"
        f" AND dedupe_key LIKE '{prefix} %'"
    )
    runs = {str(run) for (run,) in rows}
    return sum(each["run_id"] in runs for each in stage.synthesizer.asked)


def _all_at_once(stage: Stage, type_: str, prefix: str, account: str) -> None:
    in_threads(
        100, lambda n: stage.tenant.post(_signal(account, type_, f"{prefix} {n}"))
    )
    stage.running.wait_for(stage.tenant.is_done, 120)


def _let_wait_end(stage: Stage, prefix: str) -> None:
    """The moment comes that deferred runs wait for; what became of them is awaited."""
    stage.tenant.rows(
        "UPDATE autonomy_run r SET due_at = now() FROM perception_signal s"
        " WHERE r.{me} AND r.status = 'DEFERRED' AND s.id = r.signal_id"
        f" AND s.dedupe_key LIKE '{prefix} %' RETURNING r.id"
    )
    stage.running.wait_for(stage.tenant.is_done, 60)


@pytest.mark.timeout(300)
def test_of_a_hundred_signals_one_is_decided(stage: Stage) -> None:
    """G3, G4: one is let through, one waits for its account, and ends as well."""
    account = stage.tenant.accounts[20]
    _all_at_once(stage, "ticket_escalated", "crowd", account)
    through, rests = ("DONE", "ALLOW", "ALLOWED"), ("SKIPPED", "SKIP", "COOLDOWN")
    absorbed = ("SKIPPED", "SKIP", "ABSORBED")
    waits = ("DEFERRED", "DEFER", "COOLDOWN")
    assert _ended(stage, "crowd") == {through: 1, waits: 1, absorbed: 98}
    assert _calls(stage, "crowd") == 1
    _let_wait_end(stage, "crowd")
    assert _ended(stage, "crowd") == {through: 1, rests: 1, absorbed: 98}
    assert _calls(stage, "crowd") == 1


@pytest.mark.timeout(300)
def test_of_a_hundred_signals_one_fires(stage: Stage) -> None:
    """G1: with the windows as shipped, the trigger fires once."""
    _all_at_once(stage, "posture_change", "burst", stage.tenant.accounts[21])
    fired, held = ("DONE", "ALLOW", "ALLOWED"), ("SKIPPED", "", "DEBOUNCED")
    assert _ended(stage, "burst") == {fired: 1, held: 99}
    assert _calls(stage, "burst") == 1


@pytest.mark.timeout(300)
def test_what_is_not_let_through_asks_nobody(stage: Stage) -> None:
    """G3: one charged call for each admitted run, none for any other; and all agree."""
    tenant, ten = stage.tenant, range(8, 18)
    tenant.post(
        *(
            _signal(tenant.accounts[n], "reply_received", f"mixed {n}.{turn}")
            for turn in range(3)
            for n in ten
        )
    )
    stage.running.wait_for(tenant.is_done, 60)
    through, waits = ("DONE", "ALLOW", "ALLOWED"), ("DEFERRED", "DEFER", "COOLDOWN")
    absorbed = ("SKIPPED", "SKIP", "ABSORBED")
    assert _ended(stage, "mixed") == {through: 10, waits: 10, absorbed: 10}
    assert _calls(stage, "mixed") == 10
    tenant.change("triggers/SIGNAL_ARRIVED/", FREE_WINDOWS)
    _let_wait_end(stage, "mixed")
    assert _ended(stage, "mixed") == {through: 20, absorbed: 10}
    assert _calls(stage, "mixed") == 20
    tenant.change("decision-budget/", {**FREE_DECISIONS, "runs_per_day": 1})
    tenant.post(_signal(tenant.accounts[19], "reply_received", "spent 0"))
    stage.running.wait_for(tenant.is_done, 60)
    assert _ended(stage, "spent") == {("SKIPPED", "SKIP", "BUDGET_EXHAUSTED"): 1}
    _one_call_for_each_admitted(stage)


def _one_call_for_each_admitted(stage: Stage) -> None:
    """Over everything that ever ran here: gate, service and records say the same."""
    asked = Counter(each["run_id"] for each in stage.synthesizer.asked)
    admitted = stage.tenant.rows(
        "SELECT id FROM audit.runs WHERE {me} AND gate_result = 'ALLOW'"
    )
    assert asked == Counter(str(id_) for (id_,) in admitted)
    kept = stage.tenant.rows(
        "SELECT run_id, gate_result, charged FROM audit.synthesizer_calls WHERE {me}"
    )
    assert Counter(str(row[0]) for row in kept) == asked
    assert {row[1:] for row in kept} == {("ALLOW", True)}
    assert (
        stage.tenant.count("autonomy_synthesizercall WHERE {me} AND refused > ''") == 0
    )
