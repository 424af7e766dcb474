"""Tasks know their tenant by keyword; the timetable has its ticks."""

from typing import Any
from uuid import UUID

import pytest
from django.db import Error, connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from autonomy.waking import wake
from config.celery import TaskWithoutTenant, app
from config.schedule import ALLOWED_TASKS, TICKS, install_missing
from ledger.errors import ForeignTenant
from ledger.models import Entry
from ledger.scope import current_tenant, tenant_scope
from tests.conftest import House


@app.task(name="test.who")
def who(*, tenant: str = "") -> tuple[UUID, int]:
    return current_tenant(), Entry.objects.count()


@app.task(name="test.swallows", house_wide=True)
def swallows() -> None:
    """Outside every transaction, and a broken line is no error to it."""
    wake()


@app.task(name="test.asks", house_wide=True)
def asks() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def cut(superuser: Any) -> None:
    """The server lets go of this process, which is not told."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()
    with superuser.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", pid)


def run(house: House) -> Any:
    return who(tenant=str(house.tenant))


def test_a_task_runs_in_the_scope_of_its_tenant(house: House, other: House) -> None:
    assert run(house)[0] == house.tenant
    assert not Entry.objects.exists()
    assert run(other)[0] == other.tenant
    with pytest.raises(TaskWithoutTenant):
        who()
    with pytest.raises(ForeignTenant), tenant_scope(house.tenant):
        run(other)


def test_a_task_leaves_no_broken_connection_to_the_next(superuser: Any) -> None:
    """Only an error inside a transaction drops its connection; these are outside one."""
    cut(superuser)
    with pytest.raises(Error):
        asks()
    asks()
    cut(superuser)
    swallows()
    asks()


def test_the_timetable_adds_what_is_missing_and_keeps_what_was_changed(
    db: None,
) -> None:
    """An operator's change survives the next start."""
    PeriodicTask.objects.all().delete()
    assert install_missing() == len(TICKS)
    slow, _ = IntervalSchedule.objects.get_or_create(every=77, period="seconds")
    PeriodicTask.objects.filter(name="pulse").update(interval=slow)
    assert install_missing() == 0
    assert PeriodicTask.objects.get(name="pulse").interval.every == 77
    PeriodicTask.objects.all().delete()


def test_every_tick_names_a_task_that_exists() -> None:
    app.loader.import_default_modules()
    assert set(app.tasks) >= ALLOWED_TASKS


def test_what_waits_for_its_time_has_a_tick() -> None:
    """H2: without one, no question would ever expire."""
    known = {task for task, _ in TICKS.values()}
    assert {"operate.sweep_approvals", "operate.forget_deliveries"} <= known
    assert known <= set(app.tasks)
