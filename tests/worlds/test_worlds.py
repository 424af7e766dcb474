"""U5: tenants live through days in virtual time; what must hold is looked at throughout."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from autonomy.opening import open_tenant
from config.operate.management.commands import simulate
from config.worlds import laws
from config.worlds.days import Asked, World, lived
from config.worlds.ground import PREFIX, NoGround, ground, told
from config.worlds.laws import ALWAYS, IN_THE_END
from config.worlds.report import report_on
from config.worlds.shown import lines, page
from perception.errors import NoSuchTenant
from perception.tenants import find_tenant
from tests import trials
from tests.conftest import NOW

SEED = trials.seed(20261121)
ASKED = Asked(tenants=2, accounts=4, days=1, seed=SEED, faults=True, a_day=3.0)
# How each law is broken, by somebody who may do anything.
BREAKS = {
    "nothing runs alone but where the verdict said so": """
UPDATE autonomy_execution SET auto_executed = true WHERE NOT auto_executed""",
    "whatever else ran, a person approved": """
UPDATE autonomy_execution SET auto_executed = false WHERE auto_executed""",
    "a permit is spent once": """
ALTER TABLE autonomy_execution DROP CONSTRAINT IF EXISTS {permit};
INSERT INTO autonomy_execution SELECT (jsonb_populate_record(e, jsonb_build_object(
    'id', gen_random_uuid(), 'status', 'FAILED'))).* FROM autonomy_execution e""",
    "no intent succeeds twice": """
INSERT INTO autonomy_execution SELECT (jsonb_populate_record(e, jsonb_build_object(
    'id', gen_random_uuid()))).* FROM autonomy_execution e WHERE status = 'SUCCEEDED'""",
    "no day uses more of a budget than it has": """
UPDATE autonomy_budgetuse SET used = 1000000""",
    "nothing starts while a switch stops its tenant": """
INSERT INTO autonomy_killswitch (id, tenant_id, scope, target, reason, engaged_by,
    asked_at, committed_at, release_reason, released_by)
SELECT gen_random_uuid(), tenant_id, 'tenant', '', 'x', 'x', min(started_at),
    min(started_at) - interval '1 minute', '', '' FROM autonomy_execution
GROUP BY tenant_id""",
    "nothing starts after its time": """
UPDATE autonomy_intent SET not_after = created_at - interval '1 hour'""",
    "what expired is not decided": """
UPDATE autonomy_approval SET expires_at = decided_at - interval '1 hour'
WHERE status = 'APPROVED'""",
    "an account has one active plan of a type": """
INSERT INTO plans_plan SELECT (jsonb_populate_record(NULL::plans_plan,
    '{{"status": "ACTIVE", "plan_type": "X"}}' || jsonb_build_object(
    'id', gen_random_uuid(), 'tenant_id', a.tenant_id, 'account_id', a.id))).*
FROM perception_account a, generate_series(1, 2)""",
    "a run is charged for one decision": """
INSERT INTO autonomy_synthesizercall (id, tenant_id, run_id, synthesizer, gate_result,
    charged, called_at, tokens, cost, refused)
SELECT gen_random_uuid(), tenant_id, id, 'x', 'ALLOW', true, now(), 0, 0, ''
FROM autonomy_run, generate_series(1, 2)""",
    "every signal was taken in": """
UPDATE perception_signal SET entered_at = NULL""",
    "every run came to an end": """
UPDATE autonomy_run SET status = 'TRIGGERED', due_at = '2020-01-01'""",
    "every approved act was done, or said why not": """
UPDATE autonomy_intent SET status = 'APPROVED', due_at = '2020-01-01'
WHERE status = 'SUCCEEDED'""",
}  # fmt: skip
# Whoever breaks a law here first takes away what would have refused it.
_UNGUARD = (
    """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname)
FROM pg_constraint JOIN pg_class t ON t.oid = conrelid
WHERE contype IN ('u', 'c', 'x') AND t.relname ~ '^(autonomy|plans)_'
""",
    """
SELECT format('DROP INDEX %s', i.indexrelid::regclass) FROM pg_index i
JOIN pg_class t ON t.oid = i.indrelid
WHERE i.indisunique AND NOT i.indisprimary AND t.relname ~ '^(autonomy|plans)_'
""",
    """
SELECT format('ALTER TABLE plans_plan ALTER COLUMN %I DROP NOT NULL', attname)
FROM pg_attribute WHERE attrelid = 'plans_plan'::regclass AND attnotnull
  AND attnum > 0 AND attname <> 'id'
