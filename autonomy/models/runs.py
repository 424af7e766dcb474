"""Runs: what a signal, ritual or person started, and what keeps their pace."""

from django.db import models
from uuid_utils.compat import uuid7

from autonomy.rules.runs import GateResult, RunStatus, Stage
from autonomy.rules.triggers import Trigger
from perception.models import Tenant
from perception.models.world import known_tenant, of_tenant, within_tenant


class Run(models.Model):
    """One walk from a trigger to its proposals. `due_at`: when somebody may take it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    account = within_tenant("perception.Account", related_name="runs")
    signal_id = models.UUIDField(null=True, blank=True)
    trigger = models.CharField(
        max_length=32, choices=[(each.value, each.value) for each in Trigger]
    )
    origin = models.CharField(max_length=8, default="signal")
    key = models.CharField(max_length=255)
    status = models.CharField(
        max_length=12, choices=[(each.value, each.value) for each in RunStatus]
    )
    stage = models.CharField(
        max_length=8, choices=[(each.value, each.value) for each in Stage]
    )
    # Who holds it: a claim raises the fence, and ends with the lease.
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True, blank=True)
    gate_result = models.CharField(
        max_length=8,
        blank=True,
        default="",
        choices=[(each.value, each.value) for each in GateResult],
    )
    gate_reason = models.CharField(max_length=64, blank=True, default="")
    gate_explanation = models.CharField(max_length=300, blank=True, default="")
    defer_until = models.DateTimeField(null=True, blank=True)
    deferred = models.PositiveSmallIntegerField(default=0)
    context = models.JSONField(null=True, blank=True)
    decided = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="run_id"),
            of_tenant("key", name="run_key"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="run_page"),
            models.Index(fields=["tenant", "account", "-id"], name="run_account"),
            models.Index(
                fields=["tenant", "due_at"],
                name="run_open",
                condition=models.Q(
                    status__in=["RECEIVED", "TRIGGERED", "DEFERRED", "DECIDED"]
                ),
            ),
            models.Index(
                fields=["tenant", "-id"],
                name="run_parked",
                condition=models.Q(status="PARKED"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trigger} {self.status}"


class AccountPace(models.Model):
    """How often, and when last, runs of one account were let through."""

    tenant = known_tenant()
    account = within_tenant("perception.Account", related_name="+")
    trigger = models.CharField(max_length=32)
    fired_at = models.DateTimeField(null=True)
    allowed_at = models.DateTimeField(null=True)
    # The moments of the sliding hour, oldest first.
    recent = models.JSONField(default=list)

    class Meta:
        constraints = [of_tenant("account", "trigger", name="pace_account")]

    def __str__(self) -> str:
        return self.trigger


class TriggerRow(models.Model):
    """What a tenant made of a trigger's shipped windows."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    type = models.CharField(max_length=32)
    enabled = models.BooleanField(default=True)
    debounce_s = models.PositiveIntegerField()
    cooldown_s = models.PositiveIntegerField()
    max_per_account_hour = models.PositiveIntegerField()
    max_per_tenant_hour = models.PositiveIntegerField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "trigger"
        constraints = [of_tenant("type", name="trigger_type")]

    def __str__(self) -> str:
        return self.type


class DecisionBudget(models.Model):
    """How many decisions a tenant's day may take, and what they may cost."""

    tenant = models.OneToOneField(Tenant, models.PROTECT, primary_key=True)
    runs_per_day = models.PositiveIntegerField()
    runs_per_account_day = models.PositiveIntegerField()
    cost_per_day = models.DecimalField(max_digits=12, decimal_places=4)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.runs_per_day} a day"


class Course(models.Model):
    """A plan of an account, as frozen contexts tell of it. Plans stand above, and say so."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", related_name="+")
    plan_id = models.UUIDField()
    plan_type = models.CharField(max_length=64)
    status = models.CharField(max_length=16)
    objective = models.CharField(max_length=500)
    expires_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [of_tenant("plan_id", name="course_once")]
        indexes = [
            models.Index(
                fields=["tenant", "account", "-plan_id"], name="course_account"
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan_type} {self.status}"


class DecisionUse(models.Model):
    """What a day's decisions used: of the tenant (its own id as key) or an account."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    key = models.UUIDField()
    day = models.DateField()
    runs = models.PositiveIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=4, default=0)

    class Meta:
        constraints = [of_tenant("key", "day", name="decisionuse_day")]

    def __str__(self) -> str:
        return f"{self.runs} on {self.day}"


class SynthesizerCall(models.Model):
    """One time that a synthesizer was asked; recorded before the call goes out."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    run = within_tenant("Run", related_name="calls")
    synthesizer = models.CharField(max_length=64)
    gate_result = models.CharField(max_length=8)
    charged = models.BooleanField()
    called_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    refused = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            # At most one charged call for each admitted run, ever.
            of_tenant("run", name="call_charged", condition=models.Q(charged=True)),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="call_page")]

    def __str__(self) -> str:
        return self.synthesizer
