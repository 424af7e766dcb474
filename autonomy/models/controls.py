"""What people set to steer autonomy: modes, opt-ins, budgets, switches, registries."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid_utils.compat import uuid7

from autonomy.rules import actions, modes
from autonomy.rules.switches import Scope
from ledger.models import Rights
from perception.models import Tenant
from perception.models.world import known_tenant, of_tenant, within_tenant

KEPT = Rights(app="SELECT, INSERT, UPDATE", system="SELECT, INSERT, UPDATE")


class ActionRow(models.Model):
    """What a tenant made of an action type: a stricter core type, or one of its own.

    Empty where the shipped value stays. `declared` holds the rest of an own type.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    key = models.CharField(max_length=64)
    tier = models.CharField(
        max_length=20,
        blank=True,
        default="",
        choices=[(tier.value, tier.value) for tier in actions.Tier],
    )
    tool = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    min_confidence = models.FloatField(null=True, blank=True)
    declared = models.JSONField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "action type"
        constraints = [of_tenant("key", name="actionrow_key")]

    def __str__(self) -> str:
        return self.key


class Mode(models.Model):
    """How much autonomy there is at one scope; empty fields mean "every"."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", null=True, blank=True)
    action_type = models.CharField(max_length=64, blank=True, default="")
    mode = models.CharField(
        max_length=16, choices=[(mode, mode) for mode in modes.MODES]
    )
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("account", "action_type", name="mode_scope", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.mode


class OptIn(models.Model):
    """Whether scheduled work is wanted, for an account or for all; who said so, when."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", null=True, blank=True)
    granted = models.BooleanField()
    by = within_tenant("perception.Membership", related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = "opt-in"
        constraints = [of_tenant("account", name="optin_scope", nulls_distinct=False)]

    def __str__(self) -> str:
        return "opted in" if self.granted else "opted out"


class Budget(models.Model):
    """How many acts may run by themselves in a tenant's day, at one scope.

    `each`: a limit for every account, or seller, that has no row of its own.
    """

    class Each(models.TextChoices):
        ACCOUNT = "account"
        SELLER = "seller"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", null=True, blank=True)
    seller = within_tenant(
        "perception.Membership", null=True, blank=True, related_name="+"
    )
    action_type = models.CharField(max_length=64, blank=True, default="")
    each = models.CharField(max_length=8, blank=True, default="", choices=Each)
    limit_per_day = models.PositiveIntegerField()
    decay_percent = models.PositiveSmallIntegerField(default=0)
    # Withdrawn rather than deleted: setting it again must not open a fresh day.
    is_active = models.BooleanField(default=True)
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="budget_id"),
            of_tenant(
                "account",
                "seller",
                "action_type",
                "each",
                name="budget_scope",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(decay_percent__lte=100), name="budget_decay"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit_per_day} a day"


class BudgetUse(models.Model):
    """What one day has used of a budget. `key`: the account or seller it counts for."""

    rights: ClassVar = KEPT

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    budget = within_tenant("Budget", related_name="uses")
    key = models.UUIDField()
    day = models.DateField()
    used = models.IntegerField()

    class Meta:
        constraints = [
            of_tenant("budget", "key", "day", name="budgetuse_day"),
            models.CheckConstraint(
                condition=models.Q(used__gte=0), name="budgetuse_used"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.used} on {self.day}"


class Receipt(models.Model):
    """What one intent took out of budgets; at most one is open for each."""

    rights: ClassVar = KEPT

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    intent_id = models.UUIDField()
    day = models.DateField()
    uses = ArrayField(models.UUIDField())
    consumed_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True)
    # A start used it up before its intent was gone through again: it never comes back.
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            of_tenant("id", name="receipt_id"),
            of_tenant(
                "intent_id",
                name="receipt_open",
                condition=models.Q(returned_at__isnull=True, used_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "returned_at"],
                name="receipt_returned",
                condition=models.Q(returned_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.intent_id} on {self.day}"


class Board(models.Model):
    """A tenant's switches as a start reads them: one row. No row means stop."""

    rights: ClassVar = KEPT

    tenant = models.OneToOneField(Tenant, models.PROTECT, primary_key=True)
    epoch = models.BigIntegerField(default=0)
    switches = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"epoch {self.epoch}"


class HouseBoard(models.Model):
    """The same for the whole house; every tenant reads it, operators alone write."""

    rights: ClassVar = Rights(app="SELECT", system="SELECT, INSERT, UPDATE")

    id = models.SmallIntegerField(primary_key=True)
    epoch = models.BigIntegerField(default=0)
    switches = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"epoch {self.epoch}"


class KillSwitch(models.Model):
    """One time that somebody stopped something, until it was released."""

    rights: ClassVar = KEPT

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    scope = models.CharField(
        max_length=16, choices=[(scope.value, scope.value) for scope in Scope]
    )
    target = models.CharField(max_length=64, blank=True, default="")
    reason = models.CharField(max_length=300)
    engaged_by = models.CharField(max_length=64)
    asked_at = models.DateTimeField()
    committed_at = models.DateTimeField()
    release_reason = models.CharField(max_length=300, blank=True, default="")
    released_by = models.CharField(max_length=64, blank=True, default="")
    # Where whoever pressed it knew an end: it is let go then.
    ends_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    full_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "kill switches"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(released_at__isnull=True, full_at__isnull=True)
                | models.Q(
                    released_at__gte=models.F("committed_at"),
                    full_at__gte=models.F("released_at"),
                ),
                name="killswitch_paired",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="killswitch_page"),
            models.Index(
                fields=["ends_at"],
                name="killswitch_ends",
                condition=models.Q(ends_at__isnull=False, released_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.target}".strip()


class Profile(models.Model):
    """routine_outreach for one action type: installed by an operator, signed by an admin."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    action_type = models.CharField(max_length=64)
    hold_seconds = models.PositiveIntegerField(default=600)
    installed_at = models.DateTimeField()
    signed_by = within_tenant(
        "perception.Membership", null=True, blank=True, related_name="+"
    )
    signed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            of_tenant("action_type", name="profile_type"),
            models.CheckConstraint(
                condition=models.Q(signed_by__isnull=True, signed_at__isnull=True)
                | models.Q(signed_by__isnull=False, signed_at__isnull=False),
                name="profile_signed",
            ),
        ]

    def __str__(self) -> str:
        return f"routine_outreach for {self.action_type}"


class Digest(models.Model):
    """A digest that was due to a member on a local date, and when it arrived."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    member = within_tenant("perception.Membership", related_name="digests")
    day = models.DateField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    # What it says, as it was when it was written.
    body = models.JSONField(default=dict, blank=True, db_default={})
    due_at = models.DateTimeField(null=True, blank=True)
    written_at = models.DateTimeField(null=True, blank=True)
    # Sending it is tried again until it arrives: by mail, or in the app.
    next_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    way = models.CharField(max_length=5, blank=True, default="", db_default="")
    receipt = models.CharField(max_length=255, blank=True, default="", db_default="")
    error = models.CharField(max_length=300, blank=True, default="", db_default="")
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [of_tenant("member", "day", name="digest_day")]
        indexes = [
            models.Index(
                fields=["tenant", "next_at"],
                name="digest_due",
                condition=models.Q(next_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "member", "-day"],
                name="digest_missing",
                condition=models.Q(delivered_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}"
