"""intents/: pages and filters of what was proposed."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.models import Intent
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import another_account, errors, problem
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

RUN = uuid4()


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Six intents: one a day, each different in what filters look at."""
    free = another_account(desk.house)
    made = [
        desk.propose(),
        desk.propose("draft_email"),
        desk.propose("commit_pricing"),
        desk.propose("send_email"),
        desk.propose(confidence=0.1),
        desk.propose(),
    ]
    with tenant_scope(desk.tenant):
        for days, intent in enumerate(made):
            at = NOW + timedelta(days=days)
            Intent.objects.filter(pk=intent.pk).update(created_at=at)
        Intent.objects.filter(pk=made[1].pk).update(run_id=RUN)
        Intent.objects.filter(pk=made[5].pk).update(account=free)
    return desk


def found(desk: Desk, query: str, role: Role = Role.AUDITOR) -> list[dict[str, Any]]:
    answer = desk.house.client(role).send("GET", f"intents/{query}")
    assert answer.status_code == 200, answer.content
    return list(answer.json()["results"])


def test_filters(filled: Desk) -> None:
    """D5: by account, status, run, type and time; together they narrow."""
    account, day = filled.account.id, timedelta(days=1)
    since, until = quote((NOW + day).isoformat()), quote((NOW + 3 * day).isoformat())
    for query, count in (
        ("", 6),
        (f"?account={account}", 5),
        (f"?account={uuid4()}", 0),
        ("?status=BLOCKED", 1),
        ("?status=APPROVED", 3),
        ("?status=AWAITING_APPROVAL", 2),
        (f"?run={RUN}", 1),
        ("?action_type=create_internal_note", 3),
        (f"?created_after={since}", 5),
        (f"?created_before={since}", 1),
        (f"?created_after={since}&created_before={until}", 2),
        (f"?account={account}&status=APPROVED&action_type=draft_email", 1),
        ("?status=APPROVED&action_type=send_email", 0),
    ):
        assert len(found(filled, query)) == count, query


def test_a_seller_finds_own_accounts_only(filled: Desk) -> None:
    """T2."""
    assert len(found(filled, "", Role.SELLER)) == 5
    assert len(found(filled, "?status=APPROVED", Role.SELLER)) == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?account=acme", "account"),
        ("?status=DONE", "status"),
        ("?run=1", "run"),
        ("?created_after=yesterday", "created_after"),
        ("?created_before=2026-13-01", "created_before"),
    ],
)
def test_filters_that_make_no_sense(desk: Desk, query: str, field: str) -> None:
    answer = desk.house.client(Role.AUDITOR).send("GET", f"intents/{query}")
    assert set(errors(answer)) == {field}


def test_pages_follow_each_other(filled: Desk) -> None:
    """Newest first, each once, stable while more are proposed."""
    client, seen = filled.house.client(Role.ADMIN), []
    with tenant_scope(filled.tenant):
        wanted = [
            str(id_)
            for id_ in Intent.objects.order_by("-id").values_list("id", flat=True)
        ]
    url = "/api/v1/intents/?limit=4"
    while url:
        page = client.get(url).json()
        assert set(page) == {"results", "next", "previous"}
        seen += [each["id"] for each in page["results"]]
        filled.propose()
        url = page["next"]
    assert seen == wanted
    assert problem(client.send("GET", "intents/?cursor=x")) == (404, "NOT_FOUND")
    assert len(client.send("GET", "intents/?limit=1000").json()["results"]) == 8


def test_the_newest_verdict_is_shown(desk: Desk) -> None:
    """L7: an intent that was judged again shows what was said last."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        held = intent.verdicts.get()
        intent.verdicts.create(
            tenant_id=desk.tenant,
            facts=held.facts,
            decision="REQUIRE_APPROVAL",
            reason="STAGE_GATED",
            policy_clause="stage.stage_gated",
            explanation="The deal moved on.",
            policy_version=held.policy_version,
            layers=held.layers,
            judged_at=NOW,
            is_first=False,
        )
    (shown,) = found(desk, "")
    assert shown["verdict"]["reason"] == "STAGE_GATED"


def test_a_page_of_one_costs_what_a_page_of_many_costs(desk: Desk) -> None:
    """No query for each row."""
    reader, counts = desk.house.client(Role.AUDITOR), []
    for number in range(20):
        desk.propose()
        if number in (0, 19):
            reader.send("GET", "intents/")
            with CaptureQueriesContext(connection) as seen:
                page = reader.send("GET", "intents/").json()["results"]
            assert len(page) == number + 1
            counts.append(len(seen))
    assert counts[0] == counts[1]
