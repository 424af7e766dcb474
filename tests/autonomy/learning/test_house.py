"""N3, N5: the model of the house: what is shared teaches it, and nobody is known by it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from autonomy.errors import GateRefused, ModelMoved, NoActiveModel, NoSuchModel
from autonomy.learning import daily, fitting, house
from autonomy.models import Choice, HouseRanking, Ranking
from autonomy.ranking import of_house
from ledger.crossings import state_system_use
from ledger.models import Entry, SystemUse
from ledger.scope import PLATFORM, system_scope, tenant_scope
from perception.faults import Faults
from perception.models import Tenant
from tests.autonomy.conftest import Desk
from tests.autonomy.learning.seller import Seller, seller_at
from tests.autonomy.test_ranking import decided, model
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def alone(db: None) -> Iterator[None]:
    """Nobody else shares anything meanwhile, and no model of the house is left behind."""
    _clear()
    yield
    _clear()


def _clear() -> None:
    HouseRanking.objects.all().delete()
    with system_scope("tests"):
        Tenant.objects.filter(shares_learning=True).update(shares_learning=False)


def sharing(desk: Desk, seed: int, days: int = 16) -> Seller:
    """A tenant that shares, with a life before the last month."""
    with tenant_scope(desk.tenant):
        Tenant.objects.update(shares_learning=True)
    seller = seller_at(desk, accounts=5, seed=seed)
    seller.live(NOW - 64 * DAY, days)
    return seller


def fitted(make_desk: Callable[..., Desk]) -> tuple[HouseRanking, list[Seller]]:
    """A model of three tenants, scoring in shadow for a month."""
    sellers = [sharing(make_desk(), seed) for seed in (3, 4, 5)]
    made = house.fit(now=NOW - 32 * DAY, horizon=DAY)
    house.shadow(made.version, now=NOW - 32 * DAY)
    return house.found(made.version), sellers


def stated() -> list[tuple[str, str]]:
    with tenant_scope(PLATFORM):
        rows = Entry.objects.filter(kind="model.moved").order_by("number")
        return [(each.data["before"], each.data["after"]) for each in rows]


def test_what_three_tenants_share_ranks_for_a_fourth(
    make_desk: Callable[..., Desk],
) -> None:
    """N3, N5: weights of all, of no one; through the gate by the scores of those who
    share; it serves whoever has none of their own; back at once; each move stated.
    """
    before = len(stated())
    held, sellers = fitted(make_desk)
    for each in sellers:
        each.live(NOW - 32 * DAY, 30)
    assert held.provenance["tenants"] == 3
    assert held.provenance["rows"] == 3 * 5 * 3 * 16
    known = str((held.artefact, held.provenance))
    for each in sellers:
        assert str(each.desk.tenant) not in known
        assert each.desk.house.slug not in known
    gate = house.judge(held, now=NOW, horizon=DAY)
    assert gate["passes"], gate
    assert (gate["way"], gate["lists"]) == ("paired", 90)
    with pytest.raises(GateRefused):
        house.activate(held.version, {**gate, "passes": False, "why": "NO"}, now=NOW)
    house.activate(held.version, gate, now=NOW)
    with pytest.raises(ModelMoved):
        house.activate(held.version, gate, now=NOW)
    fourth = make_desk()
    assert {each.model for each in decided(fourth)} == {of_house(held.version)}
    model(fourth, "ACTIVE")
    assert {each.model for each in decided(fourth)} == {"m1"}
    assert house.roll_back(now=NOW) == "heuristic"
    assert {each.model for each in decided(make_desk())} == {"heuristic"}
    with pytest.raises(NoActiveModel):
        house.roll_back(now=NOW)
    assert stated()[before:] == [
        ("", "CANDIDATE"),
        ("CANDIDATE", "SHADOW"),
        ("SHADOW", "ACTIVE"),
        ("ACTIVE", "RETIRED"),
    ]


def test_whoever_does_not_share_teaches_nothing(
    make_desk: Callable[..., Desk],
) -> None:
    """N3, T2: asked across tenants, counted; read in the scope of each that agreed."""
    sellers = [sharing(make_desk(), seed) for seed in (3, 4, 5)]
    silent = sellers[2].desk
    with tenant_scope(silent.tenant):
        Tenant.objects.update(shares_learning=False)
    state_system_use(now=NOW)
    found = house.gathered(begin=NOW - 90 * DAY, now=NOW, horizon=DAY)
    assert {each.tenant for each in found} == {each.desk.tenant for each in sellers[:2]}
    assert found == sorted(found, key=lambda each: (each.at, each.intent))
    with system_scope("tests"):
        assert SystemUse.objects.filter(job=house.JOB).exists()
    with pytest.raises(fitting.TooFew, match="2 tenants share enough"):
        house.fit(now=NOW - 32 * DAY, horizon=DAY)
    assert not HouseRanking.objects.exists()
    with pytest.raises(CommandError, match="2 tenants share enough"):
        call_command("evaluate", house=True)


def test_what_only_one_tenant_knows_stays_with_it(
    make_desk: Callable[..., Desk],
) -> None:
    """N3: features of fewer than three, and types of a tenant's own, are left out."""
    for seed in (3, 4, 5):
        sharing(make_desk(), seed)
    rows = house.gathered(begin=NOW - 90 * DAY, now=NOW, horizon=DAY)
    for row in rows:
        row.features["type.send_gift_card"] = 1.0  # type: ignore[index]
        if row.tenant == rows[0].tenant:
            row.features["trigger.OF_ONE"] = 1.0  # type: ignore[index]
    names = {name for row in house.common(rows) for name in row.features}
    assert "type.draft_email" in names
    assert not names & {"type.send_gift_card", "trigger.OF_ONE"}


