"""Every command of the product starts here."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError


def main() -> None:
    """Run a command; a database that is away is one line, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        said = str(error).strip().splitlines()[0]
        sys.exit(f"autonomy: the database is away: {said} (see `manage.py doctor`)")


if __name__ == "__main__":
    main()
