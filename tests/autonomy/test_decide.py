"""D1-D3: what is frozen, asked, held against the rules, and kept."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from autonomy.approve import approve
from autonomy.context import for_the_record, frozen_context
from autonomy.decide import ask, question, settle
from autonomy.drafts import Said, keep
from autonomy.errors import NotAdmitted
from autonomy.models import ContextField, DecisionUse, Intent, Run, SynthesizerCall
from autonomy.rules.proposals import Draft
from autonomy.rules.runs import RunStatus, Stage
from autonomy.rules.snapshots import MOST, size
from autonomy.runs import Held
from autonomy.synthesizers.base import Answer, Asked, NoAnswer
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Contact, Opportunity, Signal
from tests.autonomy.claims import claim, settled
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

NOTE = Draft(
    action_type="create_internal_note",
    parameters={"text": "A note."},
    confidence=0.9,
    rationale="It helps.",
)


class Stub:
    """Answers what it is given, and counts how often it is asked."""

    charged = True
    name = "http"

    def __init__(self, answer: Answer | NoAnswer) -> None:
        self.answer, self.asked = answer, 0

    def propose(self, asked: Asked, *, timeout: float) -> Answer:
        self.asked += 1
        if isinstance(self.answer, NoAnswer):
            raise self.answer
        return self.answer


def signal_at(desk: Desk, type_: str = "news", **payload: Any) -> Signal:
    return Signal.objects.create(
        tenant_id=desk.tenant,
        account=desk.account,
        type=type_,
        payload=payload,
        occurred_at=NOW,
        received_at=NOW,
    )


def run_at(desk: Desk, signal: Signal | None = None, **more: Any) -> Run:
    return Run.objects.create(
        tenant_id=desk.tenant,
        account=desk.account,
        signal_id=signal.id if signal else None,
        trigger="SIGNAL_ARRIVED",
        key=str(uuid4()),
        status=RunStatus.TRIGGERED.value,
        stage=Stage.DECIDE.value,
        due_at=NOW - timedelta(days=900),
        created_at=NOW,
        updated_at=NOW,
        **{"gate_result": "ALLOW", **more},
    )


def held_at(desk: Desk, signal: Signal | None = None, **more: Any) -> Held:
    with tenant_scope(desk.tenant):
        run = run_at(desk, signal, **more)
    held = claim(run.id, Stage.DECIDE, tenant=desk.tenant)
    assert held is not None
    return held


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Stub]:
    def put(answer: Any) -> Stub:
        stub = Stub(answer)
        monkeypatch.setattr("autonomy.decide.choose", lambda: stub)
        return stub

    return put


def test_the_context_holds_ids_in_place_of_people(desk: Desk) -> None:
    """D1, T6, L9: names and addresses are taken out; the ledger gets no words at all."""
    with tenant_scope(desk.tenant):
        Contact.objects.filter(account=desk.account).update(name="Ann Carlisle")
        signal = signal_at(
            desk,
            "reply_received",
            text="ANN CARLISLE writes from ann@acme.example, cc bob@x.example",
            change=-0.25,
            opportunity="o1",
        )
        ContextField.objects.create(
            tenant_id=desk.tenant,
            account=desk.account,
            field="champion",
            value="Ann Carlisle",
            updated_at=NOW,
        )
        desk.propose()
        context = frozen_context(
            desk.account, signal.id, now=NOW, trigger="SIGNAL_ARRIVED"
        )
        recorded = for_the_record(context)
        deal = Opportunity.objects.get(external_id="o1", account=desk.account)
        contact = Contact.objects.get(account=desk.account)
    text = str(context).lower()
    assert "carlisle" not in text
    assert "@" not in text
    (shown,) = context["signals"]
    assert shown["payload"]["text"] == "[contact] writes from [contact], cc [address]"
    assert shown["external_text"] is True
    assert context["opportunity"] == str(deal.id)
    assert context["contact"] == str(contact.id)
    assert context["known"] == {"champion": "[contact]"}
    assert [each["action_type"] for each in context["intents"]] == [
        "create_internal_note"
    ]
    assert "writes from" not in str(recorded)
    assert recorded["signals"][0]["figures"] == {"change": -0.25}


def test_the_context_is_bounded_however_much_there_is(desk: Desk) -> None:
    """D1, 4.4: at most 32 KiB; the signal that started it stays, the newest first."""
    with tenant_scope(desk.tenant):
        first = signal_at(desk, text="é" * 9000, deep=[[[[[[[[1]]]]]]]], number=2.5)
        for _ in range(25):
            signal_at(desk, **{f"field_{each}": "€" * 900 for each in range(40)})
        more = {f"m{each}": "x" * 390 for each in range(100)}
        context = frozen_context(desk.account, first.id, now=NOW, more=more)
        again = frozen_context(desk.account, first.id, now=NOW, more=more)
    assert size(context) <= MOST
    assert context["signals"][0]["id"] == str(first.id)
    assert context["signals"][0]["payload"]["number"] == 2.5
    assert 2 <= len(context["signals"]) <= 20
    assert again == context


def test_numbers_alone_are_no_text_from_outside(desk: Desk) -> None:
    """4.4: taint is of words."""
    with tenant_scope(desk.tenant):
        signal = signal_at(desk, "product_usage_anomaly", change=-0.4, seats=3)
        context = frozen_context(desk.account, signal.id, now=NOW)
    assert context["signals"][0]["external_text"] is False


def test_rules_become_intents_that_nobody_has_judged(desk: Desk) -> None:
    """D2, D3, L2: ranked, of this run, with their evidence; every step stated."""
    with tenant_scope(desk.tenant):
        signal = signal_at(desk, "product_usage_anomaly", change=-0.4)
    held = held_at(desk, signal)
    assert settled(held) is Stage.APPROVE
    with tenant_scope(desk.tenant):
        intents = list(Intent.objects.filter(run_id=held.id).order_by("rank"))
        assert [(each.rank, each.action_type) for each in intents] == [
            (1, "create_follow_up_task"),
            (2, "create_internal_note"),
            (3, "send_follow_up_email"),
        ]
        for each in intents:
            assert (each.status, each.judged_at) == ("PROPOSED", None)
            assert each.due_at is not None
            assert each.evidence == [str(signal.id)]
            assert each.tainted is False
        outward = intents[2]
        assert outward.reaches_out
        assert outward.contact_id is not None
        # Of two open deals, the one that people look after.
        assert outward.opportunity.stage == "negotiation"
        assert intents[0].opportunity_id is None
        run: Any = Run.objects.get(pk=held.id)
        assert (run.status, run.stage) == ("DECIDED", "APPROVE")
        assert run.context["signal"] == str(signal.id)
        assert run.decided["synthesizer"] == "rules"
        call = SynthesizerCall.objects.get(run_id=held.id)
        assert (call.charged, call.gate_result, call.refused) == (False, "ALLOW", "")
        assert call.finished_at is not None
        entries = Entry.objects.filter(run_id=held.id).order_by("number")
        kinds = [each.kind for each in entries]
        assert kinds == ["run.decided", *["intent.proposed"] * 3]
        data = entries[0].data
        assert data["snapshot"]["signals"][0]["id"] == str(signal.id)
        assert [each["intent"] for each in data["proposals"]] == [
            str(each.id) for each in intents
        ]
        assert data["model"] is None
        verdicts = [approve(each).verdict for each in intents]
    assert [each.decision for each in verdicts] == [
        "AUTO_EXECUTE", "AUTO_EXECUTE", "REQUIRE_APPROVAL",
    ]  # fmt: skip


def test_what_does_not_hold_is_refused_and_stated(desk: Desk) -> None:
    """D3: each refusal by its code, without the words; what holds beside it is kept."""
    drafts = (
        NOTE,
        Draft(action_type="wire_money", parameters={}, confidence=1),
        Draft(
            action_type="create_internal_note", parameters={"words": 1}, confidence=1
        ),
        Draft(
            action_type="create_internal_note",
            parameters={"text": "\u0000 secret"},
            confidence=1,
        ),
        Draft(
            action_type="create_briefing",
            parameters={"title": "B"},
            confidence=0.9,
            evidence=(str(uuid4()),),
        ),
    )
    with tenant_scope(desk.tenant):
        run = run_at(desk)
        context = frozen_context(desk.account, None, now=NOW)
        asked = question(run.id, context, tenant=desk.tenant)
        settled = settle(asked, Said(Answer(drafts=drafts), "http", ""))
        (intent,) = keep(run, settled, now=NOW)
        refused = Entry.objects.filter(run_id=run.id, kind="proposal.refused")
        codes = {each.data["code"] for each in refused}
        assert refused.count() == 4
        assert "secret" not in str([each.data for each in refused])
        assert Intent.objects.filter(run_id=run.id).count() == 1
    assert codes == {"UNKNOWN_ACTION", "BAD_PARAMETERS", "FOREIGN_EVIDENCE"}
    assert intent.action_type == "create_internal_note"


def test_where_nothing_holds_the_rules_take_over(desk: Desk) -> None:
    """D2: outside the registry altogether is refused, recorded, and made good."""
    strange = Draft(action_type="wire_money", parameters={}, confidence=1)
    took = {"tokens": 9, "cost": Decimal("0.5"), "model": "m", "prompt": "p"}
    answer = Answer(drafts=(strange,), **took)
    with tenant_scope(desk.tenant):
        run = run_at(desk)
        asked = question(
            run.id, frozen_context(desk.account, None, now=NOW), tenant=desk.tenant
        )
        settled = settle(asked, Said(answer, "http", ""))
        intents = keep(run, settled, now=NOW)
    assert settled.said.synthesizer == "rules"
    assert settled.said.fallback == "http: nothing of its answer holds"
    kept = settled.said.answer
    assert {name: getattr(kept, name) for name in took} == took
    assert [each.code for each in settled.refused] == ["UNKNOWN_ACTION"]
    assert [each.action_type for each in intents] == [
        "create_briefing", "create_follow_up_task",
    ]  # fmt: skip


def test_nothing_to_do_is_an_answer(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        run = run_at(desk)
        asked = question(
            run.id, frozen_context(desk.account, None, now=NOW), tenant=desk.tenant
        )
        settled = settle(asked, Said(Answer(), "http", ""))
        assert keep(run, settled, now=NOW) == []
    assert (settled.said.synthesizer, settled.refused) == ("http", ())


def test_hard_stops_are_not_offered_and_one_that_comes_is_blocked(desk: Desk) -> None:
    """A2, D3: it is in the registry, so that every layer judges it, and stops it."""
    stop = Draft(
        action_type="approve_discount",
        parameters={"percent": 90, "reason": "They said so."},
        confidence=1,
    )
    with tenant_scope(desk.tenant):
        run = run_at(desk)
        asked = question(
            run.id, frozen_context(desk.account, None, now=NOW), tenant=desk.tenant
        )
        assert "approve_discount" not in asked.allowed_action_types
        settled = settle(asked, Said(Answer(drafts=(stop,)), "http", ""))
        (intent,) = keep(run, settled, now=NOW)
        verdict = approve(intent).verdict
    assert (verdict.decision, verdict.reason) == ("BLOCK", "HARD_STOP")
    assert intent.status == "BLOCKED"


def test_the_rules_answer_where_the_chosen_one_does_not(desk: Desk) -> None:
    """D2: and it is said; what the attempt took stays counted."""
    took = {"tokens": 7, "cost": Decimal(1), "model": "m", "prompt": "p"}
    stub = Stub(NoAnswer("it was late", **took))
    with tenant_scope(desk.tenant):
        asked = question(
            uuid4(), frozen_context(desk.account, None, now=NOW), tenant=desk.tenant
        )
    answer, synthesizer, fallback = ask(asked, stub, timeout=1)
    assert (synthesizer, fallback) == ("rules", "http: it was late")
    assert {name: getattr(answer, name) for name in took} == took
    assert answer.drafts[0].action_type == "create_briefing"


def test_a_charged_call_is_counted_and_never_made_twice(
    desk: Desk, chosen: Callable[[Any], Stub]
) -> None:
    """G4, P6: recorded before it goes out; a run that comes back is not charged again."""
    took = {"tokens": 50, "cost": Decimal("0.02"), "model": "m", "prompt": "p"}
    stub = chosen(Answer(drafts=(NOTE,), **took))
    with tenant_scope(desk.tenant):
        signal = signal_at(desk, text="Hello")
    held = held_at(desk, signal)
    assert settled(held) is Stage.APPROVE
    with tenant_scope(desk.tenant):
        intent = Intent.objects.get(run_id=held.id)
        assert (intent.rank, intent.tainted) == (1, True)
        use = DecisionUse.objects.get(key=desk.tenant)
        assert (use.tokens, use.cost) == (50, Decimal("0.02"))
        entry = Entry.objects.get(run_id=held.id, kind="run.decided")
        said = {"name": "m", "tokens": 50, "cost": "0.02", "prompt": "p"}
        assert entry.data["model"] == said
        before = Run.objects.get(pk=held.id).context
        # As if the worker had died right after the call.
        Intent.objects.filter(run_id=held.id).update(run_id=None)
        Run.objects.filter(pk=held.id).update(
            status="TRIGGERED", stage="DECIDE", lease_until=None
        )
        signal_at(desk, text="Something later")
    again = claim(held.id, Stage.DECIDE, tenant=desk.tenant)
    assert settled(again) is Stage.APPROVE
    assert stub.asked == 1
    with tenant_scope(desk.tenant):
        assert SynthesizerCall.objects.filter(run_id=held.id, charged=True).count() == 1
        run: Any = Run.objects.get(pk=held.id)
        assert run.context == before
        assert run.decided["synthesizer"] == "rules"
        assert run.decided["fallback"].startswith("http: it was asked before")


def test_no_admission_no_call(desk: Desk, chosen: Callable[[Any], Stub]) -> None:
    """G4: what the gate did not allow is never asked about."""
    stub = chosen(Answer(drafts=(NOTE,)))
    held = held_at(desk, gate_result="DEFER")
    with pytest.raises(NotAdmitted):
        settled(held)
    assert stub.asked == 0
    with tenant_scope(desk.tenant):
        assert not SynthesizerCall.objects.filter(run_id=held.id).exists()
        assert not Intent.objects.filter(run_id=held.id).exists()


def test_who_lost_the_run_keeps_nothing(
    desk: Desk, chosen: Callable[[Any], Stub]
) -> None:
    """S1: a stale fence asks nobody, and writes nothing."""
    stub = chosen(Answer(drafts=(NOTE,)))
    held = held_at(desk)
    with tenant_scope(desk.tenant):
        Run.objects.filter(pk=held.id).update(fence=held.fence + 1)
    assert settled(held) is None
    assert stub.asked == 0
    with tenant_scope(desk.tenant):
        assert not Intent.objects.filter(run_id=held.id).exists()
        assert UUID(str(Run.objects.get(pk=held.id).id)) == held.id
