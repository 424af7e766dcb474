"""Decisions of people, and what acts leave behind."""

from django.db import models
from uuid_utils.compat import uuid7

from perception.models import Tenant
from perception.models.guarded import Guarded
from perception.models.world import known_tenant, of_tenant, within_tenant


class Approval(models.Model):
    """A person is asked about exactly this action; the first decision counts."""

    class Status(models.TextChoices):
        PENDING = "PENDING"
        APPROVED = "APPROVED"
        REJECTED = "REJECTED"
        EXPIRED = "EXPIRED"
        WITHDRAWN = "WITHDRAWN"

    class Cause(models.TextChoices):
        IDEA = "idea"
        TIMING = "timing"
        EXECUTION = "execution"
        EXTERNAL = "external"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    intent = within_tenant("Intent", related_name="approvals")
    verdict = within_tenant("Verdict", related_name="+")
    account = within_tenant("perception.Account", related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    payload_hash = models.CharField(max_length=71)
    requires_role = models.CharField(max_length=16)
    assigned_to = within_tenant(
        "perception.Membership", null=True, blank=True, related_name="+"
    )
    # Whoever wrote or edited it: with four eyes, they do not decide.
    author = within_tenant(
        "perception.Membership", null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    edits = models.JSONField(default=list, blank=True)
    decided_by = within_tenant(
        "perception.Membership", null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    # For how long whoever decided had it before them; null: not known.
    dwell_seconds = models.FloatField(null=True, blank=True)
    cause = models.CharField(max_length=12, choices=Cause, blank=True, default="")
    note = models.CharField(max_length=2000, blank=True, default="")

    class Meta:
        constraints = [
            of_tenant("id", name="approval_id"),
            of_tenant(
                "intent",
                name="approval_open",
                condition=models.Q(status="PENDING"),
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["PENDING", "EXPIRED", "WITHDRAWN"],
                    decided_by__isnull=True,
                )
                | models.Q(
                    status__in=["APPROVED", "REJECTED"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="approval_paired",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "status", "-id"], name="approval_status"),
            models.Index(
                fields=["tenant", "account"],
                name="approval_account",
                condition=models.Q(status="PENDING"),
            ),
            models.Index(
                fields=["expires_at"],
                name="approval_due",
                condition=models.Q(status="PENDING"),
            ),
        ]

    def __str__(self) -> str:
        return self.status


class Effect(models.Model):
    """What a tool of the house left behind: a note, task, brief, draft …"""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    execution = within_tenant("Execution", related_name="effects")
    account = within_tenant("perception.Account", related_name="effects")
    kind = models.CharField(max_length=32)
    data = models.JSONField()
    # What was there before, so that it can be put back.
    before = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [of_tenant("execution", name="effect_once")]
        indexes = [
            models.Index(
                fields=["tenant", "account", "kind", "-id"], name="effect_account"
            )
        ]

    def __str__(self) -> str:
        return self.kind


class ContextField(models.Model):
    """One thing that is known about an account."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", related_name="context")
    field = models.CharField(max_length=200)
    value = models.JSONField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [of_tenant("account", "field", name="context_field")]

    def __str__(self) -> str:
        return self.field


class Tool(Guarded):
    """An integrator's URL that carries out action types which are bound to it."""

    class Effects(models.TextChoices):
        KEYED = "KEYED"
        AT_MOST_ONCE = "AT_MOST_ONCE"

    noun = "tool"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    key = models.CharField(max_length=64)
    url = models.CharField(max_length=500)
    sealed_secret = models.TextField(editable=False)
    effect = models.CharField(max_length=12, choices=Effects)
    undo = models.BooleanField(default=False)
    timeout_s = models.FloatField(default=10)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [of_tenant("key", name="tool_key")]

    def __str__(self) -> str:
        return self.key


class Outcome(models.Model):
    """What became of an intent, in the common taxonomy."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    intent = within_tenant("Intent", related_name="outcomes")
    account = within_tenant("perception.Account", related_name="+")
    action_type = models.CharField(max_length=64)
    taxonomy = models.CharField(max_length=24)
    cause = models.CharField(max_length=12, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [of_tenant("intent", "taxonomy", name="outcome_once")]
        indexes = [
            models.Index(fields=["tenant", "at"], name="outcome_time"),
            models.Index(fields=["tenant", "account", "-id"], name="outcome_account"),
        ]

    def __str__(self) -> str:
        return self.taxonomy
