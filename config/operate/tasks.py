"""Tasks of the house itself, by the database's clock: a worker's own may be wrong."""

import math
from uuid import UUID

from django.conf import settings

from autonomy import (
    alerts,
    asking,
    digests,
    jobs,
    notifying,
    responses,
    rituals,
    service,
    simulate,
    switchboard,
    telling,
)
from autonomy.relay import Relay
from autonomy.tasks import publish
from config.celery import app
from config.idempotency import forget
from config.operate.jobs import DOERS
from ledger import crossings, export, seal
from ledger.clock import clock
from perception import patterns, pulls, scheduler, summaries, webhooks
from perception import pulse as pulses
from plans import foreseeing, orchestrator


@app.task(name="operate.pulse", house_wide=True)
def pulse() -> None:
    """It came through the broker and reached a worker: both live."""
    pulses.beat("worker", now=clock())


@app.task(name="operate.seal", house_wide=True)
def seal_ledger() -> int:
    return seal.seal_due(now=clock()).entries


@app.task(name="operate.export", house_wide=True)
def write_exports() -> int:
    return export.write_due(now=clock())


@app.task(name="operate.relay", house_wide=True)
def relay_round() -> int:
    """What the relay does, for houses without one: worker and beat alone suffice.

    Where one lives, what it has not sent yet waits its turn.
    """
    now, late = clock(), pulses.LATE_BEATS * settings.TICK_SECONDS
    if pulses.ages(now=now).get("relay", math.inf) < late:
        return 0
    return Relay(publish).round()


@app.task(name="operate.sweep_approvals", house_wide=True)
def sweep_approvals() -> int:
    return asking.sweep(now=clock())


@app.task(name="operate.end_stops", house_wide=True)
def end_stops() -> int:
    return switchboard.end_due(now=clock())


@app.task(name="operate.forget_deliveries", house_wide=True)
def forget_deliveries() -> int:
    return webhooks.forget(now=clock())


@app.task(name="operate.simulate", house_wide=True)
def run_simulations() -> int:
    return simulate.run_due(now=clock())


@app.task(name="operate.state_system_use", house_wide=True)
def state_system_use() -> int:
    return crossings.state_system_use(now=clock())


@app.task(name="operate.forget_keys", house_wide=True)
def forget_keys() -> int:
    return forget(now=clock())


@app.task(name="operate.watch", house_wide=True)
def watch_accounts() -> int:
    # By the database's clock: one that is wrong would use up rates and days to come.
    return scheduler.tick(now=clock()).looked


@app.task(name="operate.send_pulls", house_wide=True)
def send_pulls() -> int:
    return pulls.send_due(_publish_pull)


@app.task(name="operate.pull", house_wide=True)
def pull(*, pull: str, tenant: str) -> None:
    """One pull. It opens its tenant's scope itself, once for each page."""
    pulls.run(UUID(pull), tenant=UUID(tenant))


@app.task(name="operate.forget_pulls", house_wide=True)
def forget_pulls() -> int:
    return pulls.forget(now=clock())


@app.task(name="operate.scan_patterns", house_wide=True)
def scan_patterns() -> int:
    return patterns.scan_due(now=clock())


@app.task(name="operate.summarise", house_wide=True)
def summarise_accounts() -> int:
    return summaries.summarise_due(now=clock())


@app.task(name="operate.advance_plans", house_wide=True)
def advance_plans() -> int:
    return orchestrator.tick(now=clock()).looked


@app.task(name="operate.watch_service", house_wide=True)
def watch_service() -> int:
    return alerts.watch(now=clock())


@app.task(name="operate.tell_alerts", house_wide=True)
def tell_alerts() -> int:
    return telling.tell(now=clock())


@app.task(name="operate.forget_minutes", house_wide=True)
def forget_minutes() -> int:
    return service.forget(now=clock())


# A sweep may take its time: it is rare, and one process at most runs each.
@app.task(name="operate.run_jobs", house_wide=True, soft_time_limit=840, time_limit=900)
def run_jobs() -> int:
    return jobs.run_due(DOERS, now=clock())


@app.task(name="operate.settle_responses", house_wide=True)
def settle_responses() -> int:
    return responses.settle_all(now=clock())


@app.task(name="operate.run_rituals", house_wide=True)
def run_rituals() -> int:
    return rituals.run_due(now=clock(), foresee=foreseeing.propose_for_runway)


@app.task(name="operate.deliver_digests", house_wide=True)
def deliver_digests() -> int:
    """What is due is written, and sent; so is what did not arrive the last time."""
    written = digests.write_due(now=clock()).count
    return written + digests.send_due(now=clock()).count


@app.task(name="operate.tell_notices", house_wide=True)
def tell_notices() -> int:
    return notifying.deliver_due(now=clock()).count


@app.task(name="operate.forget_notices", house_wide=True)
def forget_notices() -> int:
    return notifying.forget(now=clock())


def _publish_pull(id_: UUID, tenant: UUID) -> None:
    ids = {"pull": str(id_), "tenant": str(tenant)}
    pull.apply_async(kwargs=ids, retry=False)
