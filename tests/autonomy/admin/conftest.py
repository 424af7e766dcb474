"""What tests of the pages share: people who are logged in, and a tenant with everything."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from autonomy import (
    alerts,
    policies,
    profiles,
    registry,
    service,
    simulate,
    steering,
    switchboard,
    track,
)
from autonomy.execute import start
from autonomy.learning import registry as learning
from autonomy.learning.evaluating import evaluate
from autonomy.learning.fitting import digest_of
from autonomy.models import (
    Activation,
    Digest,
    Execution,
    Intent,
    Notice,
    Ranking,
    Replay,
    Ritual,
    Run,
    Simulation,
    SloAlert,
    Suggestion,
    Sweep,
    Telling,
    Tool,
)
from autonomy.perform import perform
from autonomy.policy import shipped
from autonomy.replay import Wanted, rehearse
from autonomy.rules.answers import Meaning, Said
from autonomy.rules.ranking import FEATURES_VERSION, LOGISTIC
from autonomy.rules.switches import Scope
from autonomy.sweep import request as sweep
from autonomy.tools.binding import add_tool
from ledger.models import Entry
from ledger.record import Actor
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.members import person_acting
from perception.models import Person
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import House

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
OWN_TYPE = {
    "key": "send_gift_card",
    "tier": "APPROVAL_REQUIRED",
    "risk_level": "MEDIUM",
    "external_contact": True,
    "touches": [],
    "reversal": "NONE",
    "idempotent": False,
    "tool": "",
    "min_confidence": 0.8,
    "schema": {"type": "object", "properties": {"text": {"type": "string"}}},
    "example": {"text": "For the round number."},
}


def member(house: House, role: Role) -> Client:
    """A browser of somebody of the house, logged in."""
    client = Client()
    client.force_login(Person.objects.get(pk=house.members[role].person_id))
    return client


def stated(house: House, kind: Kind) -> list[Any]:
    with tenant_scope(house.tenant):
        return list(Entry.objects.filter(kind=kind).order_by("number"))


def narrower() -> dict[str, Any]:
    """The shipped bundle with one more thing left to people."""
    plain = shipped().plain()
    plain["name"] = "narrower"
    plain["tests"] = [each for each in plain["tests"] if "tainted" not in each["given"]]
    plain["clauses"].insert(
        1,
        {
            "id": "tainted",
            "ceiling": "REQUIRE_APPROVAL",
            "condition": "tainted",
            "reason": "TAINTED",
            "explanation": "It rests on text from outside.",
        },
    )
    return plain


def press(desk: Desk, scope: Scope, target: str, reason: str) -> Any:
    """Engage a kill switch."""
    wanted = switchboard.Wanted(scope=scope, target=target, reason=reason)
    with tenant_scope(desk.tenant):
        by = person_acting(desk.admin)
        return switchboard.engage(wanted, by=by, now=timezone.now())


def morning(desk: Desk) -> Ritual:
    """A ritual that ran yesterday."""
    due = timezone.now() - timedelta(days=1)
    with tenant_scope(desk.tenant):
        return Ritual.objects.create(
            tenant_id=desk.tenant,
            kind=Ritual.Kind.MORNING_BRIEF,
            day=due.date(),
            due_at=due,
            started_at=due,
            ended_at=due,
            count=1,
        )


def learned(desk: Desk, status: str = "SHADOW") -> Ranking:
    """A model as a fit leaves it, and a report."""
    now = timezone.now()
    artefact = {
        "kind": LOGISTIC,
        "features_version": FEATURES_VERSION,
        "intercept": 0.1,
        "coefficients": {"type.draft_email": 2.0, "heat": -1.5, "tier.HOT": 0.4},
        "means": {},
        "scales": {"heat": 0.3},
        "calibration": {"kind": "platt", "slope": 2.0, "offset": -1.0},
    }
    metrics = {
        "rows": 100, "brier": 0.19, "log_loss": 0.55, "precision_gain": 0.21,
        "lower": 0.12, "upper": 0.3, "lists": 25,
    }  # fmt: skip
    provenance = {
        "from": now.isoformat(), "to": now.isoformat(), "rows": 400, "good": 150,
        "data_digest": "sha256:" + "1" * 64, "artefact_digest": digest_of(artefact),
        "features_version": FEATURES_VERSION, "penalty": 1.0, "seed": 0,
        "baseline": ["heuristic"], "metrics": metrics,
    }  # fmt: skip
    with tenant_scope(desk.tenant):
        evaluate(now=now)
        made = learning.keep(artefact, provenance, now=now)
        if status == "SHADOW":
            learning.shadow(made.version, by=desk.admin, now=now)
        return made


def told(desk: Desk) -> Digest:
    """Yesterday's digest, which arrived."""
    now = timezone.now()
    with tenant_scope(desk.tenant):
        return Digest.objects.create(
            tenant_id=desk.tenant,
            member=desk.house.members[Role.SELLER],
            day=now.date() - timedelta(days=1),
            written_at=now,
            delivered_at=now,
            way="mail",
        )


def notice(desk: Desk) -> Telling:
    """A notice that waits to be mailed."""
    with tenant_scope(desk.tenant):
        return Telling.objects.create(
            tenant_id=desk.tenant,
            notice=Notice.objects.order_by("id")[0],
            member=desk.house.members[Role.SELLER],
            due_at=timezone.now() + timedelta(days=1),
        )


