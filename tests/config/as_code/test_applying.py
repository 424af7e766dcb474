"""`config apply`: what it does, for whom, and what it leaves alone."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from autonomy.models import Activation, Mode
from config.as_code import standing as standing_of
from config.as_code.applying import apply
from config.as_code.errors import ConfigMoved
from config.as_code.text import write
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.small import NARROWER, WIDER, ship_small
from tests.config.as_code.conftest import Files
from tests.races import in_threads

AUTOPILOT = "modes:\n  - mode: AUTOPILOT\n"
ASSIST = "modes:\n  - mode: ASSIST\n"
SCHEDULED = "modes:\n  - mode: SCHEDULED\n"
DATA = "min_confidence: {default: 0.9}, amount_caps: {}"
SECRET = "whsec_" + "c2VjcmV0" * 4


def mode(files: Files) -> list[str]:
    with tenant_scope(files.desk.tenant):
        return list(Mode.objects.values_list("mode", flat=True))


def digest(files: Files) -> str:
    with tenant_scope(files.desk.tenant):
        return standing_of.digest_of(standing_of.standing())


def stated(files: Files) -> int:
    with tenant_scope(files.desk.tenant):
        return Entry.objects.count()


def test_only_an_admin_applies(files: Files) -> None:
    """By the same roles as the API; what is refused changes nothing."""
    before = stated(files)
    for role in (Role.SELLER, Role.APPROVER, Role.AUDITOR, Role.INTEGRATION):
        code, said = files.apply(ASSIST, who=role)
        assert (code, "Only an admin" in said) == (1, True)
    assert (mode(files), stated(files)) == (["AUTOPILOT"], before)
    files.applied(ASSIST)
    with tenant_scope(files.desk.tenant):
        entry = Entry.objects.filter(kind=Kind.SETTING_CHANGED).latest("number")
    admin = files.desk.house.members[Role.ADMIN]
    assert entry.actor == {"type": "person", "id": str(admin.id)}


def test_widening_is_asked_for_by_name(files: Files) -> None:
    """Narrowing needs no word; widening needs --allow-widening."""
    assert "widens autonomy: AUTOPILOT becomes SCHEDULED" in files.plan(SCHEDULED)[1]
    code, said = files.apply(SCHEDULED, widen=False)
    assert (code, "--allow-widening" in said) == (1, True)
    assert mode(files) == ["AUTOPILOT"]
    assert files.apply(ASSIST, widen=False)[0] == 0
    assert files.apply(SCHEDULED)[0] == 0
    assert mode(files) == ["SCHEDULED"]


def test_what_was_changed_since_the_plan_is_not_overwritten(files: Files) -> None:
    """--expect compares and sets: somebody else's change stands."""
    seen = digest(files)
    files.desk.budget(7)
    code, said = files.apply(ASSIST, "--expect", seen)
    assert code == 1
    assert "Somebody changed the configuration meanwhile" in said
    assert mode(files) == ["AUTOPILOT"]
    files.applied(ASSIST, "--expect", digest(files))


def test_what_breaks_halfway_is_taken_back(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: rows and entries, all or nothing."""
    before = (digest(files), stated(files))
    monkeypatch.setattr(
        "config.as_code.applying.policies.save_data", lambda *_, **__: None
    )
    data = "policy_data: {allowlist: [], min_confidence: {default: 1}, amount_caps: {}, hours: {}}\n"
    code, said = files.apply(ASSIST + data)
    assert (code, "Somebody changed" in said) == (1, True)
    assert (digest(files), stated(files)) == before


def test_of_two_that_apply_at_once_one_is_refused(files: Files) -> None:
    """Compare-and-set under a lock, on real connections."""
    seen, tenant = digest(files), files.desk.tenant
    wanted = [ASSIST, "modes:\n  - mode: DISABLED\n"]

    def one(number: int) -> Any:
        try:
            made = apply(
                wanted[number], tenant=tenant, who=files.email(Role.ADMIN),
                environment={}, expect=seen, now=timezone.now(),
            )  # fmt: skip
        except ConfigMoved:
            return None
        return made.changes[0].after["mode"]

    done = [each for each in in_threads(2, one) if each]
    assert len(done) == 1
    assert mode(files) == done


def test_a_policy_that_widens_waits_for_a_second_person(
    make_files: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A10: tried on the last week, asked for by one, activated by another; said so."""
    small = ship_small(monkeypatch)
    monkeypatch.setattr(standing_of, "shipped", lambda: small)
    files = make_files()
    text = write({"policy_bundle": WIDER}, "")
    code, said = files.plan(text)
    assert code == 2
    assert "~ policy_bundle: +customers" in said
    assert "widens autonomy: it waits for a second person" in said
    assert files.apply(text, widen=False)[0] == 1
    assert "policy_bundle waits for a second person" in files.applied(text)
    with tenant_scope(files.desk.tenant):
        waiting = Activation.objects.get()
        assert (waiting.widens, waiting.in_force_at) == (True, None)
    # Asked for once: nothing is left to do, for nobody.
    for code, said in (files.plan(text), files.apply(text)):
        assert (code, "waits for a second person" in said) == (0, True)
    narrower = write({"policy_bundle": NARROWER}, "")
    files.applied(narrower)
    assert files.plan(narrower)[0] == 0
    with tenant_scope(files.desk.tenant):
        assert Activation.objects.exclude(in_force_at=None).count() == 1


def test_secrets_are_named_and_replaced_only_where_they_differ(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret is a reference or kept as it is; none is written or said."""
    monkeypatch.setitem(os.environ, "SHOP", SECRET)
    tool = "tools:\n  shop:\n    url: https://shop.example/do\n    effect: KEYED\n"
    named = tool + "    secret: env:SHOP\n"
    files.applied(named)
    assert files.plan(tool)[0] == 0
    assert files.plan(named)[0] == 0
    monkeypatch.setitem(os.environ, "SHOP", SECRET.replace("c2Vj", "d2Vj"))
    code, said = files.plan(named)
    assert (code, "secret is replaced (env:SHOP)" in said) == (2, True)
    files.applied(named)
    assert files.plan(named)[0] == 0
    code, said = files.plan("tools: {}\n")
    assert (code, "A tool is not taken away" in said) == (1, True)
    assert "whsec" not in files.export()
