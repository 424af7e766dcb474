"""O2: jobs of the house: each tick by one process, visible, adjustable, stated."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event
from uuid import uuid4

import pytest
from django.test import Client

from autonomy import catching_up, digests, goals, jobs
from autonomy.errors import JobIsOff, NoSuchJob
from autonomy.jobs import LEASE, SHIPPED, Did
from autonomy.models import Goal, Job
from config.operate.jobs import DOERS
from config.worlds.time import virtual_time
from ledger.clock import clock
from ledger.models import Entry
from ledger.record import Actor
from ledger.scope import PLATFORM, tenant_scope
from perception import patterns, reviews, summaries
from perception.models import Person
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW, House
from tests.races import in_threads

HOUR = timedelta(hours=1)
NAME = "pattern_scan"
FIVE = (
    "pattern_scan", "proactive_outreach_check", "goal_progress_update",
    "daily_digest_generation", "context_summarization",
)  # fmt: skip
BY = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000002")


@pytest.fixture
def job(db: None) -> Iterator[Job]:
    """A job that is due; what it was before comes back."""
    Job.objects.all().delete()
    assert jobs.install_missing(now=clock()) == len(SHIPPED)
    assert jobs.run_due(dict.fromkeys(SHIPPED, lambda _: 1), now=clock()) == 0
    Job.objects.update(next_at=clock())
    yield Job.objects.get(name=NAME)
    Job.objects.all().delete()


def now_of(name: str = NAME) -> Job:
    return Job.objects.get(name=name)


def stated() -> Entry:
    with tenant_scope(PLATFORM):
        return Entry.objects.filter(kind="setting.changed", data__setting="job").latest(
            "number"
        )


def test_what_an_operator_changed_survives_the_next_start(job: Job) -> None:
    """O2: five under their names, with their times, and those that learn beside them;
    missing ones alone are added.
    """
    held = {row.name: timedelta(seconds=row.every_s) for row in Job.objects.all()}
    five = {
        "pattern_scan": 6 * HOUR, "proactive_outreach_check": HOUR,
        "goal_progress_update": 24 * HOUR, "daily_digest_generation": 24 * HOUR,
        "context_summarization": 24 * HOUR,
    }  # fmt: skip
    assert {name: held[name] for name in five} == five
    learning = {
        "ranking_fit", "house_ranking_fit", "ranking_evaluation",
        "outcome_reconciliation", "earned_autonomy",
    }  # fmt: skip
    assert learning <= held.keys()
    jobs.change(NAME, {"every_s": 900, "is_on": False}, by=BY, now=clock())
    Job.objects.filter(name="goal_progress_update").delete()
    assert jobs.install_missing(now=clock()) == 1
    assert (now_of().every_s, now_of().is_on) == (900, False)
    entry = stated()
    assert entry.actor["id"] == BY.id
    assert entry.data["before"] == {"every_s": 21_600, "is_on": True}
    assert entry.data["after"] == {"every_s": 900, "is_on": False}


def test_one_process_runs_a_tick(job: Job) -> None:
    """O2: of many that look at once, one does it; its count and next time are kept."""
    done: list[datetime] = []
    now = clock()

    def do(at: datetime) -> Did:
        done.append(at)
        return Did(count=7, broken=2, error="ValueError")

    ran = in_threads(4, lambda _: jobs.run_due({NAME: do}, now=now))
    assert sorted(ran) == [0, 0, 0, 1]
    assert len(done) == 1
    row = now_of()
    assert (row.count, row.broken, row.error) == (7, 2, "ValueError")
    assert row.tick == job.next_at
    assert row.next_at == job.next_at + 6 * HOUR
    assert row.lease_until is None
    # Ticks that nobody came for are not made up for; the rhythm stays.
    assert jobs.run_due({NAME: do}, now=job.next_at + 29 * HOUR) == 1
    assert now_of().next_at == job.next_at + 30 * HOUR
    assert jobs.run_due({NAME: do}, now=job.next_at + 29 * HOUR) == 0


def test_a_dead_one_frees_its_tick(job: Job) -> None:
    """O2: after its lease somebody else runs the same tick; the dead writes nothing."""
    holds, goes_on = Event(), Event()

    def hangs(_: datetime) -> int:
        holds.set()
        assert goes_on.wait(60)
        return 1

    def both(number: int) -> bool:
        if number == 0:
            return jobs.run(NAME, hangs, now=job.next_at)
        try:
            assert holds.wait(60)
            assert not jobs.run(NAME, lambda _: 2, now=job.next_at)
            Job.objects.filter(name=NAME).update(lease_until=clock() - LEASE)
            return jobs.run(NAME, lambda _: 3, now=job.next_at)
        finally:
            goes_on.set()

    assert in_threads(2, both) == [False, True]
    row = now_of()
    assert (row.count, row.tick) == (3, job.next_at)
    assert row.next_at == job.next_at + 6 * HOUR


def test_what_breaks_is_kept_and_comes_again(job: Job) -> None:
    """O2, T6: by its name, without its words; the other jobs are run."""

    def breaks(_: datetime) -> int:
        raise ValueError("ann@acme.example")

    doers = {NAME: breaks, "context_summarization": lambda _: 4}
    assert jobs.run_due(doers, now=clock()) == 2
    assert (now_of().broken, now_of().error) == (1, "ValueError")
    assert now_of("context_summarization").count == 4
    jobs.run_due({NAME: lambda _: 5}, now=job.next_at + 6 * HOUR)
    assert (now_of().count, now_of().broken, now_of().error) == (5, 0, "")


def test_run_now_and_off(job: Job) -> None:
    """O2: asked for while it runs, it runs again; off, it does not, and is not asked."""
    now = clock()

    def asks(_: datetime) -> int:
        jobs.run_soon(NAME, by=BY, now=now + timedelta(seconds=1))
        return 1

    assert jobs.run(NAME, asks, now=now)
    assert jobs.run(NAME, lambda _: 2, now=now + timedelta(seconds=2))
    assert stated().data["after"]["next_at"] == (now + timedelta(seconds=1)).isoformat()
    jobs.change(NAME, {"every_s": 60}, by=BY, now=now)
    assert now_of().next_at == now + timedelta(seconds=60)
    jobs.change(NAME, {"is_on": False}, by=BY, now=now)
    assert not jobs.run(NAME, lambda _: 3, now=now + HOUR)
    with pytest.raises(JobIsOff):
        jobs.run_soon(NAME, by=BY, now=now)
    with pytest.raises(NoSuchJob):
        jobs.change("nothing", {"is_on": False}, by=BY, now=now)
    assert now_of().next_at == now + timedelta(seconds=60)


def test_every_doer_has_a_job(job: Job) -> None:
    """O2: nothing comes round that nobody knows of."""
    assert DOERS.keys() <= SHIPPED.keys()


def test_each_job_tells_what_broke_and_of_which_kind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2, T6: the fault of one goal, account or member is counted, by its class alone."""
    goal = uuid4()

    def breaks(*_: object, **__: object) -> int:
        raise ValueError("ann@acme.example")

    broke = reviews.Served(looked=3, broken=2, error="ValueError")
    for module, name in ((patterns, "scan_all"), (summaries, "summarise_all")):
        monkeypatch.setattr(module, name, lambda *, now: broke)
    monkeypatch.setattr(digests, "_write", breaks)
    monkeypatch.setattr(catching_up, "_running", lambda now: [(desk.tenant, goal)])
    monkeypatch.setattr(catching_up, "_look", breaks)
    monkeypatch.setattr(goals, "_measure", breaks)
    with tenant_scope(desk.tenant):
        Goal.objects.create(
            tenant_id=desk.tenant, type="activity", target=1, start=NOW,
            end=NOW + HOUR, status="ACTIVE", due_at=NOW, created_at=NOW,
        )  # fmt: skip
    for name in FIVE:
        did = DOERS[name](clock() + 48 * HOUR)
        assert isinstance(did, Did)
        assert did.broken >= 1, name
        assert did.error == "ValueError", name


