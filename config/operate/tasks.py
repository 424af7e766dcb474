"""Tasks of the house itself: life signs, sealing, exports, tidying up."""

from django.utils import timezone

from autonomy import asking, simulate
from autonomy.relay import Relay
from autonomy.tasks import publish
from config.celery import app
from config.idempotency import forget
from ledger import crossings, export, seal
from perception import pulse as pulses
from perception import webhooks


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
