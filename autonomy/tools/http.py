"""The HTTP tool: an integrator's URL, called once for each key, signed."""

from collections.abc import Mapping
from typing import Any

import orjson

from autonomy.errors import ToolStopped
from autonomy.rules.actions import Reversal
from autonomy.rules.answers import Meaning, Said, read_answer
from autonomy.tools.base import Blind, Image, Job
from perception.rules.webhooks import sign
from perception.sources.base import Wire

CONFLICT = "It answered 409: it was changed since."


class Http(Blind):
    """Whatever an integrator does when its URL is called; nothing but its status counts."""

    key = ""
    title = "An integrator's URL"
    acts_as = ""
    reversal = Reversal.NONE
    # These are as the tenant's row says.
    keyed = True
    timeout = 10.0
    takes: Mapping[str, Any] = {"type": "object"}

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        return {"status": _insist(_ask(job, wire, job.key))}

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        """Ask for the reversal; the tool's word is the proof."""
        said = _ask(job, wire, f"{job.key}:undo", undo=True)
        if said.status == 409:
            said = Said(meaning=Meaning.REFUSED, detail=CONFLICT, status=409)
        _insist(said)


def _ask(job: Job, wire: Wire, key: str, **more: Any) -> Said:
    body = orjson.dumps({**_body(job), **more})
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        **sign(job.secret, message=key, at=job.at, body=body),
    }
    answer = wire.http("POST", job.config["url"], headers=headers, body=body)
    return read_answer(answer.status, answer.headers.get("retry-after"), now=job.at)


def _insist(said: Said) -> int | None:
    if said.meaning is not Meaning.DONE:
        raise ToolStopped(said)
    return said.status


def _body(job: Job) -> dict[str, Any]:
    return {
        **job.ids,
        "attempt": job.attempt,
        "action_type": job.action_type,
        "parameters": job.parameters,
        "auto_executed": job.auto_executed,
        "approval_source": job.approval_source,
    }
