"""A database of its own for a world: made beside the house's, migrated, dropped at the end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from django.conf import settings
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connections
from psycopg2 import sql

from config import embedded
from config.rights import grant, prepare_roles

PREFIX = "autonomy_world_"
_URLS = ("DATABASE_GIVEN_URL", "OWNER_URL", "APP_URL", "AUDITOR_URL")
_DEAD = """
SELECT datname FROM pg_database d WHERE starts_with(datname, %s)
AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)
"""


class NoGround(Exception):
    """A world needs a database of its own, which cannot be made here."""


@contextmanager
def ground() -> Iterator[None]:
    """This process lives in a fresh database until the end; nothing leaves it: no mail, no
    model is asked, no anchor is written beside the house's own.
    """
    env = settings.ENV
    ours = env.embedded_postgres or env.embedded_redis
    started = embedded.up(settings.VAR_DIR) if ours else frozenset[str]()
    name = f"{PREFIX}{os.getpid()}"
    try:
        prepare_roles(env)
        with TemporaryDirectory(prefix="world-") as folder, _made(name):
            alone = {"DIGESTS_BY_MAIL": False, "SYNTHESIZER": "rules"}
            with told(**alone, LEDGER_ANCHOR_DIR=Path(folder)), moved_to(name):
                call_command(
                    migrate.Command(), database="owner", verbosity=0, skip_checks=True
                )
                grant()
                yield
    finally:
        if started:
            embedded.down(settings.VAR_DIR)


@contextmanager
def told(**values: Any) -> Iterator[None]:
    """Settings are these, and as they were again afterwards."""
    before = {name: getattr(settings, name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(settings, name, value)


@contextmanager
def _made(name: str) -> Iterator[None]:
    owner = urlsplit(str(settings.OWNER_URL)).username or ""
    try:
        admin = psycopg2.connect(
            _named(settings.DATABASE_GIVEN_URL, "postgres"), connect_timeout=5
        )
        # Databases are made and dropped outside transactions.
        admin.autocommit = True
        with admin.cursor() as cursor:
            _drop_dead(cursor)
            made = sql.SQL("CREATE DATABASE {} OWNER {}")
            cursor.execute(made.format(sql.Identifier(name), sql.Identifier(owner)))
    except psycopg2.Error as error:
        said = str(error).strip().splitlines()[0]
        raise NoGround(
            f"A world lives in a database of its own, and none can be made ({said}): "
            "run this where DATABASE_URL is unset, or where DATABASE_OWNER_URL may "
            "create databases."
        ) from error
    try:
        yield
    finally:
        with admin.cursor() as cursor:
            _drop(cursor, name)
        admin.close()


def _drop_dead(cursor: Any) -> None:
    """Worlds whose processes were killed."""
    cursor.execute(_DEAD, [PREFIX])
    for (name,) in cursor.fetchall():
        _drop(cursor, name)


def _drop(cursor: Any, name: str) -> None:
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    cursor.execute(drop.format(sql.Identifier(name)))


@contextmanager
def moved_to(name: str) -> Iterator[None]:
    """Every connection of this process goes there."""
    before = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    urls = {each: getattr(settings, each) for each in _URLS}
    moved = {each: url and _named(url, name) for each, url in urls.items()}
    try:
        with told(**moved):
            _point(dict.fromkeys(before, name))
            yield
    finally:
        _point(before)


def _point(names: dict[str, Any]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
