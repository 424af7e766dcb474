"""N4, U1: the order of Next: a run's own order holds, ties go by what confidence is worth."""

from typing import Any

from autonomy.models import Choice, Intent, Ranking
from autonomy.rules.ranking import FEATURES_VERSION
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.test_ranking import NOTES, decided, model


def asked(desk: Desk, confidence: float, **more: Any) -> str:
    """A question about a proposal."""
    intent = desk.propose("send_follow_up_email", confidence=confidence)
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=intent.pk).update(**more)
    return str(intent.pk)


def paged(desk: Desk, limit: int = 50) -> list[str]:
    """Next as a program reads it, page by page."""
    client = desk.house.client(Role.SELLER)
    found, url = [], f"feed/next/?limit={limit}"
    while url:
        page = client.send("GET", url).json()
        found += [item["intent"] for item in page["results"]]
        url = page["next"] and page["next"].partition("/api/v1/")[2]
    return found


def test_a_place_stands_for_the_surest_behind_it(desk: Desk) -> None:
    """N3, N4: written with the rank; raw confidence stays what it was."""
    plain = decided(desk)
    sure = [each.intent.confidence for each in plain]
    assert [each.intent.lead for each in plain] == sure
    model(desk, "ACTIVE")
    rows: list[Choice] = decided(desk)
    first, second = (each.intent for each in rows)
    assert first.confidence < second.confidence
    assert first.lead == second.lead == second.confidence


def test_what_was_put_first_stays_first_in_next(desk: Desk) -> None:
    """N4: also where it is the less sure of its run, and others stand between."""
    last = asked(desk, 0.9, lead=0.9, rank=2)
    first = asked(desk, 0.2, lead=0.9, rank=1)
    between = asked(desk, 0.8)
    assert paged(desk) == [first, between, last]


def test_ties_go_by_what_confidence_is_worth(desk: Desk) -> None:
    """N4: as the model that ranks shows it; without one, the newer comes first."""
    # Worth the same: a twelfth of confidence is a place in a run.
    surer = asked(desk, 0.8 + 1 / 12, rank=1)
    less = asked(desk, 0.8)
    better = asked(desk, 0.9)
    assert paged(desk) == [better, less, surer]
    model(desk, "ACTIVE")
    assert paged(desk) == [better, surer, less]
    with tenant_scope(desk.tenant):
        Ranking.objects.update(status="RETIRED")
    assert paged(desk) == [better, less, surer]


def test_what_is_not_sound_breaks_no_tie(desk: Desk) -> None:
    """N5: a model that does not serve does not tell either."""
    surer = asked(desk, 0.8 + 1 / 12, rank=1)
    less = asked(desk, 0.8)
    wrong = {**NOTES, "features_version": FEATURES_VERSION + 1}
    model(desk, "ACTIVE", wrong)
    assert paged(desk) == [less, surer]


def test_pages_of_ties_hold_each_once(desk: Desk) -> None:
    """U3: whatever the size of a page."""
    model(desk, "ACTIVE")
    asks = {asked(desk, each) for each in (0.8, 0.8, 0.8, 0.81, 0.5, 0.0, 1.0)}
    whole = paged(desk)
    assert len(whole) == len(asks) == 7
    assert set(whole) == asks
    assert paged(desk, 1) == paged(desk, 2) == paged(desk, 3) == whole
