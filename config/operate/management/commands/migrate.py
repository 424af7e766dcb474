"""`migrate`: roles, tables as their owner, then everybody's rights."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DatabaseError, OperationalError
from psycopg2 import OperationalError as NoConnection
from psycopg2.errors import InsufficientPrivilege

from config.rights import grant, prepare_roles


class Command(migrate.Command):
    """Django's own command, run as the owner, with the roles around it."""

    help = (
        "Create the roles of the database where that is allowed, migrate as the "
        "owner, grant rights."
    )

    # Some checks ask the database, which may not let us in before the roles are there.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in prepare_roles(settings.ENV):
                self.stderr.write(f"migrate: {line}")
            options["database"] = "owner"
            self.check(databases=["owner"])
            super().handle(*args, **options)
            grant()
        except (NoConnection, OperationalError) as error:
            raise CommandError(
                f"The database cannot be reached: {str(error).splitlines()[0]}"
            ) from error
        except (InsufficientPrivilege, DatabaseError) as error:
            denied = _denied(error)
            if denied is None:
                raise
            raise CommandError(
                f"This login may not migrate: {str(denied).splitlines()[0]}. "
                "Name one that owns the tables in DATABASE_OWNER_URL."
            ) from error


def _denied(error: BaseException | None) -> InsufficientPrivilege | None:
    """The refusal that an error came of, if it came of one."""
    while error is not None and not isinstance(error, InsufficientPrivilege):
        error = error.__cause__ or error.__context__
    return error
