"""What the house looks through: connectors to outside systems."""

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from perception.models.world import Tenant, of_tenant, within_tenant


class Signal(models.Model):
    """Something that happened at an account. The row is its own outbox.

    `run_id` names the run that it will start, before that run is there.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("Account", related_name="signals")
    connector = within_tenant("Connector", null=True, blank=True, related_name="+")
    type = models.CharField(max_length=64)
    is_known = models.BooleanField(default=True)
    source = models.CharField(max_length=64, blank=True, default="")
    dedupe_key = models.CharField(max_length=255, blank=True, default="")
    payload = models.JSONField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    # The execution that this is an echo of, and how long the chain behind it is.
    caused_by = models.UUIDField(null=True, blank=True)
    depth = models.PositiveSmallIntegerField(default=0)
    run_id = models.UUIDField(default=uuid7, editable=False)
    entered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            of_tenant("id", name="signal_id"),
            of_tenant(
                "dedupe_key",
                name="signal_dedupe",
                condition=~models.Q(dedupe_key=""),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "account", "-id"], name="signal_account"),
            models.Index(fields=["tenant", "-id"], name="signal_page"),
            models.Index(
                fields=["tenant", "received_at"],
                name="signal_waiting",
                condition=models.Q(entered_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.occurred_at:%Y-%m-%d %H:%M}"


class Delivery(models.Model):
    """A webhook that a connector sent, and what it was answered; kept for a month."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    connector = within_tenant("Connector", related_name="deliveries")
    message = models.CharField(max_length=255)
    answer = models.JSONField()
    received_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [of_tenant("connector", "message", name="delivery_once")]
        indexes = [models.Index(fields=["received_at"], name="delivery_age")]

    def __str__(self) -> str:
        return self.message


class Connector(models.Model):
    """One outside system of one tenant. Its secrets are encrypted at rest."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    kind = models.CharField(max_length=32, choices=Kind)
    name = models.CharField(max_length=200)
    config = models.JSONField(default=dict, blank=True)
    sealed_secrets = models.TextField(editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            of_tenant("id", name="connector_id"),
            of_tenant("name", name="connector_name"),
        ]

    def __str__(self) -> str:
        return self.name
