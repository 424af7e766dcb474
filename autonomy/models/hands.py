"""What is done about acts afterwards: taken back, done again; and how well tools serve."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid_utils.compat import uuid7

from perception.models import Tenant
from perception.models.world import of_tenant, within_tenant


class Sweep(models.Model):
    """Everything since a moment is to be taken back, of one account or of the tenant."""

    class Status(models.TextChoices):
        RUNNING = "RUNNING"
        DONE = "DONE"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", null=True, related_name="+")
    since = models.DateTimeField()
    # What people approved is taken back only where they say so.
    only_automatic = models.BooleanField(default=True)
    reason = models.CharField(max_length=300)
    by = within_tenant("perception.Membership", null=True, related_name="+")
    status = models.CharField(max_length=8, choices=Status, default=Status.RUNNING)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [of_tenant("id", name="sweep_id")]
        indexes = [models.Index(fields=["tenant", "-id"], name="sweep_page")]

    def __str__(self) -> str:
        return f"since {self.since:%Y-%m-%d %H:%M}"


class Undo(models.Model):
    """One act is to be taken back, or one that has not started is to be called off."""

    class Status(models.TextChoices):
        REQUESTED = "REQUESTED"
        DONE = "DONE"
        # Somebody changed it since: nothing was touched.
        CONFLICT = "CONFLICT"
        FAILED = "FAILED"
        IN_DOUBT = "IN_DOUBT"

    class Proof(models.TextChoices):
        """How it is known that it was taken back."""

        HOUSE = "HOUSE"
        READ_BACK = "READ_BACK"
        TOOL = "TOOL"
        PERSON = "PERSON"
        # It had not gone out yet.
        RETRACTED = "RETRACTED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", related_name="+")
    intent = within_tenant("Intent", related_name="undos")
    # None: the act had not started.
    execution = within_tenant("Execution", null=True, related_name="undos")
    sweep = within_tenant("Sweep", null=True, related_name="undos")
    # Within a sweep, the newest act comes first.
    place = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=9, choices=Status, default=Status.REQUESTED)
    reason = models.CharField(max_length=300, blank=True, default="")
    by = within_tenant("perception.Membership", null=True, related_name="+")
    proof = models.CharField(max_length=9, choices=Proof, blank=True, default="")
    # What stands there now, where that is not what the act left.
    found = models.JSONField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    called_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            of_tenant("id", name="undo_id"),
            # What met a conflict, or failed, may be asked for again.
            of_tenant(
                "execution",
                name="undo_once",
                condition=models.Q(status__in=["REQUESTED", "DONE", "IN_DOUBT"]),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="undo_page"),
            models.Index(fields=["tenant", "execution", "-id"], name="undo_execution"),
            models.Index(
                fields=["tenant", "sweep", "place"],
                name="undo_sweep",
                condition=models.Q(sweep__isnull=False),
            ),
            models.Index(
                fields=["due_at"],
                name="undo_due",
                condition=models.Q(due_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.status


class Replay(models.Model):
    """An intent that ended is gone through again: dry, or for good."""

    class Status(models.TextChoices):
        REQUESTED = "REQUESTED"
        STARTED = "STARTED"
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", related_name="+")
    intent = within_tenant("Intent", related_name="replays")
    commit = models.BooleanField(default=False)
    reason = models.CharField(max_length=300)
    by = within_tenant("perception.Membership", null=True, related_name="+")
    status = models.CharField(max_length=9, choices=Status, default=Status.REQUESTED)
    # What would be done, and how that differs from the first time.
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True, default="")
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            of_tenant("id", name="replay_id"),
            of_tenant(
                "intent",
                name="replay_open",
                condition=models.Q(commit=True, status__in=["REQUESTED", "STARTED"]),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="replay_page"),
            models.Index(fields=["tenant", "intent", "-id"], name="replay_intent"),
        ]

    def __str__(self) -> str:
        return f"{'for good' if self.commit else 'dry'}, {self.status}"


class Objective(models.Model):
    """How well one tool has to serve; without a row, the shipped objective holds."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    tool = models.CharField(max_length=64)
    # So many percent of calls are answered within so long, and go well.
    latency_ms = models.PositiveIntegerField(default=5000)
    latency_percent = models.FloatField(default=99)
    success_percent = models.FloatField(default=99)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("tool", name="objective_tool"),
            models.CheckConstraint(
                condition=models.Q(
                    latency_ms__gt=0,
                    latency_percent__gt=0,
                    latency_percent__lt=100,
                    success_percent__gt=0,
                    success_percent__lt=100,
                ),
                name="objective_sound",
            ),
        ]

    def __str__(self) -> str:
        return self.tool


class ToolMinute(models.Model):
    """How the calls of a tool went in one minute; `within`: how many took how long."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    tool = models.CharField(max_length=64)
    minute = models.DateTimeField()
    calls = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    within = ArrayField(models.PositiveIntegerField(), default=list)

    class Meta:
        constraints = [of_tenant("tool", "minute", name="toolminute_once")]
        indexes = [models.Index(fields=["minute"], name="toolminute_age")]

    def __str__(self) -> str:
        return f"{self.tool} {self.minute:%H:%M}"


class SloAlert(models.Model):
    """An objective is being missed fast enough to be told of, until it is not."""

    class About(models.TextChoices):
        LATENCY = "latency"
        SUCCESS = "success"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    tool = models.CharField(max_length=64)
    about = models.CharField(max_length=8, choices=About)
    # How many times faster than allowed the budget of errors is used up.
    burn_short = models.FloatField()
    burn_long = models.FloatField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    # When the tenant's outbound webhook took it; and the next try, where it did not.
    told_at = models.DateTimeField(null=True)
    tell_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "alert"
        constraints = [
            of_tenant("id", name="sloalert_id"),
            of_tenant(
                "tool",
                "about",
                name="sloalert_open",
                condition=models.Q(closed_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="sloalert_page"),
            models.Index(
                fields=["tell_at"],
                name="sloalert_tell",
                condition=models.Q(tell_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.about}"
