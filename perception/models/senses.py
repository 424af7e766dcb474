"""What the house looks through: connectors to outside systems."""

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from perception.models.guarded import Guarded
from perception.models.world import Tenant, known_tenant, of_tenant, within_tenant


class Signal(models.Model):
    """Something that happened at an account. The row is its own outbox.

    `run_id` names the run that it will start, before that run is there.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
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
            models.Index(
                fields=["tenant", "occurred_at"],
                name="signal_patterns",
                condition=models.Q(type="pattern_detected"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.occurred_at:%Y-%m-%d %H:%M}"


class Delivery(models.Model):
    """A webhook that a connector sent, and what it was answered; kept for a month.

    What was refused keeps its body, so that it can be taken once its fault is mended.
    """

    class Status(models.TextChoices):
        ACCEPTED = "ACCEPTED"
        REFUSED = "REFUSED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    connector = within_tenant("Connector", related_name="deliveries")
    message = models.CharField(max_length=255)
    status = models.CharField(max_length=8, choices=Status, default=Status.ACCEPTED)
    answer = models.JSONField(null=True)
    body = models.BinaryField(null=True)
    error = models.CharField(max_length=500, blank=True, default="")
    received_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [of_tenant("connector", "message", name="delivery_once")]
        indexes = [models.Index(fields=["received_at"], name="delivery_age")]

    def __str__(self) -> str:
        return self.message


class Connector(Guarded):
    """One outside system of one tenant. Its secrets are encrypted at rest."""

    noun = "connector"

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        FILES = "files"
        FEED = "feed"
        MAILBOX = "mailbox"
        CALENDAR = "calendar"
        WAREHOUSE = "warehouse"
        HTTP = "http"
        LOOKUP = "lookup"
        TRYTON = "tryton"
        HUBSPOT = "hubspot"
        SALESFORCE = "salesforce"
        # These are never read: tools only act through them.
        SMTP = "smtp"
        CHAT = "chat"
        OUTBOUND = "outbound"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    kind = models.CharField(max_length=32, choices=Kind)
    name = models.CharField(max_length=200)
    config = models.JSONField(default=dict, blank=True)
    sealed_secrets = models.TextField(editable=False)
    is_active = models.BooleanField(default=True)
    # For which tools it is the way out; empty: nothing acts through it.
    acts_as = models.CharField(
        max_length=16, blank=True, default="", db_default="", editable=False
    )
    units_per_day = models.PositiveIntegerField(default=1000)
    # The next free slot of its pulls.
    free_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What is read whole, not account by account: when next, and why then.
    next_pull_at = models.DateTimeField(null=True, blank=True, editable=False)
    pulled_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            of_tenant("id", name="connector_id"),
            of_tenant("name", name="connector_name"),
            of_tenant(
                "acts_as", name="connector_acts", condition=~models.Q(acts_as="")
            ),
            models.CheckConstraint(
                condition=models.Q(rate_per_s__gt=0), name="connector_rate"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "next_pull_at"],
                name="connector_due",
                condition=models.Q(is_active=True, next_pull_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name
