"""Set up tenants and their people."""

from datetime import date, datetime
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, UUIDField, Value
from uuid_utils.compat import uuid7

from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception.errors import NoSuchTenant
from perception.models import Membership, Person, Tenant
from perception.rules.days import local_day, zone_at
from perception.rules.roles import Role


def find_tenant(slug: str) -> UUID:
    """The id of a tenant by its slug; slugs are unknown to other tenants."""
    with system_scope("find tenant"):
        tenant = Tenant.objects.filter(slug=slug).values_list("id", flat=True).first()
    if tenant is None:
        raise NoSuchTenant(f"{slug!r} is not the slug of one.")
    return tenant


def create_tenant(
    slug: str, name: str, *, timezone: str, now: datetime, by: Actor = SYSTEM
) -> UUID:
    """Add a tenant, with an empty ledger that begins with this fact."""
    tenant: UUID = uuid7()
    with tenant_scope(tenant):
        Tenant.objects.create(id=tenant, slug=slug, name=name, timezone=timezone)
        record(
            Fact(
                kind=Kind.TENANT_CREATED,
                by=by,
                subjects={"tenant": tenant},
                data={"slug": slug, "timezone": timezone},
            ),
            now=now,
        )
    return tenant


def add_member(
    email: str,
    name: str,
    role: Role,
    *,
    password: str | None = None,
    now: datetime,
    by: Actor = SYSTEM,
) -> Membership:
    """Give a person a role in the tenant in scope; the person may be new."""
    tenant = Tenant.objects.get()
    person = Person.objects.filter(email__iexact=email).first()
    if person is None:
        person = Person.objects.create_user(email, password, name=name)
    member = Membership.objects.create(tenant=tenant, person=person, role=role.value)
    if tenant.id not in person.tenant_ids:
        person.tenant_ids = [*person.tenant_ids, tenant.id]
        person.save(update_fields=["tenant_ids"])
    record(
        Fact(
            kind=Kind.MEMBER_ADDED,
            by=by,
            subjects={"member": member.id},
            data={"role": role.value},
        ),
        now=now,
    )
    return member


def change_member(
    member: UUID, *, role: Role, is_active: bool, now: datetime, by: Actor = SYSTEM
) -> bool:
    """Change somebody's role or access; False when all is as it was."""
    found = Membership.objects.select_for_update().get(pk=member)
    before = {"role": found.role, "is_active": found.is_active}
    after = {"role": role.value, "is_active": is_active}
    if before == after:
        return False
    Membership.objects.filter(pk=member).update(**after)
    if is_active != found.is_active:
        _hint(found, is_active)
    record(
        Fact(
            kind=Kind.MEMBER_CHANGED,
            by=by,
            subjects={"member": member},
            data={"before": before, "after": after},
        ),
        now=now,
    )
    return True


def _hint(member: Membership, is_active: bool) -> None:
    """Tell the person's sessions where to look; in one statement, as tenants race."""
    hints = _array("array_remove", F("tenant_ids"), member.tenant_id)
    if is_active:
        hints = _array("array_append", hints, member.tenant_id)
    Person.objects.filter(pk=member.person_id).update(tenant_ids=hints)


def _array(function: str, array: F | Func, tenant: UUID) -> Func:
    value = Value(tenant, output_field=UUIDField())
    return Func(array, value, function=function, output_field=ArrayField(UUIDField()))


def today(*, now: datetime) -> date:
    """The day that budgets count in, of the tenant in scope."""
    tenant = Tenant.objects.get(pk=current_tenant())
    zone = zone_at(
        now,
        timezone=tenant.timezone,
        previous=tenant.previous_timezone,
        since=tenant.timezone_since,
    )
    return local_day(now, zone)
