"""S7, S8: workers of two versions, and one whose clock is a day ahead."""

import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.chaos.story import Story
from tests.walks.running import ROOT, Running, installation

WORKER = (
    f"{sys.executable} {ROOT}/tests/chaos/worker.py %s -- --quiet -A config.celery:app "
    "worker --concurrency 1 --without-mingle --without-gossip --loglevel WARNING"
)
WEB = "web: gunicorn config.wsgi:application --config config/gunicorn.py"
BEAT = "beat: celery --quiet -A config.celery:app beat --loglevel WARNING --pidfile="
RELAY = "relay: python manage.py relay"

# What a release may change: one more keyword, which is sent and which tasks take.
NEWER = {
    '"tenant": tenant}': '"tenant": tenant, "reason": "signal"}',
    "tenant: str, **later": 'tenant: str, reason: str = "none", **later',
}
# Moments that lie ahead by their nature; all others have passed when they are written.
AHEAD = (
    "expires_at", "due_at", "remind_at", "defer_until", "lease_until",
    "next_poll_at", "next_pull_at", "deep_at",
)  # fmt: skip


def _procfile(running: Running, *lines: str) -> None:
    path = running.var.parent / "Procfile"
    path.write_text("\n".join(("release: python manage.py migrate --noinput", *lines)))
    running.words = ["--procfile", str(path)]


# --- A wrong clock ---------------------------------------------------------------


@pytest.mark.timeout(400)
def test_a_worker_a_day_ahead_opens_no_day(tmp_path: Path) -> None:
    """S8, P3: a budget of five gives five acts, all of them today."""
    # Seldom enough that the worker seals too.
    with installation(SEAL_SECONDS="20", APPROVAL_TTL_SECONDS="86400") as running:
        _procfile(running, WEB, BEAT, RELAY, "worker: " + WORKER % "--ahead 26")
        running.start()
        story = Story(running)
        story.prepare(accounts=12, a_day=5)
        before = _today(story)
        story.post_together(range(12), accounts=12)
        running.wait_for(story.is_quiet, 120)
        story.assert_nothing_lost(12)
        days = {before, _today(story)}
        acts = story.one("SELECT count(*) FROM autonomy_execution WHERE auto_executed")
        assert 5 <= acts <= 5 * len(days)
        assert _days_used(story) <= days
        _nothing_ends_early(story)
        story.seal()
        assert _ahead(story) == {}
        running.stop()


def _today(story: Story) -> str:
    """The day of the tenant, as the database has it; at midnight it changes."""
    return story.running.sql(
        "SELECT (clock_timestamp() AT TIME ZONE timezone)::date::text "
        "FROM perception_tenant WHERE slug = 'demo-1'"
    )[0][0]


def _days_used(story: Story) -> set[str]:
    rows = story.running.sql(
        "SELECT day::text FROM autonomy_budgetuse "
        "UNION SELECT day::text FROM autonomy_receipt"
    )
    assert rows
    return {row[0] for row in rows}


def _nothing_ends_early(story: Story) -> None:
    """Questions that live for a day were swept by a worker for which it is over."""
    asked = "SELECT status, count(*) FROM autonomy_approval GROUP BY 1"
    for _ in range(3):
        story.wait_for_life("worker")
    assert [status for status, _ in story.running.sql(asked)] == ["PENDING"]


def _ahead(story: Story) -> dict[str, str]:
    """Every column of every table that holds a moment more than an hour from now."""
    columns = story.running.sql(
        "SELECT table_name, column_name FROM information_schema.columns "
        "JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE' "
        "AND data_type = 'timestamp with time zone'"
    )
    assert ("autonomy_execution", "started_at") in columns
    found = {}
    for table, column in columns:
        if column in AHEAD:
            continue
        latest = story.running.sql(
            f'SELECT max("{column}")::text, '
            f'max("{column}") > clock_timestamp() + interval \'1 hour\' FROM "{table}"'
        )[0]
        if latest[1]:
            found[f"{table}.{column}"] = latest[0]
    return found


# --- Two versions ----------------------------------------------------------------


@pytest.mark.timeout(400)
def test_old_and_new_finish_each_others_runs(tmp_path: Path) -> None:
    """S7: what either sends, both do; runs that both had a hand in are done, once."""
    newer, stamps = tmp_path / "newer", tmp_path / "stamps"
    _release(newer)
    with installation(SPINE_STRIDE="1") as running:
        _procfile(
            running,
            WEB,
            BEAT,
            RELAY,
            f"relay-2: python {newer}/manage.py relay",
            "worker: " + WORKER % f"--stamp {stamps} old" + " -n old@%h",
            "worker-2: "
            + WORKER % f"--folder {newer} --stamp {stamps} new"
            + " -n new@%h",
        )
        running.start()
        story = Story(running)
        story.prepare(accounts=20)
        posted = 0
        while not _all_met(stamps) and posted < 400:
            story.post_together(range(posted, posted + 20), accounts=20)
            posted += 20
            running.wait_for(story.is_quiet, 120)
        assert _all_met(stamps)
        story.assert_nothing_lost(posted)
        story.assert_nothing_twice()
        story.assert_budgets_exact()
        decided = Counter(run for _, stage, run in _did(stamps) if stage == "DECIDE")
        assert set(decided.values()) == {1}
        log = running.log.read_text()
        for trouble in ("Traceback", "TypeError", "stage failed", "ended with code"):
            assert trouble not in log
        story.seal()
        running.stop()


def _copied(folder: Path) -> None:
    """The product as it is, in a folder of its own."""
    for name in ("config", "plans", "autonomy", "perception", "ledger"):
        unread = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=unread)
    shutil.copy(ROOT / "manage.py", folder)


def _release(folder: Path) -> None:
    """The product, as a later release may have changed it."""
    _copied(folder)
    tasks = folder / "autonomy" / "tasks.py"
    text = tasks.read_text()
    for old, new in NEWER.items():
        assert old in text
        text = text.replace(old, new)
    tasks.write_text(text)


def _lines(stamps: Path, kind: str) -> list[list[str]]:
    if not stamps.exists():
        return []
    lines = [line.split() for line in stamps.read_text().splitlines()]
    return [[who, *words] for who, what, *words in lines if what == kind]


def _did(stamps: Path) -> list[list[str]]:
    return _lines(stamps, "did")


def _all_met(stamps: Path) -> bool:
    """Both did what both had sent, and there are runs of which each did a part."""
    asked = {(who, "reason" in words) for who, *words in _lines(stamps, "asked")}
    hands = defaultdict(set)
    for who, _, run in _did(stamps):
        hands[run].add(who)
    return len(asked) == 4 and any(len(whose) == 2 for whose in hands.values())
