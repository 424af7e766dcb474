"""P11: weeks and months of accounts are told in counts, once, with their sources."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from autonomy.context import frozen_context
from ledger.models import Entry
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception.erasure import erase_contact
from perception.intake import receive
from perception.models import Account, Review, Summary
from perception.noticing import notice
from perception.rules.summaries import detailed_from, weekly_from
from perception.summaries import summarise_due
from tests.conftest import NOW, House
from tests.perception.test_intake import SENDER
from tests.perception.test_interactions import Meetings, met

DAY = timedelta(days=1)


def _kept(meetings: Meetings, span: str = "") -> list[Summary]:
    with tenant_scope(meetings.tenant):
        rows = Summary.objects.order_by("starts", "span")
        return [row for row in rows if span in ("", row.span)]


def _review(meetings: Meetings) -> Review:
    with tenant_scope(meetings.tenant):
        return Review.objects.get()


def _history(meetings: Meetings, days: int = 150) -> None:
    meetings.keep(
        *(met(f"d{ago}", at=NOW - ago * DAY) for ago in range(0, days, 5)),
        met("ours", at=NOW - 50 * DAY, direction="out", emails=["x@y.example"]),
    )


def _signal(
    meetings: Meetings, type_: str, ago: int, now: Any = NOW, **said: Any
) -> None:
    with tenant_scope(meetings.tenant):
        receive(
            [{"account": "crm-0", "type": type_, "payload": said,
              "occurred_at": NOW - ago * DAY}],
            by=SENDER,
            now=now,
        )  # fmt: skip


def test_old_weeks_and_months_are_told_and_the_newest_days_are_not(
    house: House,
) -> None:
    """P11: every interaction lies in one span; a month names the weeks it is made of."""
    meetings = Meetings(house)
    _history(meetings)
    summarise_due(now=NOW)
    weeks, months = _kept(meetings, "week"), _kept(meetings, "month")
    assert max(each.starts for each in weeks) < detailed_from(NOW.date())
    assert max(each.starts for each in months) < weekly_from(NOW.date())
    named = [id_ for week in weeks for id_ in week.sources["interactions"]]
    until = detailed_from(NOW.date())
    old = [str(each.id) for each in meetings.kept() if each.at.date() < until]
    assert sorted(named) == sorted(old)
    for month in months:
        held = {str(week.id): week for week in weeks}
        parts = [held[id_] for id_ in month.sources["weeks"]]
        assert {part.starts.month for part in parts} == {month.starts.month}
        total = sum(part.facts["interactions"] for part in parts)
        assert month.facts["interactions"] == total
    assert "freeze" not in str([each.text for each in weeks])
    with tenant_scope(meetings.tenant):
        stated = Entry.objects.filter(kind="summary.written")
        assert stated.count() == len(weeks) + len(months)


def test_telling_again_changes_nothing(house: House) -> None:
    """P11: idempotent; and nothing is due until something closes."""
    meetings = Meetings(house)
    _history(meetings)
    assert summarise_due(now=NOW) > 0
    due = _review(meetings).summary_at
    assert due is not None
    assert due > NOW
    before = [(each.id, each.made_at) for each in _kept(meetings)]
    with tenant_scope(meetings.tenant):
        Review.objects.update(summary_at=NOW, stale_from=date(2026, 1, 1))
    assert _told(meetings, NOW + timedelta(hours=1)) == 0
    assert [(each.id, each.made_at) for each in _kept(meetings)] == before


def _told(meetings: Meetings, now: datetime) -> int:
    before = {(each.id, each.made_at) for each in _kept(meetings)}
    summarise_due(now=now)
    return len({(each.id, each.made_at) for each in _kept(meetings)} - before)


def test_time_closes_weeks_then_months_then_nothing_is_due(house: House) -> None:
    """P11: daily by an index; what has nothing left to tell is not looked at."""
    meetings = Meetings(house)
    meetings.keep(met("one", at=NOW), met("two", at=NOW - 3 * DAY))
    spans, looks = [], 0
    while (due := _review(meetings).summary_at) is not None:
        assert _told(meetings, due) == 1
        spans = [each.span for each in _kept(meetings)]
        looks += 1
        assert looks < 5
    assert sorted(spans) == ["month", "week"]


def test_what_comes_late_is_told_late(house: House) -> None:
    """P11: its week and its month are told again, and no other."""
    meetings = Meetings(house)
    _history(meetings)
    summarise_due(now=NOW)
    meetings.keep(met("late", at=NOW - 130 * DAY), now=NOW + DAY)
    assert _told(meetings, NOW + DAY) == 2


def test_signals_are_told_by_type_and_stage(house: House) -> None:
    """P11: a look has them told; words of strangers are not."""
    meetings = Meetings(house)
    _signal(meetings, "crm_update", 60, stage="negotiation")
    _signal(meetings, "crm_update", 60, stage="Ann said yes")
    _signal(meetings, "Ann Smith wrote", 60)
    with tenant_scope(meetings.tenant):
        notice([meetings.accounts[0].id], now=NOW)
    summarise_due(now=NOW)
    (week,) = _kept(meetings)
    assert week.facts["signals"] == {"crm_update": 2, "unknown": 1}
    assert week.facts["moves"] == {"negotiation": 1, "unknown": 1}
    assert "ann" not in week.text.lower()
    assert len(week.sources["signals"]) == 3


def test_who_is_erased_is_told_no_more(house: House) -> None:
    """P11, L9: nor does telling again bring them back."""
    meetings = Meetings(house)
    _history(meetings)
    summarise_due(now=NOW)
    ann = str(meetings.ann.id)
    assert any(ann in each.text for each in _kept(meetings))
    with tenant_scope(meetings.tenant):
        erase_contact(meetings.ann.id, by=SYSTEM, now=NOW)
        Review.objects.update(summary_at=NOW, stale_from=date(2026, 1, 1))
    summarise_due(now=NOW + DAY)
    for each in _kept(meetings):
        assert ann not in each.text + str(each.facts)


def test_a_decision_knows_the_newest_summaries(house: House) -> None:
    """D1: a few of them, small, in the frozen context."""
    meetings = Meetings(house)
    _history(meetings, 300)
    summarise_due(now=NOW)
    with tenant_scope(meetings.tenant):
        account = Account.objects.get()
        context = frozen_context(account, None, now=NOW)
    told = context["summaries"]
    assert [each["span"] for each in told[:2]] == ["week", "week"]
    assert "month" in {each["span"] for each in told}
    starts = [each["starts"] for each in told]
    assert starts == sorted(starts, reverse=True)
    assert len(str(told)) < 2600


def test_no_tenant_is_told_of_another(make_house: Callable[..., House]) -> None:
    """T1."""
    one, two = Meetings(make_house()), Meetings(make_house())
    _history(one)
    summarise_due(now=NOW)
    assert _kept(one)
    assert not _kept(two)
