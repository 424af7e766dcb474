"""executions/…/replay/, replays/ and the command: who may, and what they say (X5)."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from autonomy.models import Execution, Intent, Replay
from autonomy.perform import perform
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.commands import Run, refused, runner
from tests.autonomy.conftest import Desk
from tests.autonomy.replays import doubted, failed, row_of
from tests.autonomy.tools.peer import Integrator, approved, bound, integrator
from tests.races import in_threads

WHY = {"reason": "It is back."}


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


def act_of(desk: Desk, intent: UUID) -> UUID:
    with tenant_scope(desk.tenant):
        act: UUID = Execution.objects.filter(intent_id=intent).latest("id").id
    return act


def sent(
    desk: Desk, act: UUID, body: Any = WHY, role: Role = Role.ADMIN, **more: str
) -> Any:
    client = desk.house.client(role)
    return client.send("POST", f"executions/{act}/replay/", body, **more)


def replays(desk: Desk) -> int:
    with tenant_scope(desk.tenant):
        return Replay.objects.count()


def test_dry_then_for_good(desk: Desk, peer: Integrator) -> None:
    """X5: dry unless committed; both can be read afterwards."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    act = act_of(desk, intent)
    answer = sent(desk, act)
    assert answer.status_code == 201, answer.content
    dry = answer.json()
    assert (dry["commit"], dry["status"], dry["execution"]) == (
        False,
        "COMPLETED",
        None,
    )
    assert (dry["intent"], dry["reason"]) == (str(intent), "It is back.")
    assert dry["by"] == str(desk.house.members[Role.ADMIN].id)
    assert dry["result"]["may_commit"]["allowed"] is True
    request = dry["result"]["would"]["request"]
    assert request["parameters"] == row_of(desk, intent).parameters
    assert row_of(desk, intent).status == "FAILED"
    made = sent(desk, act, {**WHY, "commit": True}).json()
    assert (made["commit"], made["status"]) == (True, "REQUESTED")
    assert row_of(desk, intent).status == "APPROVED"
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    auditor = desk.house.client(Role.AUDITOR)
    shown = auditor.send("GET", f"replays/{made['id']}/").json()
    newest = act_of(desk, intent)
    assert (shown["status"], shown["execution"]) == ("COMPLETED", str(newest))
    listed = auditor.send("GET", f"replays/?intent={intent}").json()["results"]
    assert [each["id"] for each in listed] == [made["id"], dry["id"]]
    only = auditor.send("GET", "replays/?commit=true&status=COMPLETED").json()
    assert [each["id"] for each in only["results"]] == [made["id"]]
    acted = auditor.send("GET", f"executions/?intent={intent}").json()["results"]
    assert [each["replay"] for each in acted] == [made["id"], None]


def test_each_execution_explains_itself(desk: Desk, peer: Integrator) -> None:
    """L7: of two executions each says what led to it."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    first = act_of(desk, intent)
    sent(desk, first, {**WHY, "commit": True})
    perform(intent, tenant=desk.tenant)
    second = act_of(desk, intent)
    auditor = desk.house.client(Role.AUDITOR)
    ends = []
    for act in (first, second):
        said = auditor.send("GET", f"executions/{act}/explanation/").json()
        assert said["execution"] == str(act)
        ends.append(said["outcome"]["kind"])
    assert ends == ["execution.failed", "execution.succeeded"]


def test_refusals_have_codes(desk: Desk, peer: Integrator) -> None:
    """X5: 409 with a code and words; nothing is written."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    done = approved(desk)
    perform(done, tenant=desk.tenant)
    cases = {
        "ALREADY_DONE": done,
        "MAY_BE_DONE": doubted(desk, peer, alone=False),
    }
    for code, intent in cases.items():
        answer = sent(desk, act_of(desk, intent), {**WHY, "commit": True})
        assert answer.status_code == 409
        assert answer.json()["code"] == code
        assert answer.json()["detail"].endswith(".")
    again = failed(desk, peer, alone=False)
    act = act_of(desk, again)
    assert sent(desk, act, {**WHY, "commit": True}).status_code == 201
    answer = sent(desk, act, {**WHY, "commit": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "REPLAY_OPEN")
    assert replays(desk) == 1


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": "x" * 301}, {**WHY, "x": 1}]
)
def test_a_reason_is_required(desk: Desk, peer: Integrator, body: Any) -> None:
    bound(desk, peer.url)
    act = act_of(desk, failed(desk, peer))
    assert sent(desk, act, body).status_code == 400
    assert replays(desk) == 0


