"""P1: the log of deliveries, and those that were refused, taken again."""

from typing import Any

from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Delivery
from perception.rules.roles import Role
from tests.conftest import NOW, House
from tests.perception.test_webhooks import Sender, item


def _log(sender: Sender, role: Role = Role.ADMIN) -> Any:
    path = f"connectors/{sender.connector.id}/deliveries/"
    return sender.house.client(role).send("GET", path)


def _again(sender: Sender, delivery: Any, role: Role = Role.ADMIN) -> Any:
    path = f"connectors/{sender.connector.id}/deliveries/{delivery['id']}/redeliver/"
    return sender.house.client(role).send("POST", path)


def _add(house: House, external_id: str) -> None:
    with tenant_scope(house.tenant):
        given = {"external_id": external_id, "name": external_id}
        add_account(given, by=house.caller(Role.ADMIN), now=NOW)


def test_what_was_refused_is_kept_and_can_be_taken_again(house: House) -> None:
    sender = Sender(house)
    assert sender.send(item(account="later"), message="m1").status_code == 400
    assert sender.kept() == []
    [refused] = _log(sender).json()["results"]
    assert (refused["status"], refused["message"]) == ("REFUSED", "m1")
    assert "later" in refused["error"]

    assert _again(sender, refused).status_code == 400
    _add(house, "later")
    answer = _again(sender, refused)
    assert (answer.status_code, answer.json()["duplicate"]) == (200, False)
    [signal] = sender.kept()
    assert str(signal.id) == answer.json()["id"]

    [accepted] = _log(sender).json()["results"]
    assert (accepted["status"], accepted["error"]) == ("ACCEPTED", "")
    with tenant_scope(house.tenant):
        assert Delivery.objects.get().body is None
    assert _again(sender, refused).json()["code"] == "NOTHING_TO_REDELIVER"
    assert len(sender.kept()) == 1


def test_a_sender_may_repeat_what_was_refused(house: House) -> None:
    """The same message succeeds once its fault is mended, then repeats its answer."""
    sender = Sender(house)
    assert sender.send(item(account="later"), message="m1").status_code == 400
    _add(house, "later")
    first = sender.send(item(account="later"), message="m1")
    again = sender.send(item(account="later"), message="m1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["duplicate"] is False
    assert again.json() == first.json() | {"duplicate": True}
    assert len(sender.kept()) == 1


def test_only_admins_redeliver_and_only_their_own(house: House, other: House) -> None:
    sender = Sender(house)
    sender.send(item(account="later"), message="m1")
    [refused] = _log(sender).json()["results"]
    assert _log(sender, Role.AUDITOR).status_code == 200
    assert _again(sender, refused, Role.AUDITOR).status_code == 403
    path = f"connectors/{sender.connector.id}/deliveries/"
    stranger = other.client(Role.ADMIN)
    assert stranger.send("GET", path).status_code == 404
    assert stranger.send("POST", f"{path}{refused['id']}/redeliver/").status_code == 404
    assert sender.kept() == []
