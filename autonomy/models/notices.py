"""What members and other systems are told of: each fact once, to each of them once."""

from django.db import models
from uuid_utils.compat import uuid7

from perception.models import Tenant
from perception.models.world import of_tenant, within_tenant


class Notice(models.Model):
    """A fact that somebody may want to be told of. The row is its own outbox: it is
    written with the fact, and gone through until it is known who is to be told.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    kind = models.CharField(max_length=32)
    # What it is about: an approval, a switch, a run; its kind says of what.
    about = models.UUIDField()
    account = within_tenant("perception.Account", null=True, related_name="+")
    data = models.JSONField(default=dict, db_default={})
    at = models.DateTimeField()
    spread_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            of_tenant("id", name="notice_id"),
            of_tenant("kind", "about", "at", name="notice_once"),
        ]
        indexes = [
            models.Index(
                fields=["at"],
                name="notice_due",
                condition=models.Q(spread_at__isnull=True),
            ),
            models.Index(fields=["spread_at"], name="notice_age"),
        ]

    def __str__(self) -> str:
        return self.kind


class Telling(models.Model):
    """A notice on its way to one member by mail, or to one receiver of webhooks."""

    class Status(models.TextChoices):
        WAITING = "WAITING"
        TOLD = "TOLD"
        FAILED = "FAILED"
        DROPPED = "DROPPED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    notice = within_tenant("Notice", related_name="tellings")
    member = within_tenant("perception.Membership", null=True, related_name="+")
    connector = within_tenant("perception.Connector", null=True, related_name="+")
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING)
    # When it is sent, or sent again; whoever has taken it has until then.
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # The mail that it went into, with others: the same for every try.
    bundle = models.UUIDField(null=True)
    told_at = models.DateTimeField(null=True)
    receipt = models.CharField(max_length=255, blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        verbose_name = "notice"
        constraints = [
            of_tenant(
                "notice",
                "member",
                name="telling_member",
                condition=models.Q(member__isnull=False),
            ),
            of_tenant(
                "notice",
                "connector",
                name="telling_connector",
                condition=models.Q(connector__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="telling_due",
                condition=models.Q(status="WAITING"),
            ),
            models.Index(fields=["tenant", "-id"], name="telling_page"),
            models.Index(fields=["tenant", "member", "-id"], name="telling_mine"),
        ]

    def __str__(self) -> str:
        return self.status


class NoticeChoice(models.Model):
    """What a member wants to be told of by mail; without a row, of everything."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    member = within_tenant("perception.Membership", related_name="+")
    digest_only = models.BooleanField(default=False)
    muted = models.JSONField(default=list, db_default=[])
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [of_tenant("member", name="noticechoice_member")]

    def __str__(self) -> str:
        return "the digest alone" if self.digest_only else "mails"
