"""What time it is: the database says so, to every process alike."""

from datetime import datetime

from django.db import connection


def clock() -> datetime:
    """What the database's clock says, also late in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
