"""L5: the proof of an act brings the text of the policy that allowed it."""

import hashlib
import json
from pathlib import Path
from uuid import UUID

from autonomy.models import Execution
from autonomy.perform import perform
from autonomy.policies import activate, save_bundle, texts_of
from autonomy.policy import shipped
from ledger.prove import prove_act
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from ledger.signing import public_key
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.ledger.test_proofs import verify


def test_a_proof_brings_the_policy(desk: Desk, tmp_path: Path) -> None:
    """The shipped one, and one of the tenant's own: each act that by which it ran."""
    first = _done(desk)
    with tenant_scope(desk.tenant):
        ours = {**shipped().plain(), "name": "ours"}
        saved = save_bundle(ours, by=desk.admin, now=NOW)
        activate(saved, simulation=None, by=desk.admin, now=NOW)
    second = _done(desk)
    seal_tenant(desk.tenant, now=NOW)
    for execution, version in ((first, shipped().version), (second, saved.version)):
        with tenant_scope(desk.tenant):
            bundle = prove_act(execution, texts_of)
        policies = json.loads(bundle)["policies"]
        assert list(policies) == [version]
        digest = hashlib.sha256(policies[version].encode()).hexdigest()
        assert version == f"sha256:{digest}"
        path = tmp_path / "bundle.json"
        path.write_bytes(bundle)
        told = verify(path, public_key())
        assert told.returncode == 0, told.stderr
        assert version in told.stdout


def test_what_is_another_tenants_is_no_text(desk: Desk, make_desk) -> None:
    """A version is known where it was saved; the shipped one, to all."""
    with tenant_scope(desk.tenant):
        ours = {**shipped().plain(), "name": "ours"}
        saved = save_bundle(ours, by=desk.admin, now=NOW)
    asked = {saved.version, shipped().version, "sha256:" + "0" * 64}
    with tenant_scope(make_desk().tenant):
        assert list(texts_of(asked)) == [shipped().version]


def _done(desk: Desk) -> UUID:
    """An act that ran alone."""
    intent = desk.propose()
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        return Execution.objects.get(intent=intent).pk
