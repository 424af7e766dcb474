"""Demo tenants: believable, complete, and no more of them when asked again."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from faker import Faker

from autonomy.models import Budget
from autonomy.opening import open_tenant
from autonomy.steering import set_budget
from ledger.scope import tenant_scope
from perception import connectors, tenants, tokens
from perception.accounts import add_account
from perception.errors import NoSuchTenant
from perception.models import Account, Connector, Membership, Opportunity
from perception.rules.callers import Caller
from perception.rules.roles import Role

Seeded = dict[str, Any]

TOKEN_DAYS = 365
BUDGETS: list[Seeded] = [
    {"limit_per_day": 200},
    {"each": "account", "limit_per_day": 20},
]


def seed(*, how_many: int, accounts: int, now: datetime) -> Seeded:
    """Make what is missing of the demo; show all of it."""
    return {
        "tenants": [
            _seed_tenant(f"demo-{number}", number, accounts=accounts, now=now)
            for number in range(1, how_many + 1)
        ]
    }


def _seed_tenant(slug: str, number: int, *, accounts: int, now: datetime) -> Seeded:
    fake = Faker()
    fake.seed_instance(number)
    try:
        tenant = tenants.find_tenant(slug)
    except NoSuchTenant:
        tenant = open_tenant(
            slug, f"{fake.company()} (demo)", timezone="Europe/Berlin", now=now
        )
    with tenant_scope(tenant):
        members = {role: _member(slug, role, fake, now=now) for role in Role}
        webhook = _webhook(now=now)
        _add_accounts(members, accounts, fake, now=now)
        _add_budgets(members[Role.ADMIN], now=now)
        return {
            "id": str(tenant),
            "slug": slug,
            "tokens": {
                role.lower(): _token(slug, member, now=now)
                for role, member in members.items()
            },
            "logins": {
                role.lower(): {
                    "email": member.person.email,
                    "password": _password(member.person.email),
                }
                for role, member in members.items()
            },
            "accounts": [
                {"id": str(id_), "external_id": external}
                for id_, external in Account.objects.order_by("id").values_list(
                    "id", "external_id"
                )[: max(accounts, 1)]
            ],
            "webhook": {
                "connector_id": str(webhook.id),
                "secret": connectors.secrets_of(webhook)[0],
            },
        }


def _member(slug: str, role: Role, fake: Faker, *, now: datetime) -> Membership:
    email = f"{role.lower()}@{slug}.example"
    found = Membership.objects.select_related("person").filter(person__email=email)
    name = fake.name()
    return found.first() or tenants.add_member(
        email, name, role, password=_password(email), now=now
    )


def _password(email: str) -> str:
    """Guessable by nobody, the same on every start: derived from this house's key."""
    raw = f"demo {email} {settings.SECRET_KEY}".encode()
    return hashlib.sha256(raw).hexdigest()[:14]


def _token(slug: str, member: Membership, *, now: datetime) -> str:
    """The demo's token; derived like the password, so that it can be shown again."""
    raw = f"demo token {slug} {member.id} {settings.SECRET_KEY}".encode()
    return tokens.issue(
        member, days=TOKEN_DAYS, now=now, secret=hashlib.sha256(raw).digest()
    )


def _webhook(*, now: datetime) -> Connector:
    found = Connector.objects.filter(name="Demo webhook").first()
    return found or connectors.add_webhook("Demo webhook", now=now)


def _add_accounts(
    members: dict[Role, Membership], wanted: int, fake: Faker, *, now: datetime
) -> None:
    existing = set(Account.objects.values_list("external_id", flat=True))
    admin = members[Role.ADMIN]
    caller = Caller(tenant=admin.tenant_id, membership=admin.id, role=Role.ADMIN)
    for number in range(1, wanted + 1):
        given = _account(number, fake, seller=members[Role.SELLER].id, now=now)
        if given["external_id"] not in existing:
            add_account(given, by=caller, now=now)


def _add_budgets(admin: Membership, *, now: datetime) -> None:
    """What a demo tenant may do by itself in a day; what somebody set stays."""
    caller = Caller(tenant=admin.tenant_id, membership=admin.id, role=Role.ADMIN)
    if not Budget.objects.exists():
        for scope in BUDGETS:
            set_budget(scope, by=caller, now=now)


def _account(number: int, fake: Faker, *, seller: UUID, now: datetime) -> Seeded:
    stages = list(Opportunity.Stage)
    return {
        "external_id": f"crm-{number:04}",
        "name": fake.company(),
        "lifecycle": list(Account.Lifecycle)[number % 3],
        "owner": str(seller),
        "timezone": "Europe/Berlin",
        "opportunities": [
            {
                "external_id": f"opp-{number:04}",
                "stage": stages[number % 3],
                "amount": fake.random_int(5, 120) * 1000,
                "renewal_date": (now + timedelta(days=20 + 9 * number)).date(),
            }
        ],
        "contacts": [
            {
                "external_id": f"contact-{number:04}",
                "name": fake.name(),
                "email": fake.ascii_safe_email(),
            }
        ],
    }
