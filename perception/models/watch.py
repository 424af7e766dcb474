"""How accounts are watched: pulls and what they cost, and what they brought."""

from django.db import models
from uuid_utils.compat import uuid7

from perception.models.senses import Connector
from perception.models.world import Tenant, of_tenant, within_tenant


class Pull(models.Model):
    """One reading of a connector, for one account or as a whole. A claim is a lease."""

    class Depth(models.TextChoices):
        SHALLOW = "SHALLOW"
        DEEP = "DEEP"

    class Status(models.TextChoices):
        QUEUED = "QUEUED"
        RUNNING = "RUNNING"
        DONE = "DONE"
        FAILED = "FAILED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    connector = within_tenant("Connector", related_name="pulls")
    account = within_tenant("Account", null=True, blank=True, related_name="pulls")
    # Names the connector, the account and the slot of time: one pull for each.
    key = models.CharField(max_length=120)
    depth = models.CharField(max_length=7, choices=Depth)
    units = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=7, choices=Status, default=Status.QUEUED)
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    signals = models.PositiveIntegerField(default=0)
    unmatched = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            of_tenant("id", name="pull_id"),
            of_tenant("key", name="pull_key"),
            of_tenant(
                "connector",
                "account",
                name="pull_one_open",
                condition=models.Q(status__in=["QUEUED", "RUNNING"]),
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="pull_open",
                condition=models.Q(status__in=["QUEUED", "RUNNING"]),
            ),
            models.Index(fields=["tenant", "connector", "-id"], name="pull_connector"),
            models.Index(fields=["tenant", "account", "-id"], name="pull_account"),
            models.Index(
                fields=["ended_at"],
                name="pull_age",
                condition=models.Q(ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.key


class PullUse(models.Model):
    """Units that pulls took on one day: a connector's, or (none) the tenant's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    connector = within_tenant("Connector", null=True, blank=True, related_name="+")
    day = models.DateField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            of_tenant("connector", "day", name="pull_use_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.used}"


class Cursor(models.Model):
    """How far a connector was read; it moves with what was read, or not at all."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    connector = within_tenant("Connector", related_name="cursors")
    account = within_tenant("Account", null=True, blank=True, related_name="+")
    value = models.JSONField(default=dict)
    moved_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("connector", "account", name="cursor_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"cursor of {self.connector_id}"


class KindRate(models.Model):
    """How fast all tenants together may call one kind of outside system."""

    kind = models.CharField(max_length=32, choices=Connector.Kind, primary_key=True)
    rate_per_s = models.FloatField(default=50)
    # The next free slot.
    free_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.kind


class Interaction(models.Model):
    """Somebody of an account and somebody of the tenant had to do with each other."""

    class Channel(models.TextChoices):
        EMAIL = "email"
        CHAT = "chat"
        MEETING = "meeting"
        CRM = "crm"

    class Direction(models.TextChoices):
        IN = "in"
        OUT = "out"
        BOTH = "both"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("Account", related_name="interactions")
    connector = within_tenant("Connector", null=True, blank=True, related_name="+")
    external_id = models.CharField(max_length=255)
    channel = models.CharField(max_length=8, choices=Channel)
    direction = models.CharField(max_length=4, choices=Direction)
    at = models.DateTimeField()
    # Contacts by id, others by a hash of their address.
    participants = models.JSONField(default=list)
    subject = models.CharField(max_length=300, blank=True, default="")
    text = models.TextField(blank=True, default="")
    length = models.PositiveIntegerField(default=0)
    sentiment = models.CharField(max_length=8, blank=True, default="")
    # What its words speak of, as patterns read it.
    said = models.JSONField(default=list)
    kept_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="interaction_id"),
            of_tenant("account", "external_id", name="interaction_external"),
        ]
        indexes = [
            models.Index(fields=["tenant", "account", "-at"], name="interaction_at")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.at:%Y-%m-%d %H:%M}"


class Summary(models.Model):
    """What happened at an account within a stretch of time, and what that is made from."""

    class Span(models.TextChoices):
        WEEK = "week"
        MONTH = "month"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("Account", related_name="summaries")
    span = models.CharField(max_length=5, choices=Span)
    starts = models.DateField()
    text = models.TextField()
    facts = models.JSONField(default=dict)
    # Ids of what it was made from, by kind.
    sources = models.JSONField(default=dict)
    made_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "summaries"
        constraints = [
            of_tenant("account", "span", "starts", name="summary_once"),
        ]

    def __str__(self) -> str:
        return f"{self.span} of {self.starts}"


class Review(models.Model):
    """When what an account's people did is looked through again, and how far it was."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("Account", related_name="+")
    # Patterns: when next, and when last.
    scan_at = models.DateTimeField(null=True)
    scanned_at = models.DateTimeField(null=True)
    # Summaries: when next, when last, and the first day that changed since.
    summary_at = models.DateTimeField(null=True)
    summarised_at = models.DateTimeField(null=True)
    stale_from = models.DateField(null=True)
    # When somebody there last did something towards us.
    engaged_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [of_tenant("account", name="review_once")]
        indexes = [
            models.Index(
                fields=["tenant", "scan_at"],
                name="review_scan",
                condition=models.Q(scan_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "summary_at"],
                name="review_summary",
                condition=models.Q(summary_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.account_id}"
