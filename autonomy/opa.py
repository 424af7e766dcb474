"""A policy that an OPA server judges: asked over HTTP, and believed only so far."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import orjson

from autonomy.rules.bundles import is_confidence, variables
from autonomy.rules.clauses import MAX_EXPLANATION, REASON
from autonomy.rules.facts import Facts
from autonomy.rules.verdict import Decision, Judgement, Layer, ask, first_of
from perception.egress import send
from perception.errors import EgressFailed, EgressRefused

PATH = "/v1/data/autonomy/auto_approval/decision"
SECONDS = 1.0
MOST = 64 * 1024
CLAUSE = re.compile(r"[a-z][a-z0-9_.]{0,63}")
FIELDS = ("decision", "reason", "clause", "explanation")


class OpaPolicy:
    """The policy layer of a tenant that keeps its policy in an OPA server."""

    def __init__(self, url: str, path: str = PATH) -> None:
        parts = urlsplit(url)
        odd = "@" in parts.netloc or parts.query or parts.fragment
        if parts.scheme not in ("http", "https") or not parts.hostname or odd:
            raise ValueError("The URL of an OPA server is https://host, or with :port.")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else 80)
        where = parts.path.rstrip("/") + path
        self.url = f"{parts.scheme}://{parts.netloc}{where}"
        self.version = f"opa:{host}:{port}{where}"

    def __call__(self, facts: Facts) -> Judgement:
        """The server's ceiling, or a lower one where the confidence is none or low."""
        return first_of([*_invalid(facts), self._asked(facts), *_low(facts)])

    def _asked(self, facts: Facts) -> Judgement:
        try:
            question = json.dumps({"input": variables(facts)}, allow_nan=False)
        except ValueError:
            return _unjudged("The facts hold a number that is none")
        try:
            answer = send(
                "POST",
                self.url,
                body=question.encode(),
                headers={"Content-Type": "application/json"},
                timeout=SECONDS,
                limit=MOST,
            )
        except EgressRefused:
            return _unjudged("The policy server may not be reached from here")
        except EgressFailed:
            return _unjudged("The policy server gave no answer that can be used")
        if answer.status != 200:
            return _unjudged(f"The policy server answered with status {answer.status}")
        return _read(answer.body)


def _invalid(facts: Facts) -> list[Judgement]:
    """A confidence that is none is said first, as bundles say it."""
    if is_confidence(facts.confidence):
        return []
    return [
        ask(
            Layer.POLICY,
            "CONFIDENCE_INVALID",
            "Its confidence is not a number from 0 to 1.",
            "it states a confidence from 0 to 1",
        )
    ]


def _low(facts: Facts) -> list[Judgement]:
    """Too little confidence asks a person, whatever the server says of it."""
    confidence, least = facts.confidence, facts.min_confidence
    if confidence is None or confidence >= least:
        return []
    return [
        ask(
            Layer.POLICY,
            "CONFIDENCE_LOW",
            f"Its confidence is {confidence:.12g}; at least {least:.12g} is asked for.",
            f"its confidence is {least:.12g} or more",
        )
    ]


def _read(body: bytes) -> Judgement:
    """The judgement that an answer states; nothing is guessed where it is unclear."""
    try:
        answer = orjson.loads(body)
    except ValueError:
        return _unjudged("The policy server did not answer in JSON")
    result = answer.get("result") if isinstance(answer, dict) else None
    if result is None:
        return _unjudged("The policy server has no such policy, or no result")
    if not _is_stated(result):
        return _unjudged("The policy server's result is not a decision as agreed")
    decision, reason, clause, explanation = (result[field] for field in FIELDS)
    allowed = decision == Decision.AUTO_EXECUTE
    return Judgement(
        layer=Layer.POLICY,
        decision=Decision(decision),
        reason="ALLOWED" if allowed else reason,
        clause=clause,
        explanation=explanation,
        remedies=() if allowed else (f"the policy's clause {clause} does not apply",),
    )


def _is_stated(result: Any) -> bool:
    """Whether a result has every field, each as it may be kept and shown."""
    if not isinstance(result, dict):
        return False
    decision, reason, clause, explanation = (result.get(field) for field in FIELDS)
    return (
        isinstance(decision, str)
        and decision in list(Decision)
        and isinstance(reason, str)
        and REASON.fullmatch(reason) is not None
        and isinstance(clause, str)
        and CLAUSE.fullmatch(clause) is not None
        and isinstance(explanation, str)
        and bool(explanation.strip())
        and len(explanation) <= MAX_EXPLANATION
        and explanation.isprintable()
    )


def _unjudged(why: str) -> Judgement:
    return ask(
        Layer.POLICY,
        "POLICY_ERROR",
        f"{why}, so a person decides.",
        "the policy server judges it",
    )
