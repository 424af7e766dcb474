"""D4: interactions become patterns, patterns signals: once each, and for nobody else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import reviews
from perception.models import Review, Signal
from perception.patterns import EVERY, scan_due
from tests.conftest import NOW, House
from tests.perception.test_interactions import Meetings, met
from tests.races import in_threads

DAY = timedelta(days=1)
LEAVING = {"text": "Our champion is leaving.", "subject": ""}


def _patterns(meetings: Meetings) -> list[dict[str, Any]]:
    with tenant_scope(meetings.tenant):
        rows = Signal.objects.filter(type="pattern_detected").order_by("id")
        return [row.payload for row in rows]


def _review(meetings: Meetings, account: int = 0) -> Review:
    with tenant_scope(meetings.tenant):
        return Review.objects.get(account=meetings.accounts[account])


def test_a_risk_in_one_mail_becomes_a_signal_once(house: House) -> None:
    """D4, L3: with its evidence, stated in the ledger; looking again repeats nothing."""
    meetings = Meetings(house)
    meetings.keep(met("m1", **LEAVING))
    scan_due(now=NOW)
    (payload,) = _patterns(meetings)
    evidence = [str(each.id) for each in meetings.kept()]
    assert payload == {
        "pattern": "risk_indicator",
        "rule": "leaving",
        "severity": "critical",
        "confidence": 0.7,
        "evidence": evidence,
        "seen_at": (NOW - DAY).isoformat(),
    }
    with tenant_scope(meetings.tenant):
        signal = Signal.objects.get()
        (entry,) = Entry.objects.filter(kind="pattern.detected")
    assert entry.subjects["signal"] == str(signal.id)
    assert entry.data["evidence"] == evidence
    for hours in (1, 7, 20):
        meetings.keep(met(f"more{hours}", text="Hello."), now=NOW)
        scan_due(now=NOW + timedelta(hours=hours))
    assert len(_patterns(meetings)) == 1
    with tenant_scope(meetings.tenant):
        assert not Entry.objects.filter(kind="signal.repeated").exists()


def test_a_low_finding_does_not_hide_a_critical_one(house: House) -> None:
    """D4: what is found later, or is graver, comes as a signal of its own."""
    meetings = Meetings(house)
    meetings.keep(met("m1", text="How much would 50 seats cost?"))
    scan_due(now=NOW)
    meetings.keep(met("m2", at=NOW, **LEAVING), now=NOW)
    scan_due(now=NOW + timedelta(minutes=6))
    found = [(each["rule"], each["severity"]) for each in _patterns(meetings)]
    assert found == [("budget", "high"), ("leaving", "critical")]


def test_silence_is_found_when_it_is_due_and_not_before(house: House) -> None:
    """D4: nothing is looked at in between, and nothing after there is no more to find."""
    meetings = Meetings(house)
    meetings.keep(met("m1", text="Hi", at=NOW - 3 * DAY), met("m2", text="Hi", at=NOW))
    now: datetime = NOW
    looks = 0
    while _review(meetings).scan_at is not None:
        now = max(now, _review(meetings).scan_at or now)
        scan_due(now=now)
        looks += 1
        later = _review(meetings).scan_at
        assert later is None or later - now >= EVERY
    silence = [each for each in _patterns(meetings) if each["rule"] == "silence"]
    assert (len(silence), looks < 10) == (1, True)
    with tenant_scope(meetings.tenant):
        signal = Signal.objects.get(payload__rule="silence")
    assert signal.occurred_at == NOW + 14 * DAY


def test_fresh_interactions_are_looked_at_soon_but_together(house: House) -> None:
    """D4: at once the first time, then not more often than every few minutes."""
    meetings = Meetings(house)
    meetings.keep(met("m1"))
    assert _review(meetings).scan_at == NOW
    scan_due(now=NOW)
    meetings.keep(met("m2"), now=NOW + timedelta(seconds=9))
    assert _review(meetings).scan_at == NOW + timedelta(minutes=5)


def test_only_what_is_due_is_looked_at(make_house: Callable[..., House]) -> None:
    """P8: a tick with nothing due takes no account, however many there are."""
    meetings = Meetings(make_house(), accounts=3)
    for number in range(3):
        meetings.keep(met(text="Hi", emails=[]), account=number)
    scan_due(now=NOW)
    with tenant_scope(meetings.tenant):
        assert reviews.take(reviews.SCAN, most=9, now=NOW + EVERY / 2) == []
        with CaptureQueriesContext(connection) as seen:
            assert reviews.take(reviews.SCAN, most=9, now=NOW) == []
    assert len(seen) == 1


def test_no_account_is_told_what_another_wrote(house: House) -> None:
    """T1, D4: each account by its own interactions."""
    meetings = Meetings(house, accounts=2)
    meetings.keep(met("m1", **LEAVING), account=0)
    meetings.keep(met("m2", text="Hi"), account=1)
    scan_due(now=NOW)
    with tenant_scope(meetings.tenant):
        (signal,) = Signal.objects.filter(type="pattern_detected")
    assert signal.account_id == meetings.accounts[0].id


def test_the_same_risk_at_three_accounts_is_said_once(
    make_house: Callable[..., House],
) -> None:
    """D4: naming the accounts by id; two accounts, or three of two tenants, are not it."""
    meetings, others = Meetings(make_house(), accounts=4), Meetings(make_house())
    others.keep(met("m1", **LEAVING))
    for number in range(2):
        meetings.keep(met("m1", **LEAVING), account=number)
    scan_due(now=NOW)
    assert {each["pattern"] for each in _patterns(meetings)} == {"risk_indicator"}
    for number in (2, 3):
        meetings.keep(met("m1", **LEAVING), account=number)
        scan_due(now=NOW + timedelta(minutes=number))
    (across,) = [
        each
        for each in _patterns(meetings)
        if each["pattern"] == "cross_account_pattern"
    ]
    assert across["rule"] == "across.leaving"
    assert across["accounts"] == sorted(str(each.id) for each in meetings.accounts[:3])
    assert len(across["evidence"]) == 3
    assert len(_patterns(others)) == 1


def test_a_closed_account_is_left_alone(house: House) -> None:
    """P5."""
    meetings = Meetings(house)
    meetings.keep(met("m1", **LEAVING))
    account = meetings.accounts[0]
    with tenant_scope(meetings.tenant):
        type(account).objects.filter(pk=account.pk).update(closed_at=NOW)
    scan_due(now=NOW)
    assert _patterns(meetings) == []
    assert _review(meetings).scan_at is None


def test_many_that_look_at_once_find_it_once(house: House) -> None:
    """S: whoever takes an account holds it; the others go past."""
    meetings = Meetings(house, accounts=2)
    for number in range(2):
        meetings.keep(met("m1", **LEAVING), account=number)
    in_threads(4, lambda _: scan_due(now=NOW))
    assert len(_patterns(meetings)) == 2
