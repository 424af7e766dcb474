"""A service of the operator's that writes proposals: one POST, one answer, no trust."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings

from autonomy.rules.proposals import LOOKED_AT, Draft, Refused, read
from autonomy.synthesizers.base import (
    NOTHING,
    Answer,
    Asked,
    NoAnswer,
    spelled,
    spent,
)
from ledger.rules.digest import sha256_of
from perception.egress import send
from perception.errors import EgressFailed, EgressRefused

LIMIT = 64 * 1024


class Http:
    """Asks SYNTHESIZER_URL."""

    name = "http"
    charged = True

    def __init__(self, url: str) -> None:
        self._url = url

    def propose(self, asked: Asked, *, timeout: float) -> Answer:
        body = body_of(asked)
        put: dict[str, Any] = {"model": self.name, "prompt": sha256_of(body)}
        try:
            answer = self._answered(body, asked, timeout)
        except NoAnswer as none:
            none.taken = replace(none.taken, **put)
            raise
        return replace(answer, **put)

    def _answered(self, body: bytes, asked: Asked, timeout: float) -> Answer:
        try:
            came = send(
                "POST",
                self._url,
                body=body,
                headers={
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                    # Whoever is asked twice about one run need not charge twice.
                    "Idempotency-Key": str(asked.run_id),
                },
                timeout=timeout,
                limit=LIMIT,
            )
        except (EgressFailed, EgressRefused) as error:
            raise NoAnswer(str(error)) from None
        if came.status != 200:
            raise NoAnswer(f"it answered with status {came.status}")
        return _answer(came.body)


def make() -> Http:
    return Http(settings.SYNTHESIZER_URL or "")


def body_of(asked: Asked) -> bytes:
    """The request, as the interface has it; signals go under `evidence` only."""
    context = {name: each for name, each in asked.context.items() if name != "signals"}
    return spelled(
        {
            "run_id": str(asked.run_id),
            "tenant": str(asked.tenant),
            "account": str(asked.account),
            "context": context,
            "evidence": list(asked.evidence),
            "allowed_action_types": list(asked.allowed_action_types),
        }
    )


def _answer(body: bytes) -> Answer:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NoAnswer("it answered with something that is not JSON") from None
    if not isinstance(said, dict) or not isinstance(said.get("proposals"), list):
        raise NoAnswer("its answer has no list of proposals")
    tokens, cost = _usage(said.get("usage"))
    proposals = said["proposals"]
    if len(proposals) > LOOKED_AT:
        raise NoAnswer(
            f"its answer has more than {LOOKED_AT} proposals", tokens=tokens, cost=cost
        )
    found = [read(each) for each in proposals]
    return Answer(
        drafts=tuple(each for each in found if isinstance(each, Draft)),
        refused=tuple(each for each in found if isinstance(each, Refused)),
        tokens=tokens,
        cost=cost,
    )


def _usage(said: Any) -> tuple[int, Decimal]:
    if said is None:
        return 0, NOTHING
    taken = None
    if isinstance(said, Mapping):
        taken = spent(said.get("tokens", 0), said.get("cost", 0))
    if taken is None:
        raise NoAnswer("its usage cannot be what it says")
    return taken
