"""D2: a service of the operator's proposes; nothing that it says is believed unchecked."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from autonomy.rules.proposals import Draft
from autonomy.synthesizers.base import Asked, Missing, NoAnswer, choose, spent
from autonomy.synthesizers.http import LIMIT, Http
from autonomy.synthesizers.rules import Rules

RUN, TENANT, ACCOUNT = (UUID(int=number) for number in (1, 2, 3))
SIGNALS = [{"id": "s1", "type": "news", "payload": {"text": "Hello"}}]
ASKED = Asked(
    run_id=RUN,
    tenant=TENANT,
    account=ACCOUNT,
    context={"at": "2026-11-20T12:00:00+00:00", "signals": SIGNALS},
    evidence=SIGNALS,
    allowed_action_types=["create_internal_note"],
    schemas={"create_internal_note": {}},
)
FINE = {
    "action_type": "create_internal_note",
    "parameters": {"text": "A note."},
    "confidence": 0.8,
    "rationale": "It helps.",
    "evidence": ["s1"],
}


def test_the_request_is_as_the_interface_has_it(serve: Callable[..., Any]) -> None:
    """D2, CONTRACT: exactly these fields go out; proposals and usage come back."""
    usage = {"tokens": 120, "cost": 0.0123}
    service = serve(lambda _: {"proposals": [FINE], "usage": usage})
    answer = Http(service.url).propose(ASKED, timeout=5)
    assert service.asked == [
        {
            "run_id": str(RUN),
            "tenant": str(TENANT),
            "account": str(ACCOUNT),
            "context": {"at": "2026-11-20T12:00:00+00:00"},
            "evidence": SIGNALS,
            "allowed_action_types": ["create_internal_note"],
        }
    ]
    assert service.headers[0]["Idempotency-Key"] == str(RUN)
    assert answer.drafts == (Draft(**{**FINE, "evidence": ("s1",)}),)
    assert (answer.tokens, answer.cost) == (120, Decimal("0.0123"))


def test_each_proposal_is_read_by_itself(serve: Callable[..., Any]) -> None:
    """D3: what is no proposal is refused; what stands beside it is kept."""
    service = serve(lambda _: {"proposals": ["x", FINE, {**FINE, "to": "a@b.example"}]})
    answer = Http(service.url).propose(ASKED, timeout=5)
    assert len(answer.drafts) == 1
    assert [each.code for each in answer.refused] == ["BAD_SHAPE", "EXTRA_FIELDS"]


@pytest.mark.parametrize(
    "said",
    [
        b"", b"not json", b"[]", b"{}", b'{"proposals": {}}', b'{"proposals": [NaN]}',
        b'{"proposals": [], "usage": []}',
        b'{"proposals": [], "usage": {"tokens": -1}}',
        b'{"proposals": [], "usage": {"cost": -1}}',
        b'{"proposals": [], "usage": {"cost": "NaN"}}',
        b'{"proposals": [], "usage": {"tokens": true}}',
        orjson.dumps({"proposals": [FINE] * 21}),
        orjson.dumps({"proposals": [], "note": "x" * LIMIT}),
        b"[" * 5000,
    ],
)  # fmt: skip
def test_what_is_malformed_or_too_large_is_no_answer(
    serve: Callable[..., Any], said: bytes
) -> None:
    """D2: refused with a short reason that repeats nothing of it."""
    service = serve(lambda _: said)
    with pytest.raises(NoAnswer) as refusal:
        Http(service.url).propose(ASKED, timeout=5)
    assert 0 < len(refusal.value.reason) < 200
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [201, 204, 302, 400, 429, 500])
def test_other_statuses_are_no_answer(serve: Callable[..., Any], status: int) -> None:
    service = serve(lambda _: {"proposals": [FINE]} if status != 204 else b"")
    service.status = status
    with pytest.raises(NoAnswer, match=f"status {status}"):
        Http(service.url).propose(ASKED, timeout=5)


def test_late_is_no_answer_and_is_not_asked_again(serve: Callable[..., Any]) -> None:
    """D2: the time limit holds; at most one call."""
    service: Any = serve(lambda _: service.over.wait(5) and {"proposals": [FINE]})
    with pytest.raises(NoAnswer, match="in time"):
        Http(service.url).propose(ASKED, timeout=0.2)
    assert len(service.asked) == 1


def test_what_may_not_be_reached_is_no_answer(settings: Any) -> None:
    """API7: the synthesizer goes by the one way out as well."""
    settings.EGRESS_ALLOW = ()
    with pytest.raises(NoAnswer, match="EGRESS_ALLOW"):
        Http("http://127.0.0.1:9/").propose(ASKED, timeout=1)


def test_the_one_that_is_named_is_chosen(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2: rules unless told otherwise; a library that is missing is said, not raised."""
    settings.SYNTHESIZER, settings.SYNTHESIZER_URL = "rules", None
    assert isinstance(choose(), Rules)
    assert choose().charged is False
    settings.SYNTHESIZER, settings.SYNTHESIZER_URL = "http", "https://x.example"
    assert isinstance(choose(), Http)
    assert choose().charged is True

    def absent(_: str) -> Any:
        raise ModuleNotFoundError(name="pydantic_ai.models")

    monkeypatch.setattr("autonomy.synthesizers.base.import_module", absent)
    settings.SYNTHESIZER = "llm"
    chosen = choose()
    assert isinstance(chosen, Missing)
    with pytest.raises(NoAnswer, match=r"pydantic_ai.*requirements-llm"):
        chosen.propose(ASKED, timeout=1)


@pytest.mark.parametrize(
    ("tokens", "cost", "taken"),
    [
        (5, "0.1", (5, Decimal("0.100000"))),
        (0, 0.00000001, (0, Decimal("0.000001"))),
        (5, 10**30, None),
        (10**9, 0, None),
        (1.5, 0, None),
        (1, float("inf"), None),
        (1, "abc", None),
    ],
)
def test_what_it_took_is_believed_within_bounds(
    tokens: object, cost: object, taken: object
) -> None:
    """G4: money is counted upwards, and never backwards."""
    assert spent(tokens, cost) == taken
