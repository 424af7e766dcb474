"""`webhook.send`: an act told to another system, as a signed CloudEvent."""

from collections.abc import Mapping
from typing import Any

from autonomy.rules.actions import Reversal
from autonomy.rules.answers import Meaning
from autonomy.tools.base import Blind, Image, Job, stopped
from perception.outlets.outbound import deliver
from perception.sources.base import Wire

TYPE = "autonomy.act"


class WebhookSend(Blind):
    """Its receiver knows a delivery that comes again by its webhook-id."""

    key = "webhook.send"
    title = "A signed webhook to another system"
    acts_as = "webhook"
    reversal = Reversal.NONE
    keyed = True
    timeout = 15.0
    takes: Mapping[str, Any] = {"type": "object"}

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        deliver(
            job.config,
            job.secret,
            id=job.key,
            type=TYPE,
            subject=job.account.get("external_id", ""),
            data={
                "action_type": job.action_type,
                "parameters": job.parameters,
                "ids": job.ids,
                "auto_executed": job.auto_executed,
                "approval_source": job.approval_source,
            },
            at=job.at,
            wire=wire,
        )
        return {"webhook_id": job.key}

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        raise stopped(Meaning.REFUSED, "What another system was told cannot be untold.")
