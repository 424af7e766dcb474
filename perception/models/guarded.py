"""What all workers share about something outside: its breaker, and its rate."""

from typing import ClassVar

from django.db import models


class Guarded(models.Model):
    """Something outside that is called at a rate, and left alone while it fails."""

    # What an entry of the ledger calls one of these.
    noun: ClassVar[str]

    rate_per_s = models.FloatField(default=10)
    # The breaker that all workers share.
    failures = models.JSONField(default=list, editable=False)
    opened_at = models.DateTimeField(null=True, editable=False)
    probe_until = models.DateTimeField(null=True, editable=False)
    forced_open = models.BooleanField(default=False)
    # The bucket of its rate.
    tokens = models.FloatField(default=0, editable=False)
    filled_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True
