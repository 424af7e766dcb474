"""L5, L7: proofs that others can check, explanations from what was stored."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from ledger.errors import NotSealed, OutsideTree
from ledger.models import Checkpoint, Entry
from ledger.prove import prove_act, prove_entry, prove_growth, root_at
from ledger.record import Actor, Fact, record, record_all
from ledger.rules.kinds import Kind
from ledger.rules.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from ledger.signing import public_key
from perception.rules.roles import Role
from tests.conftest import House
from tests.ledger.conftest import START, facts

VERIFIER = Path(__file__).parents[2] / "tools" / "verify_bundle.py"


def tell_story(
    tenant: UUID, account: UUID, *, by_person: bool = False
) -> dict[str, UUID]:
    """The entries of one act, as the walk states them."""
    ids = {noun: uuid4() for noun in ("signal", "run", "intent", "execution")}
    signal, run, intent, execution = ids.values()
    base = {"account": account, "run": run}
    source = "HUMAN" if by_person else "POLICY"
    acts: list[tuple[Kind, dict[str, UUID], dict[str, Any]]] = [
        (Kind.SIGNAL_RECEIVED, {**base, "signal": signal}, {"type": "reply"}),
        (Kind.TRIGGER_FIRED, base, {"trigger": "SIGNAL_ARRIVED"}),
        (Kind.GATE_JUDGED, base, {"result": "ALLOW", "reason": "IN_BUDGET"}),
        (Kind.RUN_DECIDED, base, {"snapshot": {"posture": "WATCH"}, "model": None}),
        (
            Kind.INTENT_JUDGED,
            {**base, "intent": intent},
            {
                "decision": "AUTO_EXECUTE",
                "reason": "ALLOWED",
                "explanation": "A note stays inside the house.",
                "policy_version": "sha256:" + "0" * 64,
                "policy_clause": "internal-notes",
                "layers": [{"layer": "tier", "decision": "AUTO_EXECUTE"}],
                "would_be_automatic_if": [],
            },
        ),
        *(
            [(Kind.APPROVAL_APPROVED, {**base, "intent": intent}, {})]
            if by_person
            else []
        ),
        (
            Kind.EXECUTION_STARTED,
            {**base, "intent": intent, "execution": execution},
            {"auto_executed": not by_person, "approval_source": source},
        ),
        (
            Kind.EXECUTION_SUCCEEDED,
            {**base, "intent": intent, "execution": execution},
            {"tool": "note"},
        ),
    ]
    with tenant_scope(tenant):
        for kind, subjects, data in acts:
            record(
                Fact(
                    kind=kind,
                    by=Actor(type="policy", id="p"),
                    subjects=subjects,
                    data=data,
                ),
                now=START,
            )
    return ids


def test_every_entry_is_provably_in_the_tree(fill: Callable[..., UUID]) -> None:
    """L5: inclusion, at every place of a tree that crosses a landmark."""
    tenant = fill(300)
    with tenant_scope(tenant):
        head = Checkpoint.objects.get(size=300)
        for id_ in Entry.objects.order_by("number").values_list("id", flat=True):
            proof = prove_entry(id_)
            assert verify_inclusion(
                index=proof.leaf_index,
                size=proof.tree_size,
                leaf=leaf_hash(proof.canonical),
                path=proof.path,
                root=bytes(head.root),
            )


def test_growth_is_provable_between_any_two_sizes(fill: Callable[..., UUID]) -> None:
    """L5: consistency."""
    tenant = fill(300)
    with tenant_scope(tenant):
        for old, new in (
            (0, 300),
            (1, 300),
            (100, 200),
            (255, 257),
            (256, 300),
            (300, 300),
        ):
            assert verify_consistency(
                old=old,
                new=new,
                old_root=root_at(old),
                new_root=root_at(new),
                path=prove_growth(old, new),
            ), (old, new)
        with pytest.raises(OutsideTree):
            prove_growth(0, 301)


def test_what_is_not_sealed_is_not_proven(db: None) -> None:
    tenant = uuid4()
    with tenant_scope(tenant):
        first = record_all(facts(1), now=START)[0]
        with pytest.raises(NotSealed):
            prove_entry(first)
        with pytest.raises(Entry.DoesNotExist):
            prove_entry(uuid4())


def verify(path: Path, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(VERIFIER), str(path), "--key", key],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bundle_verifies_offline_and_no_byte_may_change(
    fill: Callable[..., UUID], tmp_path: Path, capfd: Any
) -> None:
    """L5: signal to outcome, without our code or database."""
    tenant = fill(40)
    ids = tell_story(tenant, uuid4())
    tell_story(tenant, uuid4())
    seal_tenant(tenant, now=START)
    with tenant_scope(tenant):
        bundle = prove_act(ids["execution"], lambda versions: {})
    call_command("prove", execution=ids["execution"])
    assert capfd.readouterr().out.encode() == bundle
    path = tmp_path / "bundle.json"
    path.write_bytes(bundle)
    good = verify(path, public_key())
    assert (good.returncode, good.stderr) == (0, "")
    assert "VERIFIED" in good.stdout
    assert len(json.loads(bundle)["entries"]) == 7
    for place in range(0, len(bundle), len(bundle) // 25):
        broken = bytearray(bundle)
        broken[place] ^= 1
        path.write_bytes(broken)
        assert verify(path, public_key()).returncode == 1, place


def test_a_bundle_of_nothing(db: None) -> None:
    with pytest.raises(CommandError, match="knows no execution"):
        call_command("prove", execution=uuid4())


def test_an_explanation_says_why_what_and_which(house: House) -> None:
    """L7, X7: from stored snapshots, by execution or by intent."""
    account = house.client(Role.ADMIN).send(
        "POST", "accounts/", {"external_id": "a", "name": "A"}
    )
    ids = tell_story(house.tenant, UUID(account.json()["id"]))
    auditor = house.client(Role.AUDITOR)
    by_execution = auditor.send("GET", f"executions/{ids['execution']}/explanation/")
    by_intent = auditor.send("GET", f"intents/{ids['intent']}/explanation/").json()
    said = by_execution.json()
    assert said == by_intent
    assert said["why"]["trigger"] == "SIGNAL_ARRIVED"
    assert said["why"]["gate"] == {"result": "ALLOW", "reason": "IN_BUDGET"}
    assert said["why"]["decision"] == "AUTO_EXECUTE"
    assert said["what_it_knew"] == {"posture": "WATCH"}
    assert said["which_policy"]["policy_clause"] == "internal-notes"
    assert (said["approval_source"], said["auto_executed"]) == ("POLICY", True)
    assert said["outcome"]["kind"] == "execution.succeeded"
    # A seller who does not own the account learns nothing, not even that it is there.
    seller = house.client(Role.SELLER)
    assert (
        seller.send("GET", f"intents/{ids['intent']}/explanation/").status_code == 404
    )


def test_a_persons_approval_is_not_shown_as_automatic(house: House) -> None:
    ids = tell_story(house.tenant, uuid4(), by_person=True)
    said = (
        house.client(Role.AUDITOR)
        .send("GET", f"executions/{ids['execution']}/explanation/")
        .json()
    )
    assert (said["approval_source"], said["auto_executed"]) == ("HUMAN", False)


def test_the_proof_doors(house: House) -> None:
    """L5 by API: what they answer verifies against each other."""
    auditor = house.client(Role.AUDITOR)
    empty = auditor.send("GET", "ledger/checkpoint/").json()
    assert (empty["size"], empty["note"]) == (0, None)
    seal_tenant(house.tenant, now=START)
    head = auditor.send("GET", "ledger/checkpoint/").json()
    newest = auditor.send("GET", "ledger/?limit=1").json()["results"][0]
    proof = auditor.send("GET", f"ledger/{newest['id']}/proof/").json()
    assert proof["leaf_index"] == newest["sequence"] == head["size"] - 1
    assert json.loads(proof["canonical"]) == proof["entry"]
    assert verify_inclusion(
        index=proof["leaf_index"],
        size=proof["tree_size"],
        leaf=leaf_hash(proof["canonical"].encode()),
        path=[base64.b64decode(node) for node in proof["path"]],
        root=base64.b64decode(head["root"]),
    )
    grown = auditor.send("GET", f"ledger/consistency/?from=1&to={head['size']}")
    assert grown.status_code == 200
    refused = auditor.send("GET", "ledger/consistency/?from=1&to=99999")
    assert (refused.status_code, refused.json()["code"]) == (404, "OUTSIDE_TREE")
    assert auditor.send("GET", "ledger/consistency/?from=x").status_code == 400
