"""The desk for doubts: the tool is asked whether an act was done, and that ends it."""

from dataclasses import dataclass
from uuid import UUID

from autonomy.errors import CannotLookUp, NotInDoubt
from autonomy.models import Execution
from autonomy.settle import settle
from autonomy.tools import outside
from autonomy.tools.base import Act, Image
from autonomy.tools.outside import Called
from autonomy.tools.reaching import Way, job_for, way_of
from ledger.clock import clock
from ledger.record import Actor
from ledger.scope import current_tenant
from perception import guards

FOUND = "The tool was asked: it was done."
MISSING = "The tool was asked: it was not done."


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a look brought. `done`: None where it ended nothing."""

    done: bool | None
    said: str
    seen: Image | None = None


def can_look(execution: Execution) -> bool:
    """Whether its tool can be asked what became of it."""
    way = way_of(execution.tool)
    return way is not None and way.hand.sees


def look_up(execution: UUID, *, by: Actor) -> Looked:
    """Ask the tool of an act in doubt; what it shows settles the act, or is shown."""
    rows = Execution.objects.select_for_update(of=("self",)).select_related("intent")
    held = rows.get(tenant_id=current_tenant(), pk=execution)
    if held.status != Execution.Status.IN_DOUBT:
        raise NotInDoubt(f"It is {held.status}.")
    way = way_of(held.tool)
    if way is None or not way.hand.sees:
        raise CannotLookUp
    seen = _seen(way, held)
    if isinstance(seen, Called):
        return Looked(done=None, said=f"It could not be asked. {seen.said.detail}")
    job = job_for(way, Act(execution=held, intent=held.intent, at=clock()), attempt=0)
    if way.hand.is_done(job, seen):
        held.after = dict(seen)
        held.save(update_fields=["after"])
        return _ended(held, seen, done=True, said=FOUND, by=by)
    if seen == (held.before or way.hand.origin(job, seen)):
        return _ended(held, seen, done=False, said=MISSING, by=by)
    said = "Somebody has changed it since, so that it cannot be told: say it yourself."
    return Looked(done=None, said=said, seen=seen)


def _seen(way: Way, held: Execution) -> Image | Called:
    """What stands there, asked at the tool's rate and told to its breaker."""
    job = job_for(way, Act(execution=held, intent=held.intent, at=clock()), attempt=0)
    guards.look(way.row, now=clock())
    return outside.see(way.hand, job, outside.wire_for(job, way.timeout))


def _ended(held: Execution, seen: Image, *, done: bool, said: str, by: Actor) -> Looked:
    settle(held, done=done, by=by, note=said, now=clock())
    return Looked(done=done, said=said, seen=seen)