def fill(desk: Desk) -> None:
    """One of everything that governs, and acts that walked through it."""
    by, now = desk.admin, timezone.now()
    desk.budget(10, account=desk.account.id)
    desk.budget(5, each="account", action_type="draft_email")
    desk.propose()
    desk.propose("send_email")
    desk.propose("commit_pricing")
    with tenant_scope(desk.tenant):
        for intent in Intent.objects.filter(status="APPROVED"):
            start(intent.id)
    undone(desk)
    desk.mode("APPROVAL", action_type="send_email")
    desk.mode("ASSIST", account=desk.account.id)
    with tenant_scope(desk.tenant):
        steering.set_opt_in(True, None, by=by, now=now)
        registry.add_type(OWN_TYPE, by=by, now=now)
        registry.change_type(
            "draft_email", {"tier": "APPROVAL_REQUIRED"}, by=by, now=now
        )
        saved = policies.save_bundle(narrower(), by=by, now=now)
        # As the verb leaves it; whether it widens takes seconds to work out.
        Activation.objects.create(
            tenant_id=desk.tenant,
            bundle=saved,
            widens=False,
            asked_by_id=by.membership,
            asked_at=now,
            in_force_at=now,
        )
        data = {**policies.data_in_force(), "amount_caps": {"send_proposal": 5000.0}}
        policies.save_data(data, by=by, now=now)
        offered = profiles.install("send_follow_up_email", hold_seconds=60, now=now)
        profiles.sign(offered, by=by, now=now)
    parked(desk)
    alert(desk, tool(desk).key)
    replayed(desk)
    simulated(desk)
    morning(desk)
    learned(desk)
    suggestion(desk)
    told(desk)
    switch = press(desk, Scope.ACTION_TYPE, "send_email", "A wrong template.")
    notice(desk)
    with tenant_scope(desk.tenant):
        switchboard.release(switch.id, "The template is mended.", by=person_acting(by))
    press(desk, Scope.ACCOUNT, str(desk.account.id), "They asked us to wait.")


def suggestion(desk: Desk) -> Suggestion:
    """Wider autonomy that was earned, as a look found it."""
    with tenant_scope(desk.tenant):
        record = track.records(now=timezone.now())["update_account_context"]
        return Suggestion.objects.create(
            tenant_id=desk.tenant,
            action_type=record.action_type,
            status=Suggestion.Status.OPEN,
            record={**record.stated(), "to": "AUTOPILOT"},
            suggested_at=timezone.now(),
        )


def undone(desk: Desk) -> Sweep:
    """An act that was done, and is to be taken back with all that came after it."""
    intent = desk.propose("create_internal_note")
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
    by = desk.house.members[Role.ADMIN].id
    person = Actor(type="person", id=str(by))
    with tenant_scope(desk.tenant):
        since = Execution.objects.get(intent=intent).started_at
        return sweep(
            since,
            account=None,
            only_automatic=True,
            reason="To see it go.",
            by=person,
            member=by,
        )


def replayed(desk: Desk) -> Replay:
    """An act that was gone through again, dry."""
    by = desk.house.members[Role.ADMIN].id
    person = Actor(type="person", id=str(by))
    wanted = Wanted(reason="To see what differs.", by=person, member=by)
    with tenant_scope(desk.tenant):
        return rehearse(Execution.objects.latest("id").intent_id, wanted)


def simulated(desk: Desk) -> Simulation:
    """A simulation that was run."""
    now = timezone.now()
    with tenant_scope(desk.tenant):
        wanted = {"modes": [{"mode": "AUTOPILOT"}], "budgets": [], "gated_stages": []}
        begin = now - timedelta(days=7)
        asked = simulate.ask_for(
            begin, now + timedelta(minutes=1), wanted, by=desk.admin, now=now
        )
    simulate.run(asked.id, tenant=desk.tenant, now=now)
    return asked


def parked(desk: Desk, **more: Any) -> Run:
    """A run that was given up at its decision."""
    now = timezone.now()
    with tenant_scope(desk.tenant):
        values = {
            "trigger": "SIGNAL_ARRIVED",
            "key": uuid4().hex,
            "status": "PARKED",
            "stage": "DECIDE",
            "attempts": 5,
            "due_at": now,
            "gate_result": "ALLOW",
            "gate_reason": "ALLOWED",
            "gate_explanation": "Worth a decision now.",
            "error": "The synthesizer was cut off.",
            "created_at": now,
            "updated_at": now,
            **more,
        }
        return Run.objects.create(tenant_id=desk.tenant, account=desk.account, **values)


def tool(desk: Desk, key: str = "gift-shop") -> Tool:
    """A tool of an integrator."""
    given = {
        "key": key,
        "url": "https://shop.example/act",
        "secret": SECRET,
        "effect": "KEYED",
        "undo": False,
        "timeout_s": 5.0,
        "rate_per_s": 10.0,
    }
    with tenant_scope(desk.tenant):
        return add_tool(given, by=desk.admin, now=timezone.now())


def alert(desk: Desk, key: str) -> SloAlert:
    """A tool that was called in vain, and the alert that opened."""
    now = timezone.now()
    with tenant_scope(desk.tenant):
        said = Said(meaning=Meaning.AMBIGUOUS, detail="", status=500)
        for _ in range(10):
            service.count(key, said, 20.0, now)
    alerts.watch(now=now)
    with tenant_scope(desk.tenant):
        return SloAlert.objects.get(tool=key)


@pytest.fixture
def governed(make_desk: Callable[..., Desk]) -> Desk:
    """A tenant with one of everything."""
    desk = make_desk()
    fill(desk)
    return desk


@pytest.fixture
def admin(desk: Desk) -> Client:
    """The admin of a tenant in which little was set yet."""
    return member(desk.house, Role.ADMIN)
