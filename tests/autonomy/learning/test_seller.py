"""N3, N5: what a seller likes is learned, shown in shadow, and let through the gate."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from autonomy.errors import GateRefused, ModelMoved, NoActiveModel, NoSuchModel
from autonomy.learning import evaluating, fitting, gating, registry
from autonomy.learning.charts import page
from autonomy.learning.labels import labelled
from autonomy.models import Evaluation, Ranking
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.learning.seller import LIKES, seller_at
from tests.conftest import NOW

DAY = timedelta(days=1)


def fit_at(desk: Desk, *, now: Any) -> Ranking:
    """A model of everything that is clear by then, scoring in shadow."""
    with tenant_scope(desk.tenant):
        made = fitting.fit(labelled(begin=now - 40 * DAY, now=now, horizon=DAY))
        held = registry.keep(made.artefact, made.provenance, now=now)
        return registry.shadow(held.version, by=None, now=now)


def poisoned(desk: Desk, model: Ranking) -> Ranking:
    """The same with every preference turned round, sound as a file, in shadow as well."""
    turned = {name: -each for name, each in model.artefact["coefficients"].items()}
    against = {"coefficients": turned, "intercept": -model.artefact["intercept"]}
    artefact = {**model.artefact, **against}
    digest = fitting.digest_of(artefact)
    provenance = {**model.provenance, "artefact_digest": digest}
    now = NOW - 32 * DAY
    with tenant_scope(desk.tenant):
        held = registry.keep(artefact, provenance, now=now)
        return registry.shadow(held.version, by=None, now=now)


def test_what_a_seller_likes_passes_the_gate_and_poison_does_not(desk: Desk) -> None:
    """N3, N5: after thirty days the learned order beats confidence in precision@3 beyond
    doubt; its opposite is refused, and nothing moved; rollback is at once.
    """
    seller = seller_at(desk, accounts=5, seed=11)
    seller.live(NOW - 64 * DAY, 30)
    model = fit_at(desk, now=NOW - 32 * DAY)
    bad = poisoned(desk, model)
    seller.live(NOW - 32 * DAY, 30)
    weights = model.artefact["coefficients"]
    liked = sorted(LIKES, key=lambda key: weights[f"type.{key}"], reverse=True)
    assert liked[0] == "draft_email"
    assert model.provenance["rows"] == 450
    assert model.provenance["metrics"]["brier"] < 0.22
    admin = desk.house.caller(Role.ADMIN)
    with tenant_scope(desk.tenant):
        gate = gating.judge(model, now=NOW, horizon=DAY)
        assert (gate["way"], gate["metric"]) == ("paired", "precision@3")
        assert gate["passes"], gate
        assert gate["lower"] > 0.1
        refused = gating.judge(bad, now=NOW, horizon=DAY)
        assert refused["passes"] is False, refused
        with pytest.raises(GateRefused):
            registry.activate(bad.version, refused, by=admin, now=NOW)
        assert not Ranking.objects.filter(status="ACTIVE").exists()
        registry.activate(model.version, gate, by=admin, now=NOW)
        with pytest.raises(ModelMoved):
            registry.activate(model.version, gate, by=admin, now=NOW)
        assert (
            Ranking.objects.filter(status="ACTIVE")
            .values_list("gate__replaced", flat=True)
            .get()
            == "heuristic"
        )
        assert registry.roll_back(by=admin, now=NOW) == "heuristic"
        assert not Ranking.objects.filter(status="ACTIVE").exists()
        with pytest.raises(NoActiveModel):
            registry.roll_back(by=admin, now=NOW)
        moves = [
            (each.data["before"], each.data["after"])
            for each in Entry.objects.filter(kind="model.moved").order_by("number")
            if each.data["version"] == model.version
        ]
    assert moves == [
        ("", "CANDIDATE"),
        ("CANDIDATE", "SHADOW"),
        ("SHADOW", "ACTIVE"),
        ("ACTIVE", "RETIRED"),
    ]


def test_where_chance_had_a_part_the_log_itself_decides(desk: Desk) -> None:
    """N5, N6: off-policy, by the propensities that were written; the report tells it."""
    seller = seller_at(desk, accounts=60, seed=5)
    seller.live(NOW - 40 * DAY, 4, share=0.8)
    model = fit_at(desk, now=NOW - 32 * DAY)
    bad = poisoned(desk, model)
    seller.live(NOW - 32 * DAY, 6, share=0.8)
    with tenant_scope(desk.tenant):
        gate = gating.judge(model, now=NOW, horizon=DAY)
        assert gate["way"] == "off_policy"
        assert gate["passes"], str(gate)
        # The seller's own: 0.85, against the mean of 0.2 ± what chance had a part in.
        assert gate["lower"] < 0.85 - (0.2 * 0.2 + 0.8 * 0.4667) < gate["upper"]
        assert not gating.judge(bad, now=NOW, horizon=DAY)["passes"]
        kept = evaluating.evaluate(now=NOW, horizon=DAY)
        assert Evaluation.objects.get(pk=kept.pk).body["clear"] == 1800
    (told, _) = sorted(
        kept.body["models"], key=lambda each: each["paired"]["mean"], reverse=True
    )
    assert told["version"] == model.version
    assert [each["method"] for each in told["uplift"]] == ["ips", "snips", "dr"]
    shown = page(kept.body, "<b>")
    assert "<b>" not in shown.split("<style>")[0]
    assert shown.count("<svg") == 3
    assert "src=" not in shown


def test_what_was_fitted_stays_and_moves_one_way(desk: Desk) -> None:
    """N5: also for whoever owns the tables; nobody else's is found."""
    seller = seller_at(desk, accounts=5, seed=2)
    seller.live(NOW - 64 * DAY, 20)
    model = fit_at(desk, now=NOW - 32 * DAY)
    with tenant_scope(desk.tenant):
        rows = Ranking.objects.filter(pk=model.pk)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(artefact={})
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(status="CANDIDATE")
        with pytest.raises(NoSuchModel):
            registry.found("logistic-20260101-00000000")
        few = gating.judge(model, now=NOW, horizon=DAY)
    assert (few["passes"], few["rows"]) == (False, 0)


