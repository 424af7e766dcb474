"""Plans, their steps, and what they were at each revision."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid_utils.compat import uuid7

from ledger.models import Rights
from perception.models import Tenant
from perception.models.world import of_tenant, within_tenant
from plans.rules.lifecycle import Status, StepStatus


class Plan(models.Model):
    """A course of several steps towards an objective, for one account."""

    class Source(models.TextChoices):
        PERSON = "person"
        RULES = "rules"
        MODEL = "model"

    class Approval(models.TextChoices):
        POLICY = "POLICY"
        HUMAN = "HUMAN"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("perception.Account", related_name="plans")
    opportunity = within_tenant("perception.Opportunity", null=True, related_name="+")
    contact = within_tenant("perception.Contact", null=True, related_name="+")
    plan_type = models.CharField(max_length=64)
    objective = models.CharField(max_length=500)
    constraints = models.JSONField(default=dict)
    status = models.CharField(
        max_length=9, choices=[(each.value, each.value) for each in Status]
    )
    # Why it is where it is: a word that programs know, and a sentence.
    reason = models.CharField(max_length=64, blank=True, default="")
    explanation = models.CharField(max_length=1000, blank=True, default="")
    revision = models.PositiveIntegerField(default=1)
    risk_level = models.CharField(max_length=16)
    source = models.CharField(max_length=6, choices=Source)
    # Why it was proposed, and what was so then; conditions compare with it.
    rationale = models.CharField(max_length=2000, blank=True, default="")
    baseline = models.JSONField(default=dict)
    owner = within_tenant("perception.Membership", null=True, related_name="+")
    proposed_by = within_tenant("perception.Membership", null=True, related_name="+")
    edited_by = within_tenant("perception.Membership", null=True, related_name="+")
    approved_by = within_tenant("perception.Membership", null=True, related_name="+")
    approval_source = models.CharField(
        max_length=6, choices=Approval, blank=True, default=""
    )
    # What was agreed on at approval, sealed; and what was made of it at the end.
    contract = models.JSONField(null=True)
    contract_digest = models.CharField(max_length=71, blank=True, default="")
    closing = models.JSONField(null=True)
    objective_met = models.BooleanField(null=True)
    approved_at = models.DateTimeField(null=True)
    activated_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    # A new owner accepts it by then, or it ends.
    accept_by = models.DateTimeField(null=True)
    # When it is looked at next; empty: it is over.
    due_at = models.DateTimeField(null=True)
    # What it waits for, as the last look found it: [{step_id, reason, explanation, until}].
    waits = models.JSONField(default=list)
    # How often in a row looking at it broke, and how.
    failures = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="plan_id"),
            # R5. PAUSED frees the place.
            of_tenant(
                "account",
                "plan_type",
                name="plan_one_active",
                condition=models.Q(status=Status.ACTIVE.value),
            ),
            models.CheckConstraint(
                condition=models.Q(status="DRAFT", approved_at__isnull=True)
                | models.Q(status__in=["ABORTED", "EXPIRED"])
                | models.Q(approved_at__isnull=False, contract__isnull=False),
                name="plan_approved_has_contract",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["COMPLETED", "ABORTED", "EXPIRED"],
                    ended_at__isnull=False,
                    due_at__isnull=True,
                )
                | models.Q(
                    status__in=["DRAFT", "APPROVED", "ACTIVE", "PAUSED"],
                    ended_at__isnull=True,
                    due_at__isnull=False,
                ),
                name="plan_ended_or_due",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "account", "-id"], name="plan_account"),
            models.Index(fields=["tenant", "status", "-id"], name="plan_status"),
            models.Index(
                fields=["tenant", "due_at"],
                name="plan_due",
                condition=models.Q(due_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_type} {self.status}"


class Step(models.Model):
    """One step of a plan. `step_id` names it, whatever its place."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    plan = within_tenant("Plan", related_name="steps")
    step_id = models.UUIDField()
    place = models.PositiveSmallIntegerField()
    action_type = models.CharField(max_length=64)
    parameters = models.JSONField(default=dict)
    depends_on = ArrayField(models.UUIDField(), default=list)
    required = models.BooleanField(default=True)
    human_touch = models.BooleanField(default=False)
    # A condition on what happened meanwhile, as NO_REPLY; else the step is skipped.
    only_if = models.CharField(max_length=32, blank=True, default="")
    earliest = models.DateTimeField(null=True)
    latest = models.DateTimeField(null=True)
    max_failures = models.PositiveSmallIntegerField(default=3)
    confidence = models.FloatField(default=0.9)
    status = models.CharField(
        max_length=16, choices=[(each.value, each.value) for each in StepStatus]
    )
    reason = models.CharField(max_length=64, blank=True, default="")
    explanation = models.CharField(max_length=1000, blank=True, default="")
    # How often it was submitted, and how often that failed.
    tries = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    # The intent of its newest try.
    intent = within_tenant("autonomy.Intent", null=True, related_name="+")
    # Done without, by a person's word: it no longer stands in the way of completion.
    waived_by = within_tenant("perception.Membership", null=True, related_name="+")
    waived_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            of_tenant("id", name="step_row"),
            of_tenant("plan", "step_id", name="step_once"),
            models.CheckConstraint(
                condition=models.Q(waived_by__isnull=True, waived_at__isnull=True)
                | models.Q(waived_by__isnull=False, waived_at__isnull=False),
                name="step_waived",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "plan", "place"], name="step_place")]

    def __str__(self) -> str:
        return f"{self.action_type} {self.status}"


class Revision(models.Model):
    """What a plan was like from one approval on, and how that differed from before."""

    # It stays as it is. Only words of somebody who is erased leave it, by a trigger.
    rights: ClassVar = Rights(
        app="SELECT, INSERT, UPDATE (body, changed)", system="SELECT, INSERT"
    )

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    plan = within_tenant("Plan", related_name="revisions")
    number = models.PositiveIntegerField()
    body = models.JSONField()
    changed = models.JSONField(default=list)
    by = within_tenant("perception.Membership", null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="revision_id"),
            of_tenant("plan", "number", name="revision_once"),
        ]

    def __str__(self) -> str:
        return f"revision {self.number}"