def test_who_may(desk: Desk, peer: Integrator, make_desk: Callable[..., Desk]) -> None:
    """X5: admins ask, admins and auditors read; elsewhere there is nothing."""
    bound(desk, peer.url)
    act = act_of(desk, failed(desk, peer))
    for role in set(Role) - {Role.ADMIN}:
        assert sent(desk, act, role=role).status_code == 403
    assert replays(desk) == 0
    made = sent(desk, act).json()["id"]
    for role in Role:
        reads = 200 if role in (Role.ADMIN, Role.AUDITOR) else 403
        for path in ("replays/", f"replays/{made}/"):
            assert desk.house.client(role).send("GET", path).status_code == reads
    theirs = make_desk()
    stranger = theirs.house.client(Role.ADMIN)
    assert sent(theirs, act).status_code == 404
    assert sent(desk, uuid4()).status_code == 404
    assert stranger.send("GET", f"replays/{made}/").status_code == 404
    assert stranger.send("GET", "replays/").json()["results"] == []
    assert replays(desk) == 1


def test_a_repeated_request_is_one(desk: Desk, peer: Integrator) -> None:
    """API: the same key and body repeat the answer, however many at once."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    act, body = act_of(desk, intent), {**WHY, "commit": True}
    first = sent(desk, act, body, idempotency_key="once")
    assert first.status_code == 201
    assert sent(desk, act, body, idempotency_key="once").json() == first.json()
    said = in_threads(20, lambda _: sent(desk, act, body).status_code)
    assert set(said) == {409}
    assert replays(desk) == 1


def test_the_command(desk: Desk, peer: Integrator, run: Run) -> None:
    """CONTRACT: replay --intent ID --reason R [--commit]; the tenant is found."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    words = ("replay", "--intent", str(intent), "--reason", "It is back.")
    said = run(*words)
    assert said.startswith("dry, COMPLETED")
    assert f"under the key of the first time: {intent}" in said
    assert said.endswith("--commit: may go on")
    assert row_of(desk, intent).status == "FAILED"
    made = json.loads(run(*words, "--commit", "--json"))
    assert (made["tenant"], made["status"]) == (str(desk.tenant), "REQUESTED")
    assert "is on its way" in refused(*words, "--commit")
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        asked = Entry.objects.filter(kind="replay.requested").order_by("number")
        assert [each.actor["id"] for each in asked] == ["operator"] * 2
        assert Replay.objects.get(pk=made["id"]).status == "COMPLETED"
        assert Intent.objects.get(pk=intent).status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--intent", str(uuid4()), "--reason", "x"), "There is no intent"),
        (("--intent", "{intent}", "--reason", " "), "Say why"),
        (("--intent", "{intent}", "--reason", "x" * 301), "300"),
        (("--intent", "{intent}"), "--reason"),
        (("--intent", "1", "--reason", "x"), "'1' is not an id"),
        (("--intent", "{intent}", "--reason", "x", "--commit"), "has not ended"),
    ],
)
def test_the_command_refuses_in_a_line(
    desk: Desk, words: tuple[str, ...], said: str
) -> None:
    intent = desk.propose().id
    assert said in refused("replay", *(word.format(intent=intent) for word in words))
    assert replays(desk) == 0
