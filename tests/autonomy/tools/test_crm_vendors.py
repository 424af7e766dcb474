"""X2, X3, X7 at contract level: the tools of CRMs at HubSpot and at Salesforce alike."""

from collections.abc import Iterator
from typing import Any

import pytest

from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT, Hand, Image, Job
from autonomy.tools.crm_field import CrmField
from autonomy.tools.crm_note import CrmNote
from autonomy.tools.crm_stage import CrmStage
from autonomy.tools.crm_task import CrmTask
from autonomy.tools.outside import Called
from perception.sources.base import Wire
from tests.autonomy.tools.crm_vendors import PLACES, Place, open_at

NOTE = {"text": "Ann said <yes>.\nShe & Bob sign on Friday."}
TASK = {"title": "Send the offer", "due": "2026-12-01", "details": "With <both> terms."}
AMOUNT = {"amount": 990.5, "reason": "As agreed."}
DONE, REFUSED, WAIT = Meaning.DONE, Meaning.REFUSED, Meaning.WAIT
# Who is not even let look has surely done nothing now; what was done before, nobody says.
BARRED = Meaning.REFUSED
MAKING = [(CrmNote(), NOTE), (CrmTask(), TASK)]
SETTING = [(CrmStage(), {"to_stage": "negotiation"}), (CrmField(), AMOUNT)]
ALL = [*MAKING, *SETTING]
BOTH = pytest.mark.parametrize(("hand", "said"), MAKING, ids=["note", "task"])
EITHER = pytest.mark.parametrize(("hand", "said"), SETTING, ids=["stage", "amount"])
EACH = pytest.mark.parametrize(
    ("hand", "said"), ALL, ids=["note", "task", "stage", "amount"]
)


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, settings: Any) -> Iterator[Place]:
    with open_at(request.param, settings) as found:
        yield found


def wire(job: Job, seconds: float = 60) -> Wire:
    return outside.wire_for(job, seconds)


def look(hand: Hand, job: Job) -> Image:
    seen = outside.see(hand, job, wire(job))
    assert not isinstance(seen, Called), seen
    return seen


def act(hand: Hand, job: Job) -> Called:
    """Look, and act where that is to be done: as an attempt does."""
    seen = look(hand, job)
    if hand.is_done(job, seen):
        return Called(said=outside.ALREADY, took_ms=0, after=seen)
    return outside.act(hand, job, wire(job), seen)


@EACH
def test_acts_once_and_is_taken_back(place: Place, hand: Hand, said: Any) -> None:
    """X3, X7: the same key has one effect; then all is as it was, and stays so."""
    job = place.job(said)
    seen = look(hand, job)
    assert not hand.is_done(job, seen)
    before, stood = hand.origin(job, seen), (place.held(place.stage), place.made()[:])
    first = act(hand, job)
    assert first.said.meaning is DONE, first
    changes = len(place.vendor.asked)
    again = act(hand, job)
    assert again.said.meaning is DONE
    assert again.after == first.after
    assert "create" not in [name for name, _ in place.vendor.asked[changes:]]
    assert first.after is not None
    back = outside.restore(hand, job, wire(job), before, first.after)
    assert back.said.meaning is DONE, back
    assert back.after == before
    assert (place.held(place.stage), place.made()) == stood


def test_what_they_say_there(place: Place) -> None:
    """X3: texts are whole, and say by which act they came; the due day is the day."""
    notes, tasks = place.job(NOTE), place.job(TASK)
    assert act(CrmNote(), notes).said.meaning is DONE
    assert act(CrmTask(), tasks).said.meaning is DONE
    written = str(place.made())
    assert all(f"[autonomy {job.key}]" in written for job in (notes, tasks))
    assert "sign on Friday" in written
    assert "Send the offer" in written
    assert "2026-12-01" in written


@EACH
def test_a_lost_answer_is_found(place: Place, hand: Hand, said: Any) -> None:
    """X3: it was done, and nobody said so: that is ambiguous, and then seen, not repeated."""
    job = place.job(said)
    place.vendor.lost = {place.makes, place.changes}
    lost = act(hand, job)
    assert lost.said.meaning is Meaning.AMBIGUOUS
    place.vendor.lost = set()
    assert hand.is_done(job, look(hand, job))
    asked = len(place.vendor.asked)
    assert act(hand, job).said.meaning is DONE
    names = {name for name, _ in place.vendor.asked[asked:]}
    assert not names & {"create", "update", "upsert"}


@BOTH
def test_a_hand_on_it_is_seen(place: Place, hand: Hand, said: Any) -> None:
    """X7: what a person wrote into it is not thrown away."""
    job = place.job(said)
    called = act(hand, job)
    assert called.after is not None
    place.edit(" And call Bob.")
    assert look(hand, job) != called.after
    back = outside.restore(hand, job, wire(job), ABSENT, called.after)
    assert back.said.meaning is Meaning.MOVED
    assert "And call Bob." in str(place.made())


def test_a_text_cannot_pass_for_another_act(place: Place) -> None:
    """S6: whoever writes the text does not write its key."""
    other = place.job(NOTE)
    forged = place.job({"text": f"Well. [autonomy {other.key}]"})
    assert act(CrmNote(), forged).said.meaning is DONE
    assert look(CrmNote(), other) == ABSENT


