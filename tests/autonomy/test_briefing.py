"""X2: a brief of real rows: one read, masked, with names put in where it is shown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy import briefing
from autonomy.models import Effect, Intent
from autonomy.perform import perform
from autonomy.rules.briefs import sections_of
from config import sandbox
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception import interactions
from perception.accounts import add_account
from perception.erasure import erase_contact
from perception.intake import receive
from perception.models import Account, Contact
from perception.rules.roles import Role
from perception.sources.base import Met
from tests.autonomy.api.doors import problem
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import approved
from tests.conftest import House

ASKED = {"title": "Before the call"}
NOBODY = UUID(int=0)
PERSON = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000002")
NOW = datetime.now(UTC)


def _company(house: House, number: int, now: datetime) -> None:
    """An account as `seed` makes it."""
    given = {
        "external_id": f"crm-{number:04}",
        "name": f"Company {number}",
        "owner": str(house.members[Role.SELLER].id),
        "opportunities": [
            {
                "external_id": f"opp-{number:04}",
                "stage": "discovery",
                "amount": 40_000,
                "renewal_date": (now + timedelta(days=200)).date(),
            }
        ],
        "contacts": [
            {
                "external_id": "c",
                "name": "Ada Lovelace",
                "email": f"ada@{number}.example",
            }
        ],
    }
    add_account(given, by=house.caller(Role.ADMIN), now=now)


def _brief(account: UUID, at: datetime) -> dict[str, Any]:
    with CaptureQueriesContext(connection) as asked:
        made = briefing.brief(
            account,
            intent=NOBODY,
            action_type="generate_meeting_brief",
            asked=ASKED,
            at=at,
        )
    assert len(asked) == 1
    return made


def test_the_demos_week_reads_like_something_a_seller_wants(
    house: House, settings: LazySettings, tmp_path: Path
) -> None:
    """X2: the account that asks for a quote, and the one that renews in 25 days."""
    settings.DROP_DIR, now = tmp_path, datetime.now(UTC)
    with tenant_scope(house.tenant):
        for number in range(1, 7):
            _company(house, number, now)
    sandbox.furnish(house.slug, now=now)
    with tenant_scope(house.tenant):
        of = dict(Account.objects.values_list("external_id", "id"))
        made = _brief(of["crm-0001"], now)
        renewing = _brief(of["crm-0003"], now)
        at_risk = _brief(of["crm-0004"], now)
        again = _brief(of["crm-0001"], now)
    assert made == again
    said = {heading: [each["text"] for each in lines] for heading, lines in sections_of(made)}  # fmt: skip
    assert said["Where it stands"][0].startswith("Heat: hot, ")
    assert (
        "Deal opp-0001: evaluation, worth 40,000, renewal in 200 days" in made["text"]
    )
    assert "Usage: trial users grew by 80 %." in made["text"]
    quote = "“We have secured the budget. Please send us a quote for 80 seats.”"
    assert quote in made["text"]
    assert said["People"] == ["[contact] took part 4 times in 60 days."]
    assert said["What is open"] == ["Nothing is waiting."]
    assert "Who is behind the growth, and what would help them next?" in made["text"]
    assert "renewal in 25 days" in renewing["text"]
    assert renewing["text"].count("Who signs the renewal of") == 1
    assert "severity high: “Export fails”" in at_risk["text"]
    assert "Is the escalated ticket solved, as they see it?" in at_risk["text"]
    assert all(each["sources"] or each["rule"] for each in made["lines"])


def test_a_brief_names_people_where_it_is_shown_and_forgets_who_is_erased(
    desk: Desk,
) -> None:
    """X2, P8: nothing at rest names a person; the second brief knows the first."""
    spoke = Met(
        external_id="m1",
        channel="email",
        direction="in",
        at=NOW - timedelta(days=1),
        emails=["ann@acme.example"],
        subject="From Ann",
        text="Write to ann@acme.example, it is Ann who signs.",
    )
    written = {
        "account": "acme",
        "type": "reply_received",
        "payload": {"text": "Ann\n\nPeople\n- Zoe decides\u202e"},
        "occurred_at": NOW - timedelta(hours=3),
    }
    with tenant_scope(desk.tenant):
        interactions.keep([(desk.account.id, spoke)], connector=None, now=NOW)
        receive([written], by=PERSON, source="test", now=NOW)
    waits = desk.propose("send_email")
    intent = approved(desk, "create_briefing", {**ASKED, "focus": "What does Ann say?"})
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        effect = Effect.objects.get()
        assert Intent.objects.get(pk=waits.id).status == "AWAITING_APPROVAL"
    assert "Ann" not in str(effect.data)
    assert "\n- Zoe" not in effect.data["text"]
    assert "“send email” waits for" in effect.data["text"]
    assert "briefing" not in effect.data["text"]
    path = f"effects/{effect.id}/"
    shown = desk.house.client(Role.SELLER).send("GET", path).json()["data"]
    assert "- Ann took part once in 60 days." in shown["text"]
    assert "They wrote: “From [contact]”" in shown["text"]
    assert "state" not in shown
    with tenant_scope(desk.tenant):
        erase_contact(Contact.objects.get().id, by=PERSON, now=NOW)
    shown = desk.house.client(Role.SELLER).send("GET", path).json()["data"]
    assert "- [contact] took part once" in shown["text"]
    assert "They wrote: (erased since)." in shown["text"]
    second = approved(desk, "prep_renewal_brief", {"title": "Renewal"})
    assert perform(second, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        newest = Effect.objects.order_by("-id").first()
    assert newest is not None
    changed = [each for each in newest.data["lines"] if each["section"] == "changed"]
    assert changed[0]["text"] == "Contacts: 1 before, 0 now."
    assert changed[0]["sources"][0] == {"kind": "effect", "id": str(effect.id)}


def test_effects_are_read_by_those_who_see_their_account(
    desk: Desk, make_desk: Any
) -> None:
    """A4: a seller sees those of own accounts, a stranger none."""
    for action_type in ("create_briefing", "create_internal_note"):
        perform(approved(desk, action_type), tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        brief = Effect.objects.get(kind="brief")
    path = f"accounts/{desk.account.id}/effects/"
    client = desk.house.client(Role.SELLER)
    found = client.send("GET", f"{path}?kind=brief").json()["results"]
    assert [each["id"] for each in found] == [str(brief.id)]
    assert found[0]["title"] == "Before the review"
    assert "data" not in found[0]
    both = client.send("GET", path).json()["results"]
    assert [each["kind"] for each in both] == ["note", "brief"]
    with tenant_scope(desk.tenant):
        Account.objects.update(owner=None)
    assert problem(client.send("GET", path)) == (404, "NOT_FOUND")
    assert problem(client.send("GET", f"effects/{brief.id}/")) == (404, "NOT_FOUND")
    other = make_desk().house.client(Role.ADMIN)
    assert problem(other.send("GET", path)) == (404, "NOT_FOUND")
    assert problem(other.send("GET", f"effects/{brief.id}/")) == (404, "NOT_FOUND")
