"""A plugin (`-p tests.moves`): writes down every change of a status that the database sees."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings

from config.embedded import endpoints

WATCHED = ("autonomy_intent", "autonomy_approval", "autonomy_execution")
# Nothing is unique there: whoever writes a move waits for nobody.
SETUP = """
CREATE SCHEMA watched;
CREATE UNLOGGED TABLE watched.move (of text, before text, after text);
CREATE FUNCTION watched.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- A replay walks the same way again, and puts back what was if nothing comes of it.
    IF to_jsonb(NEW) ->> 'replay_id' IS NOT NULL THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) ->> 'replay_id' IS NOT NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO watched.move VALUES (TG_TABLE_NAME,
        CASE WHEN TG_OP = 'UPDATE' THEN OLD.status ELSE '' END, NEW.status);
    RETURN NULL;
END $$;
"""
TRIGGER = """
CREATE TRIGGER watched_made AFTER INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION watched.note();
CREATE TRIGGER watched_moved AFTER UPDATE OF status ON {table} FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION watched.note();
"""


@pytest.fixture(scope="session", autouse=True)
def moves(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Kept as JSON in the file that MOVES names."""
    connection = psycopg2.connect(endpoints(settings.VAR_DIR).superuser_url())
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS watched CASCADE;" + SETUP)
        for table in WATCHED:
            cursor.execute(TRIGGER.format(table=table))
    yield
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT of, before, after, count(*) FROM watched.move GROUP BY 1, 2, 3"
        )
        seen = sorted(cursor.fetchall())
    connection.close()
    Path(os.environ["MOVES"]).write_text(json.dumps(seen))
