"""What the doors keep for themselves: repeated requests, and signs of life."""

from django.db import models
from uuid_utils.compat import uuid7

from perception.models.world import Tenant, of_tenant, within_tenant


class IdempotencyKey(models.Model):
    """The first answer to a POST, kept in the same transaction as its effect."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    membership = within_tenant("Membership", related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [of_tenant("membership", "key", name="idempotency_key")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key


class Heartbeat(models.Model):
    """When a process last showed that it makes progress."""

    process = models.CharField(max_length=16, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.process} {self.at:%H:%M:%S}"
