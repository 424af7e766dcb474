"""Tasks of the house itself: life signs, sealing, exports, tidying up."""

from uuid import UUID

from django.utils import timezone

from autonomy import asking, simulate
from autonomy.relay import Relay
from autonomy.tasks import publish
from config.celery import app
from config.idempotency import forget
from ledger import crossings, export, seal
from ledger.clock import clock
from perception import patterns, pulls, scheduler, summaries, webhooks
from perception import pulse as pulses


@app.task(name="operate.pulse", house_wide=True)
def pulse() -> None:
    """It came through the broker and reached a worker: both live."""
    pulses.beat("worker", now=timezone.now())


@app.task(name="operate.seal", house_wide=True)
def seal_ledger() -> int:
    return seal.seal_due(now=timezone.now()).entries


@app.task(name="operate.export", house_wide=True)
def write_exports() -> int:
    return export.write_due(now=timezone.now())


@app.task(name="operate.relay", house_wide=True)
def relay_round() -> int:
    """What the relay does, for houses without one: worker and beat alone suffice."""
    return Relay(publish).round()


@app.task(name="operate.sweep_approvals", house_wide=True)
def sweep_approvals() -> int:
    return asking.sweep(now=timezone.now())


@app.task(name="operate.forget_deliveries", house_wide=True)
def forget_deliveries() -> int:
    return webhooks.forget(now=timezone.now())


@app.task(name="operate.simulate", house_wide=True)
def run_simulations() -> int:
    return simulate.run_due(now=timezone.now())


@app.task(name="operate.state_system_use", house_wide=True)
def state_system_use() -> int:
    return crossings.state_system_use(now=timezone.now())


@app.task(name="operate.forget_keys", house_wide=True)
def forget_keys() -> int:
    return forget(now=timezone.now())


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
    return pulls.forget(now=timezone.now())


@app.task(name="operate.scan_patterns", house_wide=True)
def scan_patterns() -> int:
    return patterns.scan_due(now=timezone.now())


@app.task(name="operate.summarise", house_wide=True)
def summarise_accounts() -> int:
    return summaries.summarise_due(now=timezone.now())


def _publish_pull(id_: UUID, tenant: UUID) -> None:
    ids = {"pull": str(id_), "tenant": str(tenant)}
    pull.apply_async(kwargs=ids, retry=False)