def test_only_those_who_share_try_it(make_desk: Callable[..., Desk]) -> None:
    """N5: a model in shadow scores where its scores are looked at, without effect."""
    fitted(make_desk)
    name = of_house(HouseRanking.objects.get().version)
    ours, theirs = make_desk(), make_desk()
    with tenant_scope(ours.tenant):
        Tenant.objects.update(shares_learning=True)
    (mine, *_), (others, *_) = decided(ours), decided(theirs)
    assert list(mine.shadow) == [name]
    assert (mine.model, others.model, others.shadow) == ("heuristic", "heuristic", {})


def test_the_gate_looks_only_where_it_would_rank(
    make_desk: Callable[..., Desk],
) -> None:
    """N5: what a tenant's own model ordered says nothing of the house's."""
    held, (first, *_) = fitted(make_desk)
    with tenant_scope(first.desk.tenant):
        Ranking.objects.create(
            tenant_id=first.desk.tenant, version="own", kind="logistic",
            status="ACTIVE", artefact=held.artefact, provenance={}, made_at=NOW,
            moved_at=NOW,
        )  # fmt: skip
    first.live(NOW - 32 * DAY, 30)
    with tenant_scope(first.desk.tenant):
        assert Choice.objects.filter(model="own").exists()
    gate = house.judge(held, now=NOW, horizon=DAY)
    assert (gate["passes"], gate["rows"]) == (False, 0)


def test_what_was_fitted_stays(make_desk: Callable[..., Desk]) -> None:
    """N5: whoever asks; and statuses move one way."""
    held, _ = fitted(make_desk)
    rows = HouseRanking.objects.filter(pk=held.pk)
    for values in ({"artefact": {}}, {"status": "CANDIDATE"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**values)
    with pytest.raises(NoSuchModel):
        house.shadow("logistic-20260101-00000000", now=NOW)


def test_the_house_fits_by_itself_and_promotes_nothing(
    make_desk: Callable[..., Desk], capsys: Any
) -> None:
    """N3, O2: where it is time; what breaks at one tenant is told. Commands do the rest."""
    for seed in (3, 4, 5):
        sharing(make_desk(), seed)
    faults = Faults()
    assert daily.fit_house(now=NOW, horizon=DAY, broke=faults) == 1
    assert daily.fit_house(now=NOW, horizon=DAY, broke=faults) == 0
    assert faults.count == 0
    (held,) = HouseRanking.objects.all()
    assert held.status == "SHADOW"
    call_command("ranking", "list", "--house")
    assert f"{held.version}  SHADOW" in capsys.readouterr().out
    with pytest.raises(CommandError, match="too few"):
        call_command("ranking", "promote", "--house")
    with pytest.raises(CommandError, match="No model ranks"):
        call_command("ranking", "rollback", "--house")
    with pytest.raises(CommandError, match="operator"):
        call_command("ranking", "rollback", "--house", "--as", "a@b.example")
    with pytest.raises(CommandError):
        call_command("ranking", "list", "--house", "--tenant", "demo-1")
