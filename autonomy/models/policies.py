"""Versions of policy: bundles and their data, when they came into force, and trials."""

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from ledger.models import APPEND_ONLY
from perception.models import Tenant
from perception.models.world import of_tenant, within_tenant


class Bundle(models.Model):
    """One version of a policy bundle; never changed, known by the hash of its source."""

    rights: ClassVar = APPEND_ONLY

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    name = models.CharField(max_length=64)
    version = models.CharField(max_length=71)
    source = models.JSONField()
    saved_by = within_tenant("perception.Membership", null=True, related_name="+")
    saved_at = models.DateTimeField()

    class Meta:
        verbose_name = "policy bundle"
        constraints = [
            of_tenant("id", name="bundle_id"),
            of_tenant("version", name="bundle_version"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version[:19]}"


class Activation(models.Model):
    """A bundle on its way into force; the last one in force judges."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    bundle = within_tenant("Bundle", related_name="activations")
    simulation = within_tenant("Simulation", null=True, related_name="+")
    widens = models.BooleanField()
    asked_by = within_tenant("perception.Membership", null=True, related_name="+")
    asked_at = models.DateTimeField()
    signed_by = within_tenant("perception.Membership", null=True, related_name="+")
    in_force_at = models.DateTimeField(null=True)
    rolled_back_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(widens=False)
                | models.Q(in_force_at__isnull=True)
                | models.Q(signed_by__isnull=False)
                & ~models.Q(signed_by=models.F("asked_by")),
                name="activation_two_persons",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-in_force_at"], name="activation_newest")
        ]

    def __str__(self) -> str:
        return "in force" if self.in_force_at else "waits for a second person"


class PolicyData(models.Model):
    """The lists and numbers that a tenant's policy is asked with; the newest counts."""

    rights: ClassVar = APPEND_ONLY

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    data = models.JSONField()
    saved_by = within_tenant("perception.Membership", null=True, related_name="+")
    saved_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "policy data"
        constraints = [of_tenant("id", name="policydata_id")]
        indexes = [models.Index(fields=["tenant", "-number"], name="policydata_new")]

    def __str__(self) -> str:
        return f"saved {self.saved_at:%Y-%m-%d %H:%M}"


class Simulation(models.Model):
    """A policy tried on the recorded intents of a stretch of time."""

    class Status(models.TextChoices):
        PENDING = "PENDING"
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    asked_by = within_tenant("perception.Membership", null=True, related_name="+")
    asked_at = models.DateTimeField()
    begin = models.DateTimeField()
    end = models.DateTimeField()
    candidate = models.JSONField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    progress = models.FloatField(default=0)
    attempts = models.SmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    report = models.JSONField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            of_tenant("id", name="simulation_id"),
            models.CheckConstraint(
                condition=models.Q(begin__lt=models.F("end")), name="simulation_range"
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_at"],
                name="simulation_due",
                condition=models.Q(status="PENDING"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.begin:%Y-%m-%d}"
