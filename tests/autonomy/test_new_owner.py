"""R7, H1: what waits for a person belongs to whoever owns the account now."""

from datetime import UTC, datetime
from typing import Any

import pytest

from autonomy import decisions
from autonomy.models import Approval, Permit
from ledger.scope import tenant_scope
from perception import tenants, tokens
from perception.accounts import change_account
from perception.models import Membership
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW, Api

ROUTINE = "send_follow_up_email"


class Hands:
    """An account that goes from its seller to a second one, with a question open."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.second = self.seller("second")
        intent = desk.propose(ROUTINE)
        with tenant_scope(desk.tenant):
            self.asked = Approval.objects.get(intent=intent).id

    def seller(self, name: str) -> Membership:
        address = f"{name}@{self.desk.house.slug}.example"
        with tenant_scope(self.desk.tenant):
            return tenants.add_member(address, name, Role.SELLER, now=NOW)

    def goes_to_second(self) -> None:
        with tenant_scope(self.desk.tenant):
            given = {"owner": str(self.second.id)}
            change_account(self.desk.account, given, by=self.desk.admin, now=NOW)

    def delegated(self, to: Membership) -> None:
        with tenant_scope(self.desk.tenant):
            by = self.desk.house.caller(Role.APPROVER)
            decisions.delegate(self.asked, str(to.id), by=by)

    def as_second(self) -> Api:
        return self.as_member(self.second)

    def as_member(self, member: Membership) -> Api:
        with tenant_scope(self.desk.tenant):
            return Api(tokens.issue(member, days=30, now=datetime.now(UTC)))

    def as_first(self) -> Api:
        return self.desk.house.client(Role.SELLER)

    def status(self) -> str:
        with tenant_scope(self.desk.tenant):
            return str(Approval.objects.get(pk=self.asked).status)

    def sees(self, api: Api) -> bool:
        listed = api.send("GET", "approvals/").json()["results"]
        one = api.send("GET", f"approvals/{self.asked}/").status_code
        assert one == (200 if listed else 404)
        return bool(listed)

    def answers(self, api: Api, word: str, body: Any) -> int:
        path = f"approvals/{self.asked}/{word}/"
        return int(api.send("POST", path, body).status_code)


@pytest.fixture
def hands(desk: Desk) -> Hands:
    return Hands(desk)


def test_the_new_owner_sees_it_and_decides(hands: Hands) -> None:
    """The one before is told that there is no such question."""
    assert hands.sees(hands.as_first())
    hands.goes_to_second()
    assert not hands.sees(hands.as_first())
    assert hands.answers(hands.as_first(), "approve", {}) == 404
    assert hands.answers(hands.as_first(), "reject", {"cause": "idea"}) == 404
    assert hands.status() == "PENDING"
    with tenant_scope(hands.desk.tenant):
        assert Permit.objects.count() == 0
    assert hands.sees(hands.as_second())
    assert hands.answers(hands.as_second(), "approve", {}) == 200
    assert hands.status() == "APPROVED"


def test_before_it_goes_it_is_not_the_second_ones(hands: Hands) -> None:
    """T2."""
    assert not hands.sees(hands.as_second())
    assert hands.answers(hands.as_second(), "approve", {}) == 404
    assert hands.status() == "PENDING"


def test_what_was_handed_over_stays_with_whom_it_was_handed_to(hands: Hands) -> None:
    """H1: whoever owns the account may decide it as well; who owned it may not."""
    third = hands.seller("third")
    hands.delegated(third)
    hands.goes_to_second()
    assert hands.sees(hands.as_member(third))
    assert hands.sees(hands.as_second())
    assert not hands.sees(hands.as_first())
    assert hands.answers(hands.as_member(third), "approve", {}) == 200
    assert hands.status() == "APPROVED"


def test_what_was_handed_to_the_one_before_stays_theirs(hands: Hands) -> None:
    """H1: by name, whoever owns the account."""
    hands.delegated(hands.desk.house.members[Role.SELLER])
    hands.goes_to_second()
    assert hands.sees(hands.as_first())
    assert hands.answers(hands.as_first(), "approve", {}) == 200


def test_feeds_follow_the_account(hands: Hands) -> None:
    """F: what to do next is the new owner's."""
    hands.goes_to_second()

    def waits(api: Api) -> int:
        return len(api.send("GET", "feed/inbox/").json()["results"])

    assert (waits(hands.as_first()), waits(hands.as_second())) == (0, 1)
