"""P9, L9: interactions are kept once, with ids in place of people, who can be erased."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Entry
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.erasure import erase_contact
from perception.errors import NoSuchContact
from perception.interactions import hashed, keep
from perception.models import Contact, Interaction, Review, Summary
from perception.rules.interactions import LONGEST_TEXT, sentiment_of
from perception.rules.roles import Role
from perception.sources.base import Met
from tests.conftest import NOW, House

DAY = timedelta(days=1)


class Meetings:
    """A tenant with accounts and their people, and a way to tell who met."""

    def __init__(self, house: House, accounts: int = 1) -> None:
        self.tenant = house.tenant
        with tenant_scope(house.tenant):
            self.accounts = [
                add_account(
                    {
                        "external_id": f"crm-{number}",
                        "name": f"Account {number}",
                        "contacts": [
                            {
                                "external_id": "c1",
                                "name": "Ann Smith",
                                "email": f"Ann@acme{number}.example",
                            }
                        ],
                    },
                    by=house.caller(Role.ADMIN),
                    now=NOW,
                )
                for number in range(accounts)
            ]
            self.ann = Contact.objects.get(account=self.accounts[0])

    def keep(self, *met: Met, account: int = 0, now: Any = NOW) -> int:
        with tenant_scope(self.tenant):
            rows = [(self.accounts[account].id, each) for each in met]
            return keep(rows, connector=None, now=now)

    def kept(self) -> list[Interaction]:
        with tenant_scope(self.tenant):
            return list(Interaction.objects.order_by("at", "id"))


def met(name: str = "m1", **more: Any) -> Met:
    given = {
        "channel": "email",
        "direction": "in",
        "at": NOW - DAY,
        "emails": ["ann@acme0.example"],
        "subject": "Hello",
        "text": "We have to freeze spending. I am unhappy.",
    }
    return Met(external_id=name, **{**given, **more})


@pytest.fixture
def meetings(house: House) -> Meetings:
    return Meetings(house)


def test_an_interaction_is_kept_once(meetings: Meetings) -> None:
    """P9: by account and external id, in one page and over many."""
    assert meetings.keep(met(), met(), met("m2")) == 2
    assert meetings.keep(met(text="Another text."), met("m2")) == 0
    first = meetings.kept()[0]
    assert first.text == "We have to freeze spending. I am unhappy."
    assert (first.sentiment, first.said) == ("NEGATIVE", ["freeze"])


def test_people_are_ids_or_hashes(meetings: Meetings, house: House) -> None:
    """P9: no stranger's address is kept; who belongs to the house is nobody there."""
    ours = f"Seller@{house.slug}.example"
    emails = ["ANN@acme0.example", "stranger@x.example", ours, ""]
    meetings.keep(met(emails=emails))
    assert meetings.kept()[0].participants == sorted(
        [str(meetings.ann.id), hashed("Stranger@x.example")]
    )
    assert "stranger" not in str(vars(meetings.kept()[0]))


def test_what_outsiders_write_is_cut_and_cleaned(meetings: Meetings) -> None:
    """P9: hostile texts are kept as far as a database takes them."""
    hostile = "\0\ud800" + "x" * 100_000
    strange = [met("a" * 400), met("b\0"), met("c\ud800"), met("d", text=hostile)]
    assert meetings.keep(*strange, met("e", emails=["\0@x", "\ud800@y"])) == 5
    assert meetings.keep(*strange) == 0
    longest = max(meetings.kept(), key=lambda each: each.length)
    assert (len(longest.text), longest.length) == (LONGEST_TEXT - 1, 100_002)


def test_what_we_wrote_says_nothing_of_them(meetings: Meetings) -> None:
    """D4: neither mood nor words; nor is it a sign of life."""
    meetings.keep(met(direction="out"))
    row = meetings.kept()[0]
    assert (row.sentiment, row.said) == ("", [])
    with tenant_scope(meetings.tenant):
        assert Review.objects.get().engaged_at is None


def test_a_page_costs_the_same_however_long(make_house: Callable[..., House]) -> None:
    """P8: a few statements for one interaction or for hundreds."""
    meetings = Meetings(make_house(), accounts=2)
    counts = []
    for size in (1, 400):
        with tenant_scope(meetings.tenant), CaptureQueriesContext(connection) as seen:
            rows = [met(f"{size}-{number}") for number in range(size)]
            keep(
                [(meetings.accounts[0].id, each) for each in rows],
                connector=None,
                now=NOW,
            )
        counts.append(len(seen))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("", ""),
        ("See you on Tuesday.", "NEUTRAL"),
        ("Thanks, this is great!", "POSITIVE"),
        ("I am not happy.", "NEGATIVE"),
        ("I'm not disappointed.", "POSITIVE"),
        ("It is broken, and that is unacceptable. Thanks.", "NEGATIVE"),
        ("Thanks, but it is broken.", "NEUTRAL"),
    ],
)
def test_the_rule_of_mood(text: str, mood: str) -> None:
    """P3: words counted, turned round by a negation before them."""
    assert sentiment_of(text) == mood


