"""What was offered and why in that order, what is learned from it, and what that may do."""

from typing import ClassVar

from django.db import models
from uuid_utils.compat import uuid7

from ledger.models import APPEND_ONLY
from perception.models import Tenant
from perception.models.world import known_tenant, of_tenant, within_tenant


class Choice(models.Model):
    """One proposal as it was ranked: what was known, what else there was, how likely it was
    to stand where it stood. Never changed: training sees nothing of the future.
    """

    rights: ClassVar = APPEND_ONLY

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = known_tenant()
    run_id = models.UUIDField()
    intent = within_tenant("Intent", related_name="choices")
    account = within_tenant("perception.Account", related_name="+")
    action_type = models.CharField(max_length=64)
    position = models.PositiveSmallIntegerField()
    score = models.FloatField()
    # How likely it was to stand at this position, as ties were broken; without
    # exploration 1. How likely each candidate was to come first is said of each below.
    propensity = models.FloatField()
    explored = models.BooleanField(default=False)
    features = models.JSONField()
    features_version = models.PositiveSmallIntegerField()
    # Every candidate in the order shown: [{intent, action_type, score, features,
    # confidence, propensity}]; here the propensity is that of coming first.
    candidates = models.JSONField()
    # The model that scored: its version, or "heuristic".
    model = models.CharField(max_length=64)
    # What a model in SHADOW would have said: {version: [scores]}.
    shadow = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="choice_id"),
            of_tenant("intent", name="choice_once"),
            models.CheckConstraint(
                condition=models.Q(propensity__gt=0, propensity__lte=1),
                name="choice_propensity",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "at"], name="choice_time"),
            models.Index(fields=["tenant", "run_id"], name="choice_run"),
        ]

    def __str__(self) -> str:
        return f"{self.action_type} {self.position}"


class Ranking(models.Model):
    """A version of a ranking model, and where it stands. Its numbers never change."""

    class Status(models.TextChoices):
        CANDIDATE = "CANDIDATE"
        SHADOW = "SHADOW"
        ACTIVE = "ACTIVE"
        RETIRED = "RETIRED"

    class Kind(models.TextChoices):
        HEURISTIC = "heuristic"
        LOGISTIC = "logistic"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    version = models.CharField(max_length=64)
    kind = models.CharField(max_length=9, choices=Kind)
    status = models.CharField(max_length=9, choices=Status)
    # Coefficients, means and scales by name; points of calibration. Plain JSON.
    artefact = models.JSONField()
    # Range, rows, features version, baseline, metrics, seed, digest of the data.
    provenance = models.JSONField()
    # What the gate said when it was promoted.
    gate = models.JSONField(null=True)
    made_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    moved_by = within_tenant("perception.Membership", null=True, related_name="+")

    class Meta:
        constraints = [
            of_tenant("id", name="ranking_id"),
            of_tenant("version", name="ranking_version"),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(status="ACTIVE"),
                name="ranking_one_active",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="ranking_page")]

    def __str__(self) -> str:
        return f"{self.version} {self.status}"


class HouseRanking(models.Model):
    """What a tenant without a model of its own is ranked by: weights only, of no tenant."""

    version = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=9, choices=Ranking.Kind)
    status = models.CharField(max_length=9, choices=Ranking.Status)
    artefact = models.JSONField()
    provenance = models.JSONField()
    # What the gate said when it was promoted.
    gate = models.JSONField(null=True)
    made_at = models.DateTimeField()
    moved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.F("status"),
                condition=models.Q(status="ACTIVE"),
                name="house_ranking_one_active",
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.status}"


class Evaluation(models.Model):
    """What an evaluation of a tenant's rankings found. Never changed."""

    rights: ClassVar = APPEND_ONLY

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    body = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        constraints = [of_tenant("id", name="evaluation_id")]
        indexes = [models.Index(fields=["tenant", "-id"], name="evaluation_page")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"


class Suggestion(models.Model):
    """Wider autonomy for a type, as the record bears it out; a person signs it or not."""

    class Status(models.TextChoices):
        OPEN = "OPEN"
        SIGNED = "SIGNED"
        DECLINED = "DECLINED"
        WITHDRAWN = "WITHDRAWN"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    action_type = models.CharField(max_length=64)
    status = models.CharField(max_length=9, choices=Status)
    # Trials, regrets, the bound and at which level, what is asked for.
    record = models.JSONField()
    suggested_at = models.DateTimeField()
    # With four eyes: who signed first, while it waits for somebody else.
    first_by = within_tenant("perception.Membership", null=True, related_name="+")
    first_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = within_tenant("perception.Membership", null=True, related_name="+")
    # The mode as it stood, and when signing set the wider one: what narrowing goes by.
    before = models.JSONField(null=True)
    mode_set_at = models.DateTimeField(null=True)
    narrowed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            of_tenant("id", name="suggestion_id"),
            of_tenant(
                "action_type",
                name="suggestion_open",
                condition=models.Q(status="OPEN"),
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="suggestion_page")]

    def __str__(self) -> str:
        return f"{self.action_type.replace('_', ' ')}: {self.status.lower()}"