def test_superusers_see_and_change_jobs_and_nobody_else(job: Job, house: House) -> None:
    """O2, U2: also those who are a member somewhere; the house's own ledger says so."""
    admin = Client()
    admin.force_login(Person.objects.get(pk=house.members[Role.ADMIN].person_id))
    page = "/admin/autonomy/job/"
    assert admin.get(page).status_code in (302, 403)
    assert admin.post(f"{page}{NAME}/run/").status_code in (302, 403)
    person = Person.objects.create_superuser(f"root@{uuid4().hex}.example", "x" * 20)
    Person.objects.filter(pk=person.pk).update(tenant_ids=[house.tenant])
    root = Client()
    root.force_login(Person.objects.get(pk=person.pk))
    Job.objects.filter(name=NAME).update(next_at=clock() + HOUR, count=17)
    listed = root.get(page).content.decode()
    assert "Pattern scan" in listed
    assert "6 hours" in listed
    changed = root.post(f"{page}{NAME}/change/", {"every_s": "1800"})
    assert changed.status_code == 302, changed.content.decode()
    assert (now_of().every_s, now_of().is_on) == (1800, False)
    assert stated().actor["id"] == str(person.pk)
    refused = root.post(f"{page}{NAME}/change/", {"every_s": "5", "is_on": "on"})
    assert refused.status_code == 200
    assert now_of().every_s == 1800
    root.post(f"{page}{NAME}/change/", {"every_s": "1800", "is_on": "on"})
    assert "Run now" in root.get(f"{page}{NAME}/change/").content.decode()
    assert "Run" in root.get(f"{page}{NAME}/run/").content.decode()
    assert root.post(f"{page}{NAME}/run/").status_code == 302
    assert now_of().next_at <= clock()
    assert stated().data["key"] == NAME


def test_time_passes_and_it_is_due_again(job: Job) -> None:
    """O2: by the database's clock."""
    with virtual_time() as time:
        assert jobs.run_due({NAME: lambda _: 1}, now=time.now()) == 1
        time.pass_(5 * HOUR)
        assert jobs.run_due({NAME: lambda _: 1}, now=time.now()) == 0
        time.pass_(HOUR)
        assert jobs.run_due({NAME: lambda _: 1}, now=time.now()) == 1
