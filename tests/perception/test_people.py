"""T2, T5, L9: people, their secrets, their second factor, and their erasure."""

import socket
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from cryptography.fernet import Fernet
from django.test import Client

from ledger.erase import erase_person
from ledger.models import Entry, Private
from ledger.prove import prove_entry
from ledger.record import SYSTEM, Fact, Secret, record
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from ledger.verify import verify_tenant
from perception import vault
from perception.errors import SealBroken
from perception.models import Membership, Person
from perception.rules.roles import Role
from perception.tenants import add_member
from tests.conftest import NOW, PASSWORD, House


def log_in(house: House, role: Role, password: str = PASSWORD) -> tuple[Client, Any]:
    client = Client(SERVER_NAME="localhost")
    email = f"{role.lower()}@{house.slug}.example"
    return client, client.post("/login/", {"login": email, "password": password})


def test_the_right_password_opens_the_first_page(house: House) -> None:
    client, answer = log_in(house, Role.SELLER)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    page = client.get("/")
    assert page.status_code == 200
    assert f"Seller of {house.slug}" in page.content.decode()


def test_the_wrong_one_does_not(house: House) -> None:
    client, answer = log_in(house, Role.SELLER, "wrong")
    assert answer.status_code == 200
    assert client.get("/")["Location"].startswith("/login/")


def test_login_leads_nowhere_else(house: House) -> None:
    client = Client(SERVER_NAME="localhost")
    answer = client.post(
        "/login/?next=https://evil.example/",
        {
            "login": f"seller@{house.slug}.example",
            "password": PASSWORD,
            "next": "https://evil.example/",
        },
    )
    assert "evil" not in answer["Location"]


def test_a_second_factor_is_asked_for(house: House) -> None:
    """T5: with an authenticator, the password alone opens nothing."""
    secret = "JBSWY3DPEHPK3PXP"
    person = house.members[Role.ADMIN].person
    TOTP.activate(Person.objects.get(pk=person.pk), secret)
    client, answer = log_in(house, Role.ADMIN)
    assert answer["Location"] == "/auth/2fa/authenticate/"
    assert client.get("/").status_code == 302
    wrong = client.post(answer["Location"], {"code": "000000"})
    assert wrong.status_code == 200
    counter = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value(secret, counter))
    right = client.post(answer["Location"], {"code": code})
    assert right["Location"] == "/"
    assert client.get("/").status_code == 200


def test_nobody_signs_up_or_takes_another_address(house: House) -> None:
    client, _ = log_in(house, Role.SELLER)
    for path in ("signup", "email", "3rdparty", "3rdparty/signup"):
        assert client.get(f"/auth/{path}/").status_code == 404
        assert client.post(f"/auth/{path}/", {"email": "x@y.zz"}).status_code == 404


def test_the_session_speaks_for_its_member(house: House) -> None:
    """The API by session: same role, and changes need the CSRF token."""
    client, _ = log_in(house, Role.ADMIN)
    assert client.get("/api/v1/me/").json()["role"] == "ADMIN"
    strict = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    strict.cookies = client.cookies
    body = {"external_id": "a", "name": "A"}
    refused = strict.post("/api/v1/accounts/", body, content_type="application/json")
    assert refused.status_code == 403


def test_who_left_is_out_at_once(house: House) -> None:
    client, _ = log_in(house, Role.SELLER)
    with tenant_scope(house.tenant):
        Membership.objects.filter(pk=house.members[Role.SELLER].pk).update(
            is_active=False
        )
    assert client.get("/").status_code == 403
    assert client.get("/api/v1/me/").status_code == 401


def test_a_session_cannot_name_another_tenant(house: House, other: House) -> None:
    """T1: the membership decides, not what a session says."""
    client, _ = log_in(house, Role.ADMIN)
    session = client.session
    session["tenant"] = str(other.tenant)
    session.save()
    assert client.get("/api/v1/me/").json()["tenant"] == str(house.tenant)
    Person.objects.filter(pk=house.members[Role.ADMIN].person_id).update(
        tenant_ids=[other.tenant]
    )
    assert client.get("/api/v1/me/").status_code == 401


def test_secrets_rest_encrypted_and_old_keys_still_open(settings: Any) -> None:
    """T5: the newest key seals, every live key opens, a retired one does not."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = (old,)
    sealed = vault.seal("whsec_abc")
    assert "abc" not in sealed
    settings.FIELD_KEYS = (new, old)
    assert vault.unseal(sealed) == "whsec_abc"
    settings.FIELD_KEYS = (new,)
    with pytest.raises(SealBroken):
        vault.unseal(sealed)


def test_an_erased_person_leaves_every_proof_whole(db: None) -> None:
    """L9: value and salt go, the commitment stays."""
    tenant, person, bystander = uuid4(), uuid4(), uuid4()
    with tenant_scope(tenant):
        entry = record(
            Fact(
                kind=Kind.ACCOUNT_CHANGED,
                private=[
                    Secret(person=person, field="name", value="Ada"),
                    Secret(person=bystander, field="other", value={"email": "b@x.org"}),
                ],
            ),
            now=NOW,
        )
        stated = Entry.objects.get(id=entry).data
        assert "Ada" not in str(stated)
        assert stated["private"]["name"].startswith("sha256:")
    seal_tenant(tenant, now=NOW)
    with tenant_scope(tenant):
        before = prove_entry(entry).canonical
        assert erase_person(person, by=SYSTEM, now=NOW) == 1
        assert [row.field for row in Private.objects.all()] == ["other"]
    seal_tenant(tenant, now=NOW)
    with tenant_scope(tenant):
        assert prove_entry(entry).canonical == before
    assert verify_tenant(tenant).findings == []


def test_the_same_value_commits_differently_each_time(db: None) -> None:
    """Nobody learns that two entries speak of the same person."""
    tenant, person = uuid4(), uuid4()
    with tenant_scope(tenant):
        for _ in range(2):
            secret = Secret(person=person, field="name", value="Ada")
            record(Fact(kind=Kind.ACCOUNT_CHANGED, private=[secret]), now=NOW)
        said = {entry.data["private"]["name"] for entry in Entry.objects.all()}
    assert len(said) == 2


def test_one_person_in_two_tenants_chooses(house: House, other: House) -> None:
    person = house.members[Role.ADMIN].person
    with tenant_scope(other.tenant):
        add_member(person.email, "", Role.AUDITOR, now=NOW)
    client, _ = log_in(house, Role.ADMIN)
    assert client.get("/api/v1/me/").json()["role"] == "ADMIN"
    page = client.get("/tenants/").content.decode()
    assert "Another house (Auditor)" in page
    assert client.post("/tenants/", {"tenant": str(uuid4())}).status_code == 404
    assert client.post("/tenants/", {"tenant": str(other.tenant)})["Location"] == "/"
    me = client.get("/api/v1/me/").json()
    assert (me["tenant"], me["role"]) == (str(other.tenant), "AUDITOR")


def test_login_works_without_redis(house: House, settings: Any) -> None:
    """Law 5: losing Redis loses no work, and locks nobody out."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": url}}
    client, answer = log_in(house, Role.SELLER)
    assert answer["Location"] == "/"
    assert client.get("/").status_code == 200
