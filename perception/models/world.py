"""Who there is: tenants, people and their roles, accounts and those who work there."""

from typing import Any, ClassVar

from django.contrib.auth.models import (
    AbstractBaseUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from uuid_utils.compat import uuid7

from perception.models.warmth import warmth
from perception.rules.roles import Role


def of_tenant(*fields: str, name: str, **more: Any) -> models.UniqueConstraint:
    """Unique within one tenant, so that nobody learns what another one holds."""
    return models.UniqueConstraint(fields=["tenant", *fields], name=name, **more)


def within_tenant(to: str, **more: Any) -> "models.ForeignKey[Any, Any]":
    """A reference whose constraint is composite: (tenant, id), made in a migration."""
    return models.ForeignKey(
        to, models.DO_NOTHING, db_constraint=False, db_index=False, **more
    )


def known_tenant() -> "models.ForeignKey[Any, Any]":
    """The tenant of rows that name another of the same tenant, which says that it is
    there: asked once more at every commit, all of them would lock its one row.
    """
    return models.ForeignKey(
        "perception.Tenant", models.PROTECT, db_constraint=False, db_index=False
    )


class Tenant(models.Model):
    """A customer of the house. Everything else belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The same id under the name that every fence looks at.
    tenant_id = models.GeneratedField(
        expression=models.F("id"),  # type: ignore[arg-type]
        output_field=models.UUIDField(),
        db_persist=True,
    )
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC")
    # The zone that held before, and the end of its last day.
    previous_timezone = models.CharField(max_length=64, blank=True, default="")
    timezone_since = models.DateTimeField(null=True, blank=True)
    four_eyes = models.BooleanField(default=False)
    digest_hour = models.PositiveSmallIntegerField(default=8)
    quiet_hours = models.JSONField(default=dict, blank=True)
    contact_caps = models.JSONField(default=dict, blank=True)
    default_mode = models.CharField(max_length=16, blank=True, default="")
    # How much of the order among near ties is left to chance, from 0 to 1.
    exploration_share = models.FloatField(default=0.0, db_default=0.0)
    # Whether what became of proposals may teach the model of the whole house.
    shares_learning = models.BooleanField(default=False, db_default=False)
    # How much of what would run by itself a person looks at first, from 0 to 1.
    review_share = models.FloatField(default=0.0, db_default=0.0)
    # Whoever was written to and is not heard of for so long has not answered.
    response_days = models.PositiveSmallIntegerField(default=7, db_default=7)
    # How accounts are watched: units of pulls a day, and rows that differ from ours.
    pull_units_per_day = models.PositiveIntegerField(default=10_000)
    cadence = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["slug"], name="tenant_slug"),
            models.CheckConstraint(
                condition=models.Q(digest_hour__lte=23), name="tenant_digest_hour"
            ),
            models.CheckConstraint(
                condition=models.Q(exploration_share__gte=0, exploration_share__lte=1),
                name="tenant_exploration_share",
            ),
            models.CheckConstraint(
                condition=models.Q(review_share__gte=0, review_share__lte=1),
                name="tenant_review_share",
            ),
            models.CheckConstraint(
                condition=models.Q(response_days__gte=1, response_days__lte=90),
                name="tenant_response_days",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class People(BaseUserManager["Person"]):
    """Makes people. They are known by their e-mail address."""

    def create_user(
        self, email: str, password: str | None = None, **more: Any
    ) -> "Person":
        person = self.model(email=self.normalize_email(email).lower(), **more)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str, **more: Any) -> "Person":
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, **more
        )


class Person(AbstractBaseUser, PermissionsMixin):
    """Somebody who can log in. What they may do, a Membership says.

    `tenant_ids` only hints where a membership may be found, as memberships are
    fenced; entering a tenant always needs the membership itself.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    tenant_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    date_joined = models.DateTimeField(db_default=Now())

    objects: ClassVar[People] = People()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name_plural = "people"
        constraints = [models.UniqueConstraint(Lower("email"), name="person_email")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)


class Membership(models.Model):
    """One person's role in one tenant. Its id names the person there."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    person = models.ForeignKey(Person, models.PROTECT, related_name="memberships")
    role = models.CharField(
        max_length=16, choices=[(role.value, role.value.title()) for role in Role]
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            of_tenant("id", name="membership_id"),
            of_tenant("person", name="membership_person"),
        ]

    def __str__(self) -> str:
        return f"{self.person} ({self.role.title()})"


class ApiToken(models.Model):
    """A bearer token: only its hash is kept. It acts as its membership."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    membership = within_tenant("Membership", related_name="tokens")
    hash = models.CharField(max_length=64, editable=False)
    hint = models.CharField(max_length=8, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API token"
        constraints = [
            of_tenant("id", name="token_id"),
            of_tenant("hash", name="token_hash"),
        ]
        indexes = [models.Index(fields=["tenant", "membership"], name="token_member")]

    def __str__(self) -> str:
        return f"…{self.hint}"


class Account(models.Model):
    """A company that the tenant sells to."""

    class Lifecycle(models.TextChoices):
        PROSPECT = "PROSPECT"
        SUSPECT = "SUSPECT"
        CUSTOMER = "CUSTOMER"
        CHURNED = "CHURNED"

    class Tier(models.TextChoices):
        HOT = "HOT"
        WARM = "WARM"
        COLD = "COLD"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    external_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    lifecycle = models.CharField(
        max_length=16, choices=Lifecycle, default=Lifecycle.PROSPECT
    )
    owner = within_tenant("Membership", null=True, blank=True, related_name="accounts")
    timezone = models.CharField(max_length=64, blank=True, default="")
    heat_score = models.FloatField(default=0)
    heat_tier = models.CharField(max_length=4, choices=Tier, default=Tier.COLD)
    heat_at = models.DateTimeField(null=True, blank=True)
    # When it is looked at next, when deeply, and when it last was.
    next_poll_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    deep_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    # News for who stands above, until heard: its owner, phase, closing or deals moved.
    news_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            of_tenant("id", name="account_id"),
            of_tenant("external_id", name="account_external"),
            models.CheckConstraint(
                condition=models.Q(heat_score__gte=0, heat_score__lte=1),
                name="account_heat",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "owner", "-id"], name="account_owner"),
            models.Index(fields=["tenant", "-id"], name="account_page"),
            models.Index(
                models.F("tenant"),
                models.OrderBy(warmth(), descending=True),
                models.F("id").desc(),
                name="account_warmest",
            ),
            models.Index(
                fields=["tenant", "next_poll_at"],
                name="account_due",
                condition=models.Q(closed_at__isnull=True),
            ),
            models.Index(
                fields=["tenant", "news_at"],
                name="account_news",
                condition=models.Q(news_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Opportunity(models.Model):
    """A deal with an account, and the stage it is in."""

    class Stage(models.TextChoices):
        PROSPECTING = "prospecting"
        DISCOVERY = "discovery"
        QUALIFICATION = "qualification"
        EVALUATION = "evaluation"
        NEGOTIATION = "negotiation"
        CLOSED_WON = "closed_won"
        CLOSED_LOST = "closed_lost"
        STALLED = "stalled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("Account", related_name="opportunities")
    external_id = models.CharField(max_length=200)
    stage = models.CharField(max_length=16, choices=Stage)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    renewal_date = models.DateField(null=True, blank=True)
    # When each of these was last said: what comes late undoes nothing newer.
    stage_at = models.DateTimeField(null=True, editable=False)
    amount_at = models.DateTimeField(null=True, editable=False)
    renewal_date_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "opportunities"
        constraints = [
            of_tenant("id", name="opportunity_id"),
            of_tenant("account", "external_id", name="opportunity_external"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} ({self.stage})"


class Contact(models.Model):
    """A person at an account. Erasing leaves the row and takes the person out of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    account = within_tenant("Account", related_name="contacts")
    external_id = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    opted_out = models.BooleanField(default=False)
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            of_tenant("id", name="contact_id"),
            of_tenant("account", "external_id", name="contact_external"),
        ]

    def __str__(self) -> str:
        return self.name
