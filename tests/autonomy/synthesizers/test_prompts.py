"""L7: which prompt was spoken stands on record as a digest, and none of its words."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from autonomy.decide import question
from autonomy.models import Intent, Run
from autonomy.rules.runs import Stage
from autonomy.synthesizers import llm
from autonomy.synthesizers.base import Asked, NoAnswer
from autonomy.synthesizers.http import Http
from autonomy.synthesizers.llm import prompt_of, question_of
from autonomy.views.story_words import spoken
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Contact
from perception.rules.roles import Role
from tests.autonomy.claims import claim, settled, waiting
from tests.autonomy.conftest import Desk
from tests.autonomy.pages import enter, words
from tests.autonomy.synthesizers.test_http import ASKED as FOR_A_SERVICE
from tests.autonomy.synthesizers.test_llm import ASKED, FINE, completes
from tests.autonomy.synthesizers.test_llm import model as model
from tests.autonomy.test_decide import signal_at

NAME, TEXT = "Ann Carlisle", "Ann Carlisle writes from ann@acme.example."
# Whoever changes what a model is told gives it another version, and adds it here.
SHIPPED = {
    "proposals/1": "sha256:8c5d8600f81c1e651bd8a5ad56e1ca148fd45d991f18a60ef46ffdab50ace931"
}


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def turned(value: Any) -> Any:
    """The same, its fields in another order, as a database may give them back."""
    if isinstance(value, Mapping):
        return {name: turned(value[name]) for name in reversed(list(value))}
    return [turned(each) for each in value] if isinstance(value, list) else value


def prompt(asked: Asked) -> str:
    return prompt_of(question_of(asked))


def test_what_ships_has_a_version_of_its_own() -> None:
    """L7: a version names one text of instructions, and one form of answer, for good."""
    said = orjson.dumps([llm.TASK, llm.ANSWER], option=orjson.OPT_SORT_KEYS)
    assert digest(said) == SHIPPED[llm.VERSION]


def test_the_same_question_has_the_same_digest(model: Any) -> None:
    """L7: whatever the order of its fields, and however often it is asked."""
    service, chosen = model(completes(FINE))
    first = chosen.propose(ASKED, timeout=10).prompt
    again = replace(ASKED, context=turned(ASKED.context), schemas=turned(ASKED.schemas))
    assert chosen.propose(again, timeout=10).prompt == first
    name, _, said = first.partition(" ")
    assert (name, len(said)) == (llm.VERSION, len(digest(b"")))
    one, other = (each["messages"] for each in service.asked)
    assert one == other


@pytest.mark.parametrize(
    "change",
    [
        {"context": {**ASKED.context, "at": "2026-11-20T12:00:01+00:00"}},
        {"context": {**ASKED.context, "signals": []}},
        {"allowed_action_types": ["create_briefing"]},
        {"schemas": {"create_internal_note": {"type": "object"}}},
    ],
    ids=["time", "signals", "types", "schemas"],
)
def test_another_question_has_another_digest(change: Any) -> None:
    assert prompt(replace(ASKED, **change)) != prompt(ASKED)


def test_other_instructions_have_another_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """L7: theirs, and the form that an answer must have."""
    first = prompt(ASKED)
    monkeypatch.setattr(llm, "TASK", f"{llm.TASK} Be brief.")
    second = prompt(ASKED)
    monkeypatch.setattr(llm, "ANSWER", {**llm.ANSWER, "title": "Others"})
    assert len({first, second, prompt(ASKED)}) == 3


def test_a_useless_answer_keeps_what_was_asked(model: Any) -> None:
    """L7, D2: as tokens and money do; what was never asked has no digest."""
    _, chosen = model(completes({**FINE, "confidence": 2}))
    with pytest.raises(NoAnswer) as refusal:
        chosen.propose(ASKED, timeout=10)
    assert refusal.value.taken.prompt == prompt(ASKED)
    large = replace(ASKED, context={**ASKED.context, "x": "x" * llm.MOST_BYTES})
    with pytest.raises(NoAnswer) as refusal:
        chosen.propose(large, timeout=10)
    assert refusal.value.taken.prompt == ""


def test_a_service_is_told_by_what_it_was_sent(serve: Callable[..., Any]) -> None:
    """L7: the digest of the very bytes, whatever comes of them."""
    service = serve(lambda _: {"proposals": []})
    chosen = Http(service.url)
    answer = chosen.propose(FOR_A_SERVICE, timeout=5)
    again = replace(FOR_A_SERVICE, context=turned(FOR_A_SERVICE.context))
    assert chosen.propose(again, timeout=5) == answer
    assert (answer.model, answer.prompt) == ("http", digest(service.bodies[0]))
    other = replace(FOR_A_SERVICE, context={**FOR_A_SERVICE.context, "at": "later"})
    service.status = 500
    with pytest.raises(NoAnswer) as refusal:
        chosen.propose(other, timeout=5)
    taken = refusal.value.taken
    assert (taken.model, taken.prompt) == ("http", digest(service.bodies[2]))
    assert taken.prompt != answer.prompt


def test_runs_of_before_tell_no_prompt() -> None:
    """L7: a page says what was stored then, and nothing in place of what was not."""
    assert spoken(None) == []
    before = {"name": "m", "tokens": 1, "cost": "0.02"}
    assert spoken(before) == [("Model", "m, 1 token, cost 0.02")]


@pytest.mark.parametrize(
    ("fine", "by"),
    [({**FINE, "evidence": []}, "llm"), ({**FINE, "confidence": 2}, "rules")],
)
def test_it_is_kept_and_shown_without_a_word(
    desk: Desk, model: Any, fine: Any, by: str
) -> None:
    """L7, L9, T6: on the run, in the ledger, under *Why?* and in the API; it can be
    computed again from what the run keeps, and it holds nobody's name.
    """
    service, _ = model(completes(fine))
    with tenant_scope(desk.tenant):
        Contact.objects.filter(account=desk.account).update(name=NAME)
        signal = signal_at(desk, "reply_received", text=TEXT)
    id_ = waiting(desk, Stage.DECIDE, signal_id=signal.id)
    assert settled(claim(id_, Stage.DECIDE, tenant=desk.tenant)) is Stage.APPROVE
    with tenant_scope(desk.tenant):
        run: Any = Run.objects.get(pk=id_)
        entries = Entry.objects.filter(run_id=id_)
        stated = [each.data for each in entries]
        (kept,) = [each.data["model"] for each in entries.filter(kind="run.decided")]
        asked = prompt(question(id_, run.context, tenant=desk.tenant))
        intent: Any = Intent.objects.filter(run_id=id_).first()
    client = desk.house.client(Role.SELLER)
    told = client.send("GET", f"intents/{intent.pk}/explanation/").json()
    assert run.decided["synthesizer"] == by
    assert run.decided["model"] == kept == told["model"]
    assert kept["prompt"] == asked
    page = enter(desk.house, Role.SELLER)
    assert asked in words(page.get(f"/intents/{intent.pk}/"))
    admin = enter(desk.house, Role.ADMIN)
    assert asked in admin.get(f"/admin/autonomy/run/{id_}/change/").text
    assert "signals" in service.asked[0]["messages"][-1]["content"]
    for each in (service.asked, run.decided, stated, told["model"]):
        assert "carlisle" not in str(each).lower()
        assert "ann@acme" not in str(each)
