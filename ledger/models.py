"""The shelves of the ledger: entries, the tree over them, and what leaves the house.

Plain ids, no foreign keys: the ledger outlives what it speaks of.
"""

from dataclasses import dataclass
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from ledger.rules.kinds import Kind


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What the run-time role and the system role may do to a table."""

    app: str = "SELECT, INSERT, UPDATE, DELETE"
    system: str = "SELECT, INSERT, UPDATE, DELETE"


APPEND_ONLY = Rights(app="SELECT, INSERT", system="SELECT, INSERT")
SEALER_ONLY = Rights(app="SELECT", system="SELECT, INSERT")


def subject(name: str) -> models.GeneratedField:
    """A subject's id as a column of its own, so that row-level security can index it."""
    return models.GeneratedField(
        expression=models.Func(
            models.F("subjects"),
            models.Value(name),
            function="jsonb_extract_path_text",
            template="(%(function)s(%(expressions)s)::uuid)",
            output_field=models.UUIDField(),
        ),
        output_field=models.UUIDField(null=True),
        db_persist=True,
    )


INDEXED_SUBJECTS = ("account", "run", "intent", "execution", "plan")


class Entry(models.Model):
    """One fact, never changed. `number` orders, `id` is shown outside."""

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    at = models.DateTimeField()
    kind = models.CharField(
        max_length=64, choices=[(kind.value, kind.value) for kind in Kind]
    )
    actor = models.JSONField()
    subjects = models.JSONField(default=dict)
    data = models.JSONField(default=dict)
    account_id = subject("account")
    run_id = subject("run")
    intent_id = subject("intent")
    execution_id = subject("execution")
    plan_id = subject("plan")

    rights: ClassVar = APPEND_ONLY

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "id"], name="entry_id"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "number"], name="entry_page"),
            models.Index(fields=["tenant_id", "kind", "number"], name="entry_kind"),
            *(
                models.Index(
                    fields=["tenant_id", f"{name}_id", "number"],
                    name=f"entry_{name}",
                    condition=models.Q(**{f"{name}_id__isnull": False}),
                )
                for name in INDEXED_SUBJECTS
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Pending(models.Model):
    """An entry that has no place in the tree yet. A trigger writes it."""

    number = models.BigIntegerField(primary_key=True)
    tenant_id = models.UUIDField()

    rights: ClassVar = Rights(app="SELECT, INSERT", system="SELECT, INSERT, DELETE")

    class Meta:
        verbose_name_plural = "pending"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "number"], name="pending_of_tenant"
            )
        ]

    def __str__(self) -> str:
        return str(self.number)


class Leaf(models.Model):
    """The place of an entry in its tenant's tree."""

    pk = models.CompositePrimaryKey("tenant_id", "sequence")
    tenant_id = models.UUIDField()
    sequence = models.BigIntegerField()
    number = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    rights: ClassVar = SEALER_ONLY

    class Meta:
        verbose_name_plural = "leaves"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "number"], name="leaf_entry")
        ]

    def __str__(self) -> str:
        return f"leaf {self.sequence}"


class Landmark(models.Model):
    """The hash over 256, 65,536 … leaves in a row, so that proofs read few rows."""

    pk = models.CompositePrimaryKey("tenant_id", "level", "index")
    tenant_id = models.UUIDField()
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    rights: ClassVar = SEALER_ONLY

    def __str__(self) -> str:
        return f"landmark {self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed note over a tenant's tree, and the frontier to go on from."""

    pk = models.CompositePrimaryKey("tenant_id", "size")
    tenant_id = models.UUIDField()
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    frontier = models.BinaryField()
    note = models.TextField()
    at = models.DateTimeField(db_default=Now())

    rights: ClassVar = SEALER_ONLY

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Private(models.Model):
    """Personal data that an entry only commits to. Erasing it breaks no proof."""

    pk = models.CompositePrimaryKey("tenant_id", "entry_id", "field")
    tenant_id = models.UUIDField()
    entry_id = models.UUIDField()
    field = models.CharField(max_length=64)
    person_id = models.UUIDField()
    salt = models.BinaryField(max_length=32)
    value = models.JSONField()

    rights: ClassVar = Rights(
        app="SELECT, INSERT, DELETE", system="SELECT, INSERT, DELETE"
    )

    class Meta:
        verbose_name_plural = "private"
        indexes = [
            models.Index(fields=["tenant_id", "person_id"], name="private_person")
        ]

    def __str__(self) -> str:
        return f"{self.field} of {self.entry_id}"


class SystemUse(models.Model):
    """How often a job crossed tenants in an hour, until it is stated in the ledger."""

    pk = models.CompositePrimaryKey("job", "hour", "session")
    job = models.CharField(max_length=64)
    hour = models.DateTimeField()
    session = models.IntegerField()
    uses = models.BigIntegerField()

    rights: ClassVar = Rights(app="SELECT")

    def __str__(self) -> str:
        return f"{self.job} {self.hour:%Y-%m-%d %H}"


class Export(models.Model):
    """A copy of a stretch of the ledger that somebody asked for."""

    class Format(models.TextChoices):
        JSONL = "jsonl"
        CSV = "csv"
        PARQUET = "parquet"

    class Status(models.TextChoices):
        PENDING = "PENDING"
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    requested_by = models.UUIDField()
    requested_at = models.DateTimeField()
    begin = models.DateTimeField()
    end = models.DateTimeField()
    format = models.CharField(max_length=8, choices=Format)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.SmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    manifest = models.JSONField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "id"], name="export_id"),
            models.CheckConstraint(
                condition=models.Q(begin__lt=models.F("end")), name="export_range"
            ),
            models.CheckConstraint(
                condition=models.Q(status="PENDING", finished_at__isnull=True)
                | models.Q(
                    status="COMPLETED",
                    finished_at__isnull=False,
                    manifest__isnull=False,
                )
                | models.Q(status="FAILED", finished_at__isnull=False),
                name="export_paired",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "requested_at"], name="export_asked"),
            models.Index(
                fields=["requested_at"],
                name="export_due",
                condition=models.Q(status="PENDING"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.status}"
