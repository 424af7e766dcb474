"""The stage of a deal in the CRM, and a note that says why."""

from collections.abc import Mapping
from typing import Any

from autonomy.tools.base import Image, Job
from autonomy.tools.crm.acting import Sets, half_done
from autonomy.tools.crm.base import NOTE
from autonomy.tools.crm.doors import door_of
from perception.sources.base import Wire

# Many CRMs date a deal that they close.
ALONG = ("close_date",)


class CrmStage(Sets):
    """Moves the deal on. Taking it back moves it to where it was, and removes the note."""

    key = "crm.stage"
    title = "The stage of the deal in the CRM"
    takes: Mapping[str, Any] = {
        "type": "object",
        "required": ["to_stage"],
        "properties": {
            "to_stage": {"type": "string", "minLength": 1},
            "note": {"type": "string"},
        },
    }

    def wanted(self, job: Job) -> Mapping[str, Any]:
        return {"stage": job.parameters["to_stage"]}

    def names(self, job: Job) -> tuple[str, ...]:
        return ("stage", *ALONG)

    def look(self, job: Job, wire: Wire) -> Image:
        seen = super().look(job, wire)
        if not job.parameters.get("note"):
            return seen
        return {**seen, "note": door_of(job).find(NOTE, job, wire)}

    def is_done(self, job: Job, seen: Image) -> bool:
        return super().is_done(job, seen) and _noted(seen)

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        """The stage first: a note alone would tell what has not come about."""
        told = dict(super().act(job, wire, _deal(before)))
        if not _noted(before):
            said = {"text": job.parameters["note"]}
            with half_done(bool(told)):
                door_of(job).make(NOTE, said, job, wire)
        return told

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        super().restore(job, wire, _deal(before), _deal(after))
        if _noted(after) and not _noted(before):
            with half_done(before["fields"] != after["fields"]):
                door_of(job).remove(NOTE, after["note"], job, wire)


def _noted(seen: Image) -> bool:
    """Whether the note is there, where one was asked for."""
    return "note" not in seen or bool(seen["note"]["there"])


def _deal(seen: Image) -> Image:
    return {name: seen[name] for name in seen if name != "note"}