def test_too_little_says_so(desk: Desk) -> None:
    """N3: below two hundred clear choices nothing is fitted."""
    seller_at(desk, accounts=5, seed=2).live(NOW - 64 * DAY, 3)
    with tenant_scope(desk.tenant), pytest.raises(fitting.TooFew):
        fitting.fit(labelled(begin=NOW - 70 * DAY, now=NOW, horizon=DAY))


def test_nothing_is_known_before_its_horizon(desk: Desk) -> None:
    """N3: an outcome after the horizon, or within one that is not over, teaches nothing."""
    seller_at(desk, accounts=2, seed=2).live(NOW - 10 * DAY, 10)
    with tenant_scope(desk.tenant):
        begin = NOW - 40 * DAY
        late = labelled(begin=begin, now=NOW, horizon=timedelta(minutes=30))
        assert {each.reward for each in late} == {None}
        soon = labelled(begin=begin, now=NOW, horizon=5 * DAY)
    assert len(soon) == 2 * 3 * 5
    assert all(each.reward is not None for each in soon)


def test_the_commands_say_what_there_is(desk: Desk, capsys: Any, tmp_path: Any) -> None:
    """Contract: evaluate, ranking list, promote, rollback."""
    slug, file = desk.house.slug, tmp_path / "report.html"
    call_command("evaluate", tenant=slug, html=str(file))
    assert "0 of 0 choices are clear" in capsys.readouterr().out
    assert file.read_text().startswith("<!doctype html>")
    call_command("ranking", "list", "--tenant", slug)
    assert "There are none." in capsys.readouterr().out
    with pytest.raises(CommandError, match="no candidate"):
        call_command("ranking", "promote", "--tenant", slug)
    with pytest.raises(CommandError, match="No model ranks"):
        call_command("ranking", "rollback", "--tenant", slug)
    seller_at(desk, accounts=5, seed=2).live(NOW - 64 * DAY, 20)
    fit_at(desk, now=NOW - 32 * DAY)
    who = f"seller@{slug}.example"
    with pytest.raises(CommandError, match="SELLER"):
        call_command("ranking", "promote", "--tenant", slug, "--as", who)
    with pytest.raises(CommandError, match="too few"):
        call_command("ranking", "promote", "--tenant", slug)
    shown = desk.house.client(Role.ADMIN).send("GET", "learning/models/").json()
    assert [each["status"] for each in shown["results"]] == ["SHADOW"]
    told = desk.house.client(Role.AUDITOR).send("GET", "learning/report/").json()
    assert told["evaluation"]["choices"] == 0
    refused = desk.house.client(Role.SELLER).send("GET", "learning/report/")
    assert refused.status_code == 403
