"""The HTTP tool: an integrator's URL, called once for each key, signed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson

from autonomy.models import Tool
from autonomy.rules.answers import Meaning, Said, read_answer
from autonomy.tools.base import Act
from ledger.scope import current_tenant
from perception import vault
from perception.egress import Answer, send
from perception.errors import EgressFailed, EgressRefused
from perception.rules.webhooks import sign

MOST = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request, signed and ready: nothing is read any more once it is due."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    timeout: float
    act: Act


@dataclass(frozen=True, kw_only=True)
class Called:
    """What a call brought, and how long it took."""

    said: Said
    took_ms: float


def prepare(tool: Tool, act: Act, *, attempt: int) -> Call:
    """The request for an act; every repetition carries the same key."""
    key = str(act.intent.id)
    body = orjson.dumps(_body(act, attempt))
    secret = vault.unseal(tool.sealed_secret)
    return Call(
        url=tool.url,
        body=body,
        timeout=tool.timeout_s,
        act=act,
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            **sign(secret, message=key, at=act.at, body=body),
        },
    )


def make(call: Call) -> Called:
    """Send it. Whatever comes back, or does not, has a meaning."""
    began = monotonic()
    said = _said(call)
    return Called(said=said, took_ms=round((monotonic() - began) * 1000, 1))


def place(tool: Tool) -> str:
    """Where its calls go, without saying it: a URL may hold a secret."""
    return "sha256:" + hashlib.sha256(tool.url.encode()).hexdigest()


def _said(call: Call) -> Said:
    try:
        answer: Answer = send(
            "POST",
            call.url,
            body=call.body,
            headers=call.headers,
            timeout=call.timeout,
            limit=MOST,
        )
    except EgressRefused as refusal:
        return Said(meaning=Meaning.FORBIDDEN, detail=str(refusal))
    except EgressFailed as failure:
        meaning = Meaning.AMBIGUOUS if failure.ambiguous else Meaning.UNREACHED
        return Said(meaning=meaning, detail=str(failure))
    return read_answer(
        answer.status, answer.headers.get("retry-after"), now=call.act.at
    )


def _body(act: Act, attempt: int) -> dict[str, Any]:
    intent, execution = act.intent, act.execution
    return {
        "intent_id": str(intent.id),
        "execution_id": str(execution.id),
        "attempt": attempt,
        "tenant": str(current_tenant()),
        "account": str(intent.account_id),
        "opportunity": str(intent.opportunity_id) if intent.opportunity_id else None,
        "contact": str(intent.contact_id) if intent.contact_id else None,
        "action_type": intent.action_type,
        "parameters": intent.parameters,
        "auto_executed": execution.auto_executed,
        "approval_source": str(execution.approval_source),
    }
