"""D2: a model answers over its documented interface, once, within bounds."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from autonomy.rules.proposals import Draft
from autonomy.synthesizers.base import Asked, NoAnswer, choose

FINE = {
    "action_type": "create_internal_note",
    "parameters": {"text": "A note."},
    "confidence": 0.8,
    "rationale": "It helps.",
    "evidence": ["s1"],
}
SIGNALS = [{"id": "s1", "type": "news", "payload": {"text": "Hello"}}]
ASKED = Asked(
    run_id=UUID(int=1),
    tenant=UUID(int=2),
    account=UUID(int=3),
    context={"at": "2026-11-20T12:00:00+00:00", "signals": SIGNALS},
    evidence=SIGNALS,
    allowed_action_types=["create_internal_note"],
    schemas={"create_internal_note": {"type": "object", "required": ["text"]}},
)


def completes(*proposals: Any, tool: str = "", **usage: int) -> Callable[[Any], Any]:
    """An answer of /chat/completions, as it is documented."""

    def answer(said: Any) -> Any:
        name = tool or said["tools"][0]["function"]["name"]
        arguments = orjson.dumps({"proposals": list(proposals)}).decode()
        call = {"name": name, "arguments": arguments}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": said["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "logprobs": None,
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "refusal": None,
                        "tool_calls": [
                            {"id": "call_1", "type": "function", "function": call}
                        ],
                    },
                }
            ],
            "usage": {
                "prompt_tokens": 900,
                "completion_tokens": 100,
                "total_tokens": 1000,
                **usage,
            },
        }

    return answer


def speaks(*proposals: Any) -> Callable[[Any], Any]:
    """An answer of /v1/messages, as it is documented."""

    def answer(said: Any) -> Any:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": said["model"],
            "content": [
                {
                    "type": "tool_use",
                    "id": "toolu_1",
                    "name": said["tools"][0]["name"],
                    "input": {"proposals": list(proposals)},
                }
            ],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 900, "output_tokens": 100},
        }

    return answer


@pytest.fixture
def model(
    serve: Callable[..., Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Makes a local endpoint, and the synthesizer that asks it."""

    def make(answers: Callable[[Any], Any], named: str = "openai:gpt-4o-mini") -> Any:
        service = serve(answers)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{service.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "key-of-openai")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", service.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "key-of-anthropic")
        settings.SYNTHESIZER, settings.LLM_MODEL = "llm", named
        return service, choose()

    return make


def test_one_request_of_the_documented_shape(model: Any) -> None:
    """D2, 4.4: typed output only, no tools of ours, data in, tokens and money out."""
    service, chosen = model(completes(FINE))
    answer = chosen.propose(ASKED, timeout=10)
    assert (chosen.name, chosen.charged) == ("llm", True)
    assert answer.drafts == (Draft(**{**FINE, "evidence": ("s1",)}),)
    assert (answer.tokens, answer.model) == (1000, "gpt-4o-mini")
    assert Decimal(0) < answer.cost < Decimal("0.01")
    (said,) = service.asked
    assert service.paths == ["/v1/chat/completions"]
    assert _headers(service)["authorization"] == "Bearer key-of-openai"
    assert said["model"] == "gpt-4o-mini"
    assert len(said["tools"]) == 1
    assert (said.get("max_completion_tokens") or said.get("max_tokens")) == 2000
    last = orjson.loads(said["messages"][-1]["content"])
    assert last["context"]["signals"] == SIGNALS
    assert last["action_types"] == ASKED.schemas
    assert str(ASKED.tenant) not in str(said)


def test_anthropics_interface_serves_as_well(model: Any) -> None:
    """D2: any endpoint of the two kinds."""
    service, chosen = model(speaks(FINE), "anthropic:claude-haiku-5-5")
    answer = chosen.propose(ASKED, timeout=10)
    assert [each.action_type for each in answer.drafts] == ["create_internal_note"]
    assert answer.tokens == 1000
    assert service.paths == ["/v1/messages"]
    assert _headers(service)["authorization"] == "Bearer key-of-anthropic"


@pytest.mark.parametrize(
    "answers",
    [
        completes({**FINE, "confidence": 2}),
        completes({**FINE, "account": "another"}),
        completes("x"),
        completes(FINE, tool="send_email"),
        completes(FINE, completion_tokens=5000, total_tokens=5900),
        lambda _: {"choices": []},
        lambda _: b"not json",
        lambda _: b'{"choices": ' + b"[" * 5000,
        lambda _: b'{"choices": "\xff\xfe"}',
    ],
    ids=[
        "confidence", "extra", "shape", "tool", "tokens", "empty", "malformed", "deep",
        "encoding",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_no_answer_and_is_not_asked_again(
    model: Any, answers: Any
) -> None:
    """D2: one charged call, whatever comes of it."""
    service, chosen = model(answers)
    with pytest.raises(NoAnswer) as refusal:
        chosen.propose(ASKED, timeout=10)
    assert len(service.asked) == 1
    assert len(refusal.value.reason) < 200


def test_what_a_useless_answer_took_is_counted(model: Any) -> None:
    """G4: tokens and money were spent all the same."""
    _, chosen = model(completes({**FINE, "confidence": 2}))
    with pytest.raises(NoAnswer) as refusal:
        chosen.propose(ASKED, timeout=10)
    assert refusal.value.taken.tokens == 1000
    assert refusal.value.taken.cost > 0


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_refusals_and_failures_are_not_retried(model: Any, status: int) -> None:
    service, chosen = model(lambda _: {"error": {"message": "no", "type": "x"}})
    service.status = status
    with pytest.raises(NoAnswer):
        chosen.propose(ASKED, timeout=10)
    assert len(service.asked) == 1


def test_late_is_no_answer(model: Any) -> None:
    """D2: the time limit holds."""
    service: Any
    service, chosen = model(lambda _: service.over.wait(5) and {})
    with pytest.raises(NoAnswer):
        chosen.propose(ASKED, timeout=0.5)
    assert len(service.asked) == 1


def test_the_library_goes_by_the_one_way_out(model: Any, settings: Any) -> None:
    """API7: an address that is not public and not on the list is not reached."""
    service, chosen = model(completes(FINE))
    settings.EGRESS_ALLOW = ()
    with pytest.raises(NoAnswer):
        chosen.propose(ASKED, timeout=5)
    assert service.asked == []


def test_a_missing_key_is_said(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    service, chosen = model(completes(FINE))
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(NoAnswer, match="variables are not complete"):
        chosen.propose(ASKED, timeout=5)
    assert service.asked == []


def _headers(service: Any) -> dict[str, str]:
    return {name.lower(): each for name, each in service.headers[0].items()}