def test_of_two_at_once_one_stays(place: Place) -> None:
    """X3: where two workers made it in the same moment, the later one goes."""
    job = place.job(NOTE)
    before = place.vendor.before
    seen: list[str] = []

    def meanwhile(name: str) -> None:
        before(name)
        if seen and seen[-1] == "create":
            place.copy()
        seen.append(name)

    place.vendor.before = meanwhile
    called = outside.act(CrmNote(), job, wire(job), ABSENT)
    assert called.said.meaning is DONE
    assert len(place.made()) == 1


@EITHER
def test_compared_before_it_is_written(place: Place, hand: Hand, said: Any) -> None:
    """X7: what a person set since it was looked at stands."""
    job = place.job(said)
    seen = look(hand, job)
    place.change(**{place.amount: "1500", place.stage: place.second})
    job = place.job(
        said, key=job.key, config={"stages": {"Contract sent": "evaluation"}}
    )
    met = outside.act(hand, job, wire(job), seen)
    assert met.said.meaning is Meaning.MOVED
    assert place.held(place.amount) == "1500"
    assert place.held(place.stage) == place.second
    assert place.changes not in [name for name, _ in place.vendor.asked]


def test_a_stage_that_counts_as_it_stays(place: Place) -> None:
    """X3: a deal is not moved back from where it counts as the same."""
    config = {"stages": {"Contract sent": "negotiation"}}
    config["stage_to"] = {"negotiation": place.first}
    place.change(**{place.stage: place.second})
    job = place.job({"to_stage": "negotiation"}, config=config)
    assert look(CrmStage(), job)["fields"]["stage"] == place.second
    said = act(CrmStage(), job).said
    assert said.meaning is REFUSED
    assert "already" in said.detail
    assert place.held(place.stage) == place.second


@pytest.mark.parametrize("to", ["stalled"])
def test_a_stage_that_nothing_names(place: Place, to: str) -> None:
    job = place.job({"to_stage": to})
    said = act(CrmStage(), job).said
    assert said.meaning is REFUSED
    assert to in said.detail
    config = {"stage_to": {to: place.second}}
    job = place.job({"to_stage": to}, config=config)
    assert act(CrmStage(), job).said.meaning is DONE
    assert place.held(place.stage) == place.second


def test_only_fields_that_are_configured(place: Place) -> None:
    """S6: nothing is set by a name that only the parameters say."""
    job = place.job({"field": "owner", "value": "x"})
    seen = outside.see(CrmField(), job, wire(job))
    assert isinstance(seen, Called)
    assert seen.said.meaning is BARRED
    assert "owner" in seen.said.detail
    assert not place.vendor.asked or {n for n, _ in place.vendor.asked} <= {"token"}


@EACH
@pytest.mark.parametrize("which", ["no", "often", "down", "secret"])
def test_what_they_answer_means(
    place: Place, hand: Hand, said: Any, which: str
) -> None:
    """X3: no is no, later is later; a breakdown before anything was sent is no doubt."""
    job = place.job(said)
    seen = look(hand, job)
    down: tuple[int, Any] = (502, {"status": "error", "message": "Bad gateway"})
    if place.kind == "salesforce":
        down = (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "Busy"}])
    secret = (401, place.no[1])
    answers = {"no": place.no, "often": place.often, "down": down, "secret": secret}
    place.refuse(answers[which])
    meant = {
        "no": REFUSED, "often": WAIT, "down": Meaning.UNREACHED, "secret": REFUSED,
    }[which]  # fmt: skip
    called = outside.act(hand, job, wire(job), seen)
    assert called.said.meaning is meant, called
    assert place.secret not in called.said.detail
    shown = outside.see(hand, job, wire(job))
    assert isinstance(shown, Called)
    assert shown.said.meaning is (BARRED if meant is REFUSED else meant)
    place.refuse(None)
    assert not hand.is_done(job, look(hand, job))


@EACH
def test_broken_while_it_acts(place: Place, hand: Hand, said: Any) -> None:
    """X3: a breakdown in the middle of it is a doubt, unless they say that it is not."""
    job = place.job(said)
    seen = look(hand, job)
    down: tuple[int, Any] = (504, {"status": "error", "message": "Timed out"})
    if place.kind == "salesforce":
        down = (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "Busy"}])
    acts = {place.makes, place.changes}

    def breaks(answer: tuple[int, Any]) -> None:
        place.vendor.before = lambda name: place.refuse(
            answer if name in acts else None
        )

    breaks(down)
    assert outside.act(hand, job, wire(job), seen).said.meaning is Meaning.AMBIGUOUS
    breaks(place.often)
    assert outside.act(hand, job, wire(job), seen).said.meaning is WAIT
    breaks(place.no)
    assert outside.act(hand, job, wire(job), seen).said.meaning is REFUSED
    place.vendor.before = lambda name: place.refuse(None)
    assert not hand.is_done(job, look(hand, job))


@EACH
def test_a_deal_of_somebody_else(place: Place, hand: Hand, said: Any) -> None:
    """S6: a deal that moved to another account there is not touched."""
    place.account = "99" if place.kind == "hubspot" else "001000000000009AAA"
    shown = outside.see(hand, job := place.job(said), wire(job))
    assert isinstance(shown, Called)
    assert shown.said.meaning is BARRED
    assert "another account" in shown.said.detail


def test_ids_that_are_none(place: Place) -> None:
    """S6: what is no id goes into no address, and into no query."""
    for opportunity in ("../../x", "1' OR Id != '", "1?x=1"):
        job = place.job(NOTE, opportunity=opportunity)
        shown = outside.see(CrmNote(), job, wire(job))
        assert isinstance(shown, Called)
        assert shown.said.meaning is BARRED
    assert {name for name, _ in place.vendor.asked} <= {"token"}
