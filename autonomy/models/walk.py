"""What a signal walks through, from a proposal to what came of it."""

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from autonomy.rules.catalogue import HARD_STOPS
from autonomy.rules.verdict import Decision
from ledger.models import APPEND_ONLY
from perception.models.world import known_tenant, of_tenant, within_tenant


class Intent(models.Model):
    """One proposed action, and how far it has come."""

    class Status(models.TextChoices):
        PROPOSED = "PROPOSED"
        AWAITING_APPROVAL = "AWAITING_APPROVAL"
        APPROVED = "APPROVED"
        EXECUTING = "EXECUTING"
        IN_DOUBT = "IN_DOUBT"
        BLOCKED = "BLOCKED"
        REJECTED = "REJECTED"
        EXPIRED = "EXPIRED"
        SUCCEEDED = "SUCCEEDED"
        FAILED = "FAILED"
        UNDONE = "UNDONE"
        CANCELLED = "CANCELLED"

    class Origin(models.TextChoices):
        SIGNAL = "signal"
        RITUAL = "ritual"
        PLAN = "plan"
        AGENT = "agent"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    account = within_tenant("perception.Account", related_name="intents")
    opportunity = within_tenant("perception.Opportunity", null=True, related_name="+")
    contact = within_tenant("perception.Contact", null=True, related_name="+")
    run_id = models.UUIDField(null=True)
    # The step of a plan that it is, and at which of its tries. Plans stand above.
    plan_id = models.UUIDField(null=True)
    step_id = models.UUIDField(null=True)
    step_try = models.PositiveSmallIntegerField(default=0, db_default=0)
    # It starts before that, or never.
    not_after = models.DateTimeField(null=True)
    # The status that its plan has taken notice of.
    heard = models.CharField(max_length=20, blank=True, default="", db_default="")
    origin = models.CharField(max_length=8, choices=Origin)
    plan_type = models.CharField(max_length=64, blank=True, default="")
    action_type = models.CharField(max_length=64)
    parameters = models.JSONField()
    confidence = models.FloatField(null=True)
    risk_level = models.CharField(max_length=16, blank=True, default="")
    rationale = models.CharField(max_length=2000, blank=True, default="")
    evidence = models.JSONField(default=list)
    tainted = models.BooleanField(default=False)
    # As the registry had it when this was proposed: it counts for caps of contact.
    reaches_out = models.BooleanField(default=False)
    status = models.CharField(max_length=20, choices=Status)
    # Empty until every layer has spoken; then it waits for its start, or a person.
    judged_at = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")
    # Approved, tried too often, and never started: shown with what is parked.
    given_up_at = models.DateTimeField(null=True)
    rank = models.PositiveSmallIntegerField(default=0)
    # The surest of what stands at its place in its run or behind it: an order of many
    # runs by this never turns the order of one. For lists alone; no verdict knows it.
    lead = models.FloatField(null=True)
    # The replay that it is on its way for, after it ended once.
    replay = within_tenant("Replay", null=True, related_name="+")
    proposed_by = within_tenant("perception.Membership", null=True, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="intent_id"),
            of_tenant(
                "step_id",
                "step_try",
                name="intent_step_once",
                condition=models.Q(step_id__isnull=False),
            ),
            models.CheckConstraint(
                condition=models.Q(plan_id__isnull=True, step_id__isnull=True)
                | models.Q(plan_id__isnull=False, step_id__isnull=False),
                name="intent_step_of_plan",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="intent_page"),
            models.Index(
                fields=["tenant", "plan_id", "-id"],
                name="intent_plan",
                condition=models.Q(plan_id__isnull=False),
            ),
            # What its plan has not taken notice of yet.
            models.Index(
                fields=["tenant", "plan_id"],
                name="intent_news",
                condition=models.Q(step_id__isnull=False)
                & ~models.Q(heard=models.F("status")),
            ),
            models.Index(fields=["tenant", "account", "-id"], name="intent_account"),
            models.Index(fields=["tenant", "status", "-id"], name="intent_status"),
            models.Index(fields=["tenant", "run_id"], name="intent_run"),
            models.Index(
                fields=["tenant", "due_at"],
                name="intent_open",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "account", "created_at"],
                name="intent_reach",
                condition=models.Q(reaches_out=True),
            ),
            models.Index(
                fields=["tenant", "-id"],
                name="intent_given_up",
                condition=models.Q(given_up_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "updated_at"],
                name="intent_unanswered",
                condition=models.Q(reaches_out=True, status="SUCCEEDED"),
            ),
            models.Index(
                fields=["tenant", "-id"],
                name="intent_in_doubt",
                condition=models.Q(status="IN_DOUBT"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action_type} {self.status}"


class Verdict(models.Model):
    """What every layer said of an intent, and the sealed facts that they looked at."""

    rights: ClassVar = APPEND_ONLY

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    intent = within_tenant("Intent", related_name="verdicts")
    facts = models.JSONField()
    decision = models.CharField(
        max_length=16, choices=[(each.value, each.value) for each in Decision]
    )
    reason = models.CharField(max_length=64)
    policy_clause = models.CharField(max_length=128)
    explanation = models.CharField(max_length=1000)
    policy_version = models.CharField(max_length=128)
    layers = models.JSONField()
    would_be_automatic_if = models.JSONField(default=list)
    judged_at = models.DateTimeField()
    # The verdict on the proposal itself; later ones come of edits and of starts.
    is_first = models.BooleanField(default=True)

    class Meta:
        constraints = [of_tenant("id", name="verdict_id")]
        indexes = [
            models.Index(fields=["tenant", "intent", "-id"], name="verdict_newest"),
            models.Index(fields=["tenant", "judged_at", "id"], name="verdict_time"),
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.reason}"


class Permit(models.Model):
    """Leave to do one exact action once. Without one, no tool acts."""

    class Source(models.TextChoices):
        POLICY = "POLICY"
        HUMAN = "HUMAN"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    intent = within_tenant("Intent", related_name="permits")
    verdict = within_tenant("Verdict", related_name="+")
    receipt = within_tenant("Receipt", null=True, related_name="+")
    source = models.CharField(max_length=6, choices=Source)
    approved_by = within_tenant("perception.Membership", null=True, related_name="+")
    action_type = models.CharField(max_length=64)
    action_digest = models.CharField(max_length=71)
    facts_digest = models.CharField(max_length=71)
    policy_version = models.CharField(max_length=128)
    epoch = models.CharField(max_length=48)
    minted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    spent_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)
    seal = models.CharField(max_length=64)

    class Meta:
        constraints = [
            of_tenant("id", name="permit_id"),
            of_tenant(
                "intent",
                name="permit_open",
                condition=models.Q(spent_at__isnull=True, voided_at__isnull=True),
            ),
            # No edit of policy, no bug and no person can permit these.
            models.CheckConstraint(
                condition=~models.Q(action_type__in=HARD_STOPS),
                name="permit_never_for_hard_stops",
            ),
            models.CheckConstraint(
                condition=models.Q(spent_at__isnull=True)
                | models.Q(voided_at__isnull=True),
                name="permit_one_end",
            ),
            models.CheckConstraint(
                condition=models.Q(source="POLICY", approved_by__isnull=True)
                | models.Q(source="HUMAN", approved_by__isnull=False),
                name="permit_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.action_type}"


class Execution(models.Model):
    """One action being done, or done. One for each intent, but for replays."""

    class Status(models.TextChoices):
        STARTED = "STARTED"
        SUCCEEDED = "SUCCEEDED"
        FAILED = "FAILED"
        IN_DOUBT = "IN_DOUBT"
        UNDONE = "UNDONE"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    intent = within_tenant("Intent", related_name="executions")
    permit = within_tenant("Permit", related_name="+")
    account = within_tenant("perception.Account", related_name="+")
    seller = within_tenant("perception.Membership", null=True, related_name="+")
    action_type = models.CharField(max_length=64)
    tool = models.CharField(max_length=64, blank=True)
    plan_type = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(max_length=12, choices=Status)
    auto_executed = models.BooleanField()
    approval_source = models.CharField(max_length=6, choices=Permit.Source)
    attempts = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Set before a call goes out; after a crash it says that one may have.
    called_at = models.DateTimeField(null=True)
    outcome = models.JSONField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")
    # What was there before it acted, and what was seen after: for what takes it back.
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    replay = within_tenant("Replay", null=True, related_name="executions")

    class Meta:
        constraints = [
            of_tenant("id", name="execution_id"),
            of_tenant("intent", "replay", name="execution_once", nulls_distinct=False),
            of_tenant("permit", name="execution_permit"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="execution_page"),
            models.Index(fields=["tenant", "started_at"], name="execution_started"),
            models.Index(
                fields=["tenant", "account", "-started_at"], name="execution_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action_type} {self.status}"