def test_who_is_erased_goes_out_of_everything(meetings: Meetings) -> None:
    """L9: words of theirs, words about them, ids, and hashes from before they were known."""
    ann = meetings.ann
    meetings.keep(
        met("hers"),
        met("about", emails=[], text="I met ANN SMITH, ann@acme0.example, by chance."),
        met("other", emails=["x@y.example"], text="Planning this. Smithy."),
    )
    with tenant_scope(meetings.tenant):
        Interaction.objects.filter(external_id="about").update(
            participants=[hashed("b@c.example")]
        )
        Summary.objects.create(
            tenant_id=meetings.tenant,
            account_id=ann.account_id,
            span="week",
            starts=NOW.date(),
            text=f"With: {ann.id} 2.",
            facts={"people": {str(ann.id): 2}, "strangers": 1, "interactions": 2,
                   "days": 1, "channels": {}, "directions": {}, "sentiments": {},
                   "signals": {}, "moves": {}},
            made_at=NOW,
        )  # fmt: skip
        assert erase_contact(ann.id, by=SYSTEM, now=NOW) == 2
        about, hers, other = Interaction.objects.order_by("external_id")
        assert (hers.participants, hers.subject, hers.text) == (["erased"], "", "")
        assert about.text == "I met erased, erased, by chance."
        assert other.text == "Planning this. Smithy."
        summary = Summary.objects.get()
        assert str(ann.id) not in summary.text + str(summary.facts)
        assert summary.facts["strangers"] == 3
        row = Contact.objects.get(pk=ann.id)
        assert (row.name, row.email, row.erased_at) == ("erased", "", NOW)
        assert Entry.objects.filter(kind="contact.erased").count() == 1
        assert erase_contact(ann.id, by=SYSTEM, now=NOW) == 0
        assert Entry.objects.filter(kind="contact.erased").count() == 1
    # Read again from the source, it does not come back.
    assert meetings.keep(met("hers")) == 0


def test_names_in_texts_however_spaced_and_however_full(meetings: Meetings) -> None:
    """L9: what stands for a short name has room; who names nobody is not counted."""
    texts = {"across": "Seen Ann\nSmith.", "beside": "Joann Smith, Ann Smithson"}
    meetings.keep(*(met(id_, emails=[], text=said) for id_, said in texts.items()))
    with tenant_scope(meetings.tenant):
        assert erase_contact(meetings.ann.id, by=SYSTEM, now=NOW) == 1
        across, beside = Interaction.objects.order_by("external_id")
        assert (across.text, beside.text) == ("Seen erased.", texts["beside"])
        al = Contact.objects.create(
            tenant_id=meetings.tenant, account=meetings.accounts[0],
            external_id="al", name="Al", email="al@acme0.example",
        )  # fmt: skip
        meetings.keep(met("full", emails=[], subject="Al " * 100))
        assert erase_contact(al.id, by=SYSTEM, now=NOW) == 1
        full = Interaction.objects.get(external_id="full")
        assert full.subject == ("erased " * 100)[:300]


def test_without_name_and_address_nothing_speaks_of_somebody(
    meetings: Meetings,
) -> None:
    """L9: and nothing else is touched."""
    meetings.keep(met("other", emails=[], text=" "))
    with tenant_scope(meetings.tenant):
        nobody = Contact.objects.create(
            tenant_id=meetings.tenant, account=meetings.accounts[0],
            external_id="n", name="", email="",
        )  # fmt: skip
        assert erase_contact(nobody.id, by=SYSTEM, now=NOW) == 0
    assert meetings.kept()[0].subject == "Hello"


def test_a_stranger_who_became_a_contact_is_erased_too(meetings: Meetings) -> None:
    """L9."""
    meetings.keep(met("before", emails=["ben@acme0.example"]))
    with tenant_scope(meetings.tenant):
        ben = Contact.objects.create(
            tenant_id=meetings.tenant,
            account=meetings.accounts[0],
            external_id="c2",
            name="Ben",
            email="ben@acme0.example",
        )
        assert erase_contact(ben.id, by=SYSTEM, now=NOW) == 1
        assert Interaction.objects.get().participants == ["erased"]


def test_nobody_erases_another_tenants_people(
    meetings: Meetings, make_house: Callable[..., House]
) -> None:
    """T1: and nothing happened."""
    meetings.keep(met())
    other: UUID = make_house().tenant
    with tenant_scope(other):
        for contact in (meetings.ann.id, uuid4()):
            with pytest.raises(NoSuchContact):
                erase_contact(contact, by=SYSTEM, now=NOW)
        assert not Entry.objects.filter(kind="contact.erased").exists()
    assert meetings.kept()[0].text
