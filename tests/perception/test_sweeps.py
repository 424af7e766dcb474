"""O2: what is wrong with one account keeps no other from being looked through."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from ledger.scope import tenant_scope
from perception import patterns, reviews, summaries
from perception.models import Review
from tests.conftest import NOW, House
from tests.perception.test_interactions import Meetings, met

HOUR = timedelta(hours=1)


def standing(meetings: Meetings, field: str) -> list[Any]:
    with tenant_scope(meetings.tenant):
        found = dict(Review.objects.values_list("account_id", field))
    return [found[account.id] for account in meetings.accounts]


def test_one_account_that_breaks_is_put_off_and_the_others_are_served(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2, D4: patterns and summaries; in the database too, whose transaction is gone."""
    meetings = Meetings(house, accounts=3)
    for number in range(3):
        meetings.keep(
            met(f"m{number}", text="Our champion is leaving."), account=number
        )
    first, *others = (account.id for account in meetings.accounts)
    looked, told = patterns._met, summaries._tell

    def breaks(account: UUID, now: Any) -> Any:
        if account == first:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return looked(account, now)

    def breaks_too(account: UUID, now: Any) -> int:
        if account == first:
            raise ValueError
        return told(account, now)

    monkeypatch.setattr(patterns, "_met", breaks)
    served = patterns.scan_all(now=NOW)
    assert served.broken >= 1
    assert standing(meetings, "scanned_at") == [None, *[NOW for _ in others]]
    assert standing(meetings, "scan_at")[0] == NOW + reviews.AFTER_A_FAULT
    monkeypatch.setattr(summaries, "_tell", breaks_too)
    with tenant_scope(meetings.tenant):
        Review.objects.update(summary_at=NOW)
    summaries.summarise_due(now=NOW)
    assert standing(meetings, "summarised_at") == [None, *[NOW for _ in others]]
    monkeypatch.undo()
    patterns.scan_due(now=NOW + HOUR)
    assert standing(meetings, "scanned_at")[0] == NOW + HOUR
    assert reviews.looked(reviews.SCAN, since=NOW, job="count a sweep") >= 1