""",
)


@pytest.fixture(scope="module")
def world(services: None, django_db_blocker: Any) -> Iterator[World]:
    """A day of two tenants under fire, shared by what looks at it."""
    with django_db_blocker.unblock():
        with lived_and_told(ASKED) as one:
            yield one
        connection.close()


@contextmanager
def lived_and_told(asked: Asked) -> Iterator[World]:
    """A world after its days; how often a law was looked at in them is counted."""
    looked, look = Counter[str](), laws.look

    def counted(given: Mapping[str, str]) -> list[laws.Broken]:
        looked.update(list(given))
        return look(given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(laws, "look", counted)
        with lived(asked) as world:
            trials.record(
                "worlds",
                trials=looked.total(),
                violations=len(world.broken),
                seed=asked.seed,
                signals=sum(house.told for house in world.houses),
                faults=world.broker.fate.struck.total(),
                days=len(world.heard),
            )
            patched.undo()
            yield world


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_month_under_fire_breaks_no_law(
    services: None, django_db_blocker: Any
) -> None:
    """U5: thirty days of four tenants, one in each mode."""
    asked = Asked(
        tenants=4, accounts=8, days=30, seed=trials.seed(), faults=True, a_day=1.0
    )
    with django_db_blocker.unblock():
        with lived_and_told(asked) as world:
            assert world.broken == []
        connection.close()


def test_a_day_under_fire_breaks_no_law(world: World) -> None:
    """U5: faults struck, work was done, and everything held all the same."""
    assert world.broken == []
    struck = world.broker.fate.struck
    assert struck["killed"]
    assert len(struck) > 2, struck
    report = report_on(world)
    assert report.broken_laws == []
    assert report.signals == sum(house.told for house in world.houses) > 0
    assert sum(report.executions.values()) > 0
    assert report.autonomy_rate is not None
    assert report.spend["decisions"] > 0
    assert {each["mode"] for each in report.feed} == {"AUTOPILOT", "SCHEDULED"}
    assert set(report.load) == {"beat", "relay", "worker"}
    assert json.loads(json.dumps(report.stated()))["asked"]["seed"] == ASKED.seed
    told_ = "\n".join(lines(report))
    assert "Every law held." in told_
    assert "Every law held." in page(report)


def test_every_law_is_noticed_when_it_is_broken(world: World) -> None:
    """A law that nothing could break would prove nothing."""
    assert set(BREAKS) == {*ALWAYS, *IN_THE_END}
    admin = psycopg2.connect(settings.DATABASE_GIVEN_URL)
    try:
        for law, statement in BREAKS.items():
            found = _broken(admin, law, statement.format(permit="none"))
            assert found, law
            admin.rollback()
            assert not laws.look({law: {**ALWAYS, **IN_THE_END}[law]}), law
    finally:
        admin.close()


def _broken(admin: Any, law: str, statement: str) -> list[Any]:
    """What the law finds once it was broken, in a transaction that is taken back."""
    with admin.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for guards in _UNGUARD:
            cursor.execute(guards)
            for (unguard,) in cursor.fetchall():
                cursor.execute(unguard)
        cursor.execute(statement)
        cursor.execute({**ALWAYS, **IN_THE_END}[law])
        found: list[Any] = cursor.fetchall()
    return found


def test_a_peer_that_acts_twice_is_noticed(world: World) -> None:
    key = next(iter(world.peer.applied), "")
    assert key, "nothing reached the peer"
    before = world.peer.applied[key]
    world.peer.applied[key] = 2
    world.peer.applied["strange"] = 1
    found = {each.law for each in laws.look_at_peer(world.peer, is_over=True)}
    world.peer.applied[key] = before
    del world.peer.applied["strange"]
    assert found == {
        "a peer acts once for a key", "what a peer applied is recorded",
    }  # fmt: skip
    done = next(key for key in world.peer.applied if not key.endswith(laws.UNDO))
    del world.peer.applied[done]
    found = {each.law for each in laws.look_at_peer(world.peer, is_over=True)}
    world.peer.applied[done] = 1
    assert "what is recorded as done was applied" in found


def test_a_broken_law_ends_the_command_with_1(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract: exit 1 on a broken law, which is named."""
    world.broken.append(laws.Broken(law="gravity", at="noon", by=("an apple",)))
    monkeypatch.setattr(simulate, "lived", _given(world))
    try:
        with pytest.raises(SystemExit) as ended:
            call_command("simulate", tenants=1, seed=1)
    finally:
        world.broken.clear()
    assert ended.value.code == 1
    assert "BROKEN at noon: gravity: an apple" in capsys.readouterr().out


def _given(world: World) -> Any:
    return lambda asked, say: nullcontext(world)


def test_a_world_leaves_nothing_behind(db: None, superuser: Any) -> None:
    """Its database is gone, the house's own is as it was, and settings are too."""
    before = (settings.DIGESTS_BY_MAIL, settings.APP_URL)
    with ground():
        assert before[1] != settings.APP_URL
        assert connection.settings_dict["NAME"].startswith(PREFIX)
        open_tenant("alone", "Alone", timezone="UTC", now=NOW)
    assert before == (settings.DIGESTS_BY_MAIL, settings.APP_URL)
    with pytest.raises(NoSuchTenant):
        find_tenant("alone")
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_database WHERE starts_with(datname, %s)",
            [PREFIX],
        )
        assert cursor.fetchone() == (0,)


def test_where_no_database_can_be_made_it_says_what_to_do(db: None) -> None:
    nobody = settings.APP_URL
    with (
        told(DATABASE_GIVEN_URL=nobody),
        pytest.raises(NoGround, match="DATABASE_OWNER_URL"),
        ground(),
    ):
        pytest.fail("the run-time role made a database")


@pytest.mark.parametrize(
    "words", [["--tenants", "0"], ["--days", "x"], ["--accounts", "-3"]]
)
def test_wrong_numbers_are_refused(words: list[str]) -> None:
    with pytest.raises(CommandError, match="write a whole number"):
        call_command("simulate", *words)
