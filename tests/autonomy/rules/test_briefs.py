"""X2: what a brief says, by tables; what holds for every brief, by properties."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from autonomy.rules import briefs
from autonomy.rules.brief_changes import state_of
from autonomy.rules.brief_events import SIGNALS
from autonomy.rules.brief_facts import (
    Before,
    Deal,
    Earlier,
    Facts,
    Heard,
    Known,
    Met,
    Someone,
    Waiting,
)
from autonomy.rules.snapshots import names_of
from perception.rules.signals import REGISTRY

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = names_of([("Ada Lovelace", "ada@acme.example")])


def facts(**more: Any) -> Facts:
    given: dict[str, Any] = {
        "at": NOW,
        "action_type": "create_briefing",
        "lifecycle": "PROSPECT",
        "tier": "COLD",
        "score": 0.1,
        "owned": True,
        "names": NAMES,
    }
    return Facts(**{**given, **more})


def heard(type_: str, days: float = 1, id_: str = "s1", **said: Any) -> Heard:
    return Heard(id=id_, at=NOW - days * DAY, type=type_, said=said)


def met(days: float, way: str = "in", id_: str = "", **more: Any) -> Met:
    plain: dict[str, Any] = {"channel": "email", "people": ("c1",)}
    plain |= more
    return Met(id=id_ or f"i{days}", at=NOW - days * DAY, direction=way, **plain)


def texts(section: str, held: Facts) -> list[str]:
    made = briefs.compose(held)["lines"]
    return [each["text"] for each in made if each["section"] == section]


def rules(held: Facts) -> set[str]:
    made = briefs.compose(held)["lines"]
    return {each["rule"] for each in made if each["section"] == "questions"}


def deal(stage: str = "discovery", days: int | None = None) -> Deal:
    renewal = None if days is None else NOW.date() + days * DAY
    return Deal(id="d1", name="opp-1", stage=stage, amount="1200.50", renewal=renewal)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (heard("product_usage_anomaly", metric="weekly_users", direction="down", change=-0.4), "Usage: weekly users fell by 40 %."),
        (heard("product_usage_anomaly", change=0.155), "Usage grew by 15.5 %."),
        (heard("product_usage_anomaly", change=1e300, metric="m"), "Usage: m grew."),
        (heard("renewal_window_entered", window=30, renewal_date="2026-12-15"), "The renewal on 2026-12-15 is within 30 days."),
        (heard("ticket_escalated", ticket="T-17", severity="high", subject="Export fails"), "A support ticket T-17 was escalated, severity high: “Export fails”"),
        (heard("crm_update", field="stage", **{"from": "discovery", "to": "closed_won"}), "In the CRM stage changed from discovery to closed won."),
        (heard("lifecycle_change", **{"from": "PROSPECT", "to": "CUSTOMER"}), "The phase of the account changed from prospect to customer."),
        (heard("posture_change", to="AT_RISK", reason="Ada Lovelace left."), "How they stand towards us changed to at risk: “[contact] left.”"),
        (heard("pattern_detected", rule="freeze", severity="high"), "They spoke of a freeze or a delay, severity high."),
        (heard("pattern_detected", rule="<b>new</b>"), "A pattern shows: “<b>new</b>”"),
        (heard("hiring", role="Buyer", count=2), "They look for 2 people: “Buyer”"),
        (heard("reply_received", text="Ask bob@else.example\n- Waits for nobody"), "They answered: “Ask [address] - Waits for nobody”"),
        (heard("reply_received"), "They answered."),
        (heard("never heard of"), "A signal of another kind came: never heard of."),
        (met(1, subject="Re: Hi", text="Say “yes”."), "They wrote: “Re: Hi”: “Say 'yes'.”"),
        (met(1, "out"), "We wrote."),
        (met(1, "both", channel="meeting", text="Fine."), "There was a meeting: “Fine.”"),
        (met(1, "in", channel="fax"), "There was contact."),
    ],
)  # fmt: skip
def test_what_happened_is_told_in_plain_words(event: Met | Heard, says: str) -> None:
    """Words from outside are quoted, masked, and on one line."""
    kind = "heard" if isinstance(event, Heard) else "met"
    assert texts("lately", facts(**{kind: [event]})) == [f"19 Nov: {says}"]


def test_every_registered_signal_has_words() -> None:
    silent = {key for key, each in REGISTRY.items() if not each.stirs}
    assert set(SIGNALS) == set(REGISTRY) - silent
    for key, each in REGISTRY.items():
        if key not in silent:
            said = texts("lately", facts(heard=[heard(key, **each.example)]))
            assert len(said) == 1, key
            assert "another kind" not in said[0], key


def test_what_is_alike_stands_together_the_newest_first() -> None:
    held = facts(
        met=[met(2, text="Old."), met(3), met(0.1, "out"), met(20), met(40)],
        heard=[heard("news", 5, title="They grow"), heard("news", 31, "s2")],
        before=[
            Before(
                id="m1",
                span="month",
                starts=date(2026, 8, 1),
                facts={"interactions": 3, "days": 2, "signals": {"news": 1}},
            )
        ],
    )
    assert texts("lately", held) == [
        "20 Nov: We wrote.",
        "17 Nov to 18 Nov: They wrote 2 mails, the newest: “Old.”",
        "15 Nov: There is news of them: “They grow”",
        "31 Oct: They wrote.",
        "The month from 1 Aug: 3 interactions and 1 signal, on 2 days.",
    ]


@pytest.mark.parametrize(
    ("more", "asked", "not_asked"),
    [
        ({"deals": [deal(days=25)]}, {"renewal_near", "renewal_without_meeting", "stakeholder_gap"}, {"no_deal"}),
        ({"deals": [deal(days=25)], "met": [met(3, "both", channel="meeting", people=("c1", "x-2"))]}, {"renewal_near"}, {"renewal_without_meeting", "stakeholder_gap"}),
        ({"deals": [deal(days=61)]}, set(), {"renewal_near"}),
        ({"deals": [deal("closed_lost", days=25)]}, set(), {"renewal_near", "stakeholder_gap"}),
        ({"heard": [heard("product_usage_anomaly", change=-0.2)]}, {"usage_fell"}, {"usage_grew"}),
        ({"heard": [heard("product_usage_anomaly", direction="up")]}, {"usage_grew"}, {"usage_fell"}),
        ({"heard": [heard("product_usage_anomaly", 40, change=-0.2)]}, set(), {"usage_fell"}),
        ({"heard": [heard("ticket_escalated", severity="HIGH")]}, {"ticket_open"}, set()),
        ({"heard": [heard("ticket_escalated", severity="low")]}, set(), {"ticket_open"}),
        ({"heard": [heard("pattern_detected", rule="leaving")]}, {"pattern_leaving"}, {"pattern_freeze"}),
        ({"met": [met(2)]}, {"unanswered"}, set()),
        ({"met": [met(2), met(1.5, "out")]}, set(), {"unanswered"}),
        ({"met": [met(0.5)]}, set(), {"unanswered"}),
        ({"deals": [deal("negotiation")]}, {"late_stage"}, set()),
        ({"lifecycle": "CUSTOMER", "deals": [deal("closed_won")]}, {"no_renewal_date"}, set()),
        ({"owned": False}, {"no_owner", "no_deal", "no_contact"}, set()),
    ],
)  # fmt: skip
def test_which_questions_are_asked(
    more: dict[str, Any], asked: set[str], not_asked: set[str]
) -> None:
    found = rules(facts(**more))
    assert asked <= found
    assert not (not_asked & found)


def test_people_are_named_by_id_alone() -> None:
    held = facts(
        people=[Someone(id="c1", opted_out=True), Someone(id="c2")],
        met=[met(1), met(2), met(3, people=("x-1", "erased")), met(4, "out")],
    )
    assert texts("people", held) == [
        "[contact] took part 2 times in 60 days; wants no messages.",
        "1 person more took part who are no contacts here.",
        "1 contact not heard of in 60 days.",
    ]


def test_what_is_open_and_what_changed() -> None:
    earlier = Earlier(
        id="e1",
        at=NOW - 4 * DAY,
        state={
            "tier": "WARM",
            "lifecycle": "PROSPECT",
            "people": 0,
            "deals": {"d1": ["discovery", "1200.50", None]},
        },
    )
    held = facts(
        deals=[deal("closed_won", days=10), Deal(id="d2", name="o2", stage="stalled")],
        waiting=[
            Waiting(
                intent="t1",
                action_type="send_email",
                status="AWAITING_APPROVAL",
                since=NOW - 2 * DAY,
                approval="a1",
                role="APPROVER",
                until=NOW + DAY,
            ),
            Waiting(
                intent="t2", action_type="draft_email", status="IN_DOUBT", since=NOW
            ),
        ],
        met=[met(1), met(9)],
        earlier=earlier,
    )
    assert texts("open", held) == [
        "“send email” waits for an approver since 18 Nov, until 21 Nov.",
        "“draft email” is in doubt: nobody knows whether it was done, since 20 Nov.",
    ]
    assert texts("changed", held) == [
        "Heat: warm before, cold now.",
        "Deal o2 is new.",
        "Deal opp-1: stage discovery before, closed won now; renewal none before, "
        "2026-11-30 now.",
        "Since 16 Nov: 1 interaction, 0 signals.",
    ]
    same = Earlier(id="e1", at=NOW - DAY, state=state_of(facts()))
    assert texts("changed", facts(earlier=same)) == [
        "Nothing changed since the brief of 19 Nov."
    ]


def test_an_account_of_which_nothing_is_known_gets_a_short_useful_brief() -> None:
    made = briefs.compose(facts(owned=False))
    assert made["title"] == "How the account stands"
    assert len(made["lines"]) < 12
    assert "Whom do we know there? No contact is kept." in made["text"]
    assert "This is the first brief of this account." in made["text"]


def test_what_was_asked_for_has_room_first() -> None:
    """`focus` and the kind of brief choose among what is there; time keeps its order."""
    known = [Known(name=f"field{n}", value="x") for n in range(12)]
    usage = heard("product_usage_anomaly", 20, "s9", change=-0.2)
    kinds = ("email", "chat", "meeting", "crm", "fax")
    ways = ("in", "out", "both")
    many = [
        met(days, way, f"{kind}{way}{days}", channel=kind)
        for kind in kinds
        for way in ways
        for days in (0.5, 3)
    ]
    rows = {"known": known, "met": many, "heard": [usage], "deals": [deal(days=10)]}
    plain = facts(**rows)
    asked = facts(**rows, title="For Ada Lovelace", focus="Is their usage any better?")
    said = texts("lately", asked)
    assert "Usage" not in str(texts("lately", plain))
    assert "Usage" in said[-1]
    assert said[:-1] == texts("lately", plain)[: len(said) - 1]
    assert texts("questions", asked)[0].startswith("What changed")
    made = briefs.compose(asked)
    assert made["title"] == "For [contact]"
    assert "Asked for: “Is their usage any better?”" in made["text"]
    renewal = facts(action_type="prep_renewal_brief", deals=[deal(days=10)])
    assert briefs.compose(renewal)["title"] == "Before the renewal"
