"""Goals, and the work that comes round by the calendar: jobs of the house, rituals."""

from django.db import models
from uuid_utils.compat import uuid7

from perception.models import Tenant
from perception.models.world import of_tenant, within_tenant


class Goal(models.Model):
    """What a tenant, a seller or an account is to reach in a period."""

    class Type(models.TextChoices):
        PIPELINE = "pipeline"
        ACTIVITY = "activity"
        QUALITY = "quality"
        REVENUE = "revenue"

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        COMPLETED = "COMPLETED"
        MISSED = "MISSED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", null=True, related_name="goals")
    seller = within_tenant("perception.Membership", null=True, related_name="goals")
    type = models.CharField(max_length=8, choices=Type)
    target = models.DecimalField(max_digits=16, decimal_places=2)
    start = models.DateTimeField()
    end = models.DateTimeField()
    status = models.CharField(max_length=9, choices=Status)
    # The deals that were there as it began, where it counts deals.
    baseline = models.JSONField(default=dict, db_default={})
    # What the facts came to when it was measured last, and what they were.
    current = models.DecimalField(max_digits=16, decimal_places=2, default=0)
    measured = models.JSONField(default=dict)
    measured_at = models.DateTimeField(null=True)
    # When it is measured next; empty: it has ended.
    due_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    set_by = within_tenant("perception.Membership", null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="goal_id"),
            models.CheckConstraint(
                condition=models.Q(target__gt=0), name="goal_target"
            ),
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")), name="goal_period"
            ),
            models.CheckConstraint(
                condition=models.Q(account__isnull=True)
                | models.Q(seller__isnull=True),
                name="goal_of_one",
            ),
            models.CheckConstraint(
                condition=models.Q(status="ACTIVE", ended_at__isnull=True)
                | models.Q(
                    status__in=["COMPLETED", "MISSED"],
                    ended_at__isnull=False,
                    due_at__isnull=True,
                ),
                name="goal_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="goal_page"),
            models.Index(
                fields=["tenant", "due_at"],
                name="goal_due",
                condition=models.Q(due_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.target}"


class Job(models.Model):
    """Work of the house that comes round: how often, and how it went the last time."""

    name = models.CharField(max_length=40, primary_key=True)
    every_s = models.PositiveIntegerField()
    is_on = models.BooleanField(default=True)
    next_at = models.DateTimeField()
    # Whoever runs it holds it until then; afterwards somebody else may.
    lease_until = models.DateTimeField(null=True)
    tick = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    count = models.PositiveIntegerField(default=0)
    broken = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, default="")

    def __str__(self) -> str:
        return self.name


class Ritual(models.Model):
    """One ritual of a tenant on one of its days: once, however late."""

    class Kind(models.TextChoices):
        MORNING_BRIEF = "RITUAL_MORNING_BRIEF"
        WEEKLY_REVIEW = "RITUAL_WEEKLY_REVIEW"
        RENEWAL_RUNWAY = "RITUAL_RENEWAL_RUNWAY"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    kind = models.CharField(max_length=24, choices=Kind)
    day = models.DateField()
    due_at = models.DateTimeField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    count = models.PositiveIntegerField(default=0)
    broken = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            of_tenant("id", name="ritual_id"),
            of_tenant("kind", "day", name="ritual_once"),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="ritual_page")]

    def __str__(self) -> str:
        return f"{self.kind} {self.day}"


class Told(models.Model):
    """What a ritual has to say to one seller: their next actions, what they neglected."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    ritual = within_tenant("Ritual", related_name="told")
    member = within_tenant("perception.Membership", related_name="+")
    body = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "told"
        constraints = [
            of_tenant("id", name="told_id"),
            of_tenant("ritual", "member", name="told_once"),
        ]
        indexes = [models.Index(fields=["tenant", "member", "-id"], name="told_page")]

    def __str__(self) -> str:
        return f"{self.ritual_id}"
