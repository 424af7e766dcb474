"""The ground of the API: tokens, bodies, pages, ETags, repeated requests, problems."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from config import rates
from config.access import MATRIX, allowed
from config.isolation import api_routes
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import tokens
from perception.models import Account, ApiToken, IdempotencyKey, Membership, Tenant
from perception.rules.roles import Role
from tests.conftest import Api, House
from tests.races import in_threads

NEW = {"external_id": "crm-1", "name": "Acme"}


def problem(response: Any) -> tuple[int, str]:
    """Status and code of a refusal that has the right shape."""
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert {"type", "title", "detail", "code"} <= set(body)
    assert "Traceback" not in response.content.decode()
    return response.status_code, body["code"]


# --- Tokens (T1, T5) --------------------------------------------------------------


def test_a_token_makes_you_its_member(house: House) -> None:
    me = house.client(Role.SELLER).send("GET", "me/").json()
    assert me == {
        "id": str(house.members[Role.SELLER].id),
        "tenant": str(house.tenant),
        "role": "SELLER",
    }


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer nonsense",
        "Bearer aut_zz_secret",
        f"Bearer aut_{UUID(int=7).hex}_{'x' * 43}",
        "Basic YTpi",
    ],
)
def test_who_is_unknown_is_turned_away(db: None, header: str | None) -> None:
    client = Api(None)
    headers = {"authorization": header} if header is not None else {}
    response = client.get("/api/v1/me/", headers=headers)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert problem(response)[0] == 401


def test_a_secret_does_not_work_in_another_tenant(house: House, other: House) -> None:
    """T1: the tenant in a token proves nothing by itself."""
    secret = house.tokens[Role.ADMIN].split("_", 2)[2]
    forged = f"aut_{other.tenant.hex}_{secret}"
    assert problem(Api(forged).send("GET", "me/")) == (401, "BAD_TOKEN")


def test_expired_and_revoked_tokens_say_so(house: House) -> None:
    """T5."""
    now = datetime.now(UTC)
    with tenant_scope(house.tenant):
        member = house.members[Role.ADMIN]
        old = tokens.issue(member, days=1, now=now - timedelta(days=2))
        text = tokens.issue(member, days=1, now=now)
        token = tokens.find(text, now=now)[0]
        assert tokens.revoke(token.pk, now=now)
        assert not tokens.revoke(token.pk, now=now)
    assert problem(Api(old).send("GET", "me/")) == (401, "TOKEN_EXPIRED")
    assert problem(Api(text).send("GET", "me/")) == (401, "TOKEN_REVOKED")


def test_a_member_who_left_cannot_act(house: House) -> None:
    with tenant_scope(house.tenant):
        house.members[Role.SELLER].__class__.objects.filter(
            pk=house.members[Role.SELLER].pk
        ).update(is_active=False)
    answer = house.client(Role.SELLER).send("GET", "me/")
    assert problem(answer) == (401, "BAD_TOKEN")


def test_only_the_hash_is_kept(house: House) -> None:
    """T5: a dump of the database opens nothing."""
    with tenant_scope(house.tenant):
        kept = json.dumps(list(ApiToken.objects.values()), default=str)
    assert all(token not in kept for token in house.tokens.values())
    assert all(token.split("_", 2)[2] not in kept for token in house.tokens.values())


def test_the_token_command(house: House, capsys: Any) -> None:
    call_command("token", "create", tenant=house.slug, role="ADMIN", json=True)
    made = json.loads(capsys.readouterr().out)
    assert Api(made["token"]).send("GET", "me/").status_code == 200
    call_command("token", "revoke", "--tenant", house.slug, "--id", made["id"])
    assert problem(Api(made["token"]).send("GET", "me/")) == (401, "TOKEN_REVOKED")


# --- Roles (T2) ---------------------------------------------------------------------


def test_every_route_is_in_the_matrix_and_no_other(db: None, capsys: Any) -> None:
    """T2: denied by default; the whole table is printed."""
    names = set(_route_names())
    assert names == set(MATRIX)
    with capsys.disabled():
        sys.stdout.write("\n" + _table() + "\n")


def _route_names() -> list[str]:
    paths = ["/" + _with_ids(route) for route in api_routes()]
    return [resolve(path).url_name or "" for path in paths]


def _with_ids(route: str) -> str:
    return "/".join(
        str(uuid4()) if part.startswith("<") else part for part in route.split("/")
    )


def _table() -> str:
    lines = [f"{'route':24}{'method':8}" + "".join(f"{role:13}" for role in Role)]
    for route, methods in MATRIX.items():
        for method in methods:
            marks = "".join(
                f"{'yes' if role in allowed(route, method) else '-':13}"
                for role in Role
            )
            lines.append(f"{route:24}{method:8}{marks}")
    return "\n".join(lines)


@pytest.mark.parametrize("role", Role)
def test_the_matrix_is_what_happens(house: House, role: Role) -> None:
    """T2: for each route, method and role, the door does what the table says."""
    client = house.client(role)
    for route in api_routes():
        path = "/" + _with_ids(route)
        name = resolve(path).url_name or ""
        for method in MATRIX[name]:
            response = client.send(method, path.removeprefix("/api/v1/"), {})
            refused = response.status_code == 403
            assert refused == (role not in allowed(name, method)), (name, method)


def test_a_method_that_is_not_there(house: House) -> None:
    answer = house.client(Role.ADMIN).send("DELETE", "accounts/")
    assert problem(answer) == (405, "METHOD_NOT_ALLOWED")


# --- Bodies ----------------------------------------------------------------------------

DEEP = b'{"a":' * 100 + b"1" + b"}" * 100


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "VALIDATION_ERROR"),
        (b"{", 400, "PARSE_ERROR"),
        (b"[]", 400, "VALIDATION_ERROR"),
        (b"null", 400, "VALIDATION_ERROR"),
        (b'"text"', 400, "VALIDATION_ERROR"),
        (b'{"name": "\xff"}', 400, "PARSE_ERROR"),
        (b'{"name": "\\u0000"}', 400, "PARSE_ERROR"),
        (b'{"name": "\\ud800"}', 400, "PARSE_ERROR"),
        (b'{"name": NaN}', 400, "PARSE_ERROR"),
        (b'{"name": 1e999}', 400, "PARSE_ERROR"),
        (DEEP, 400, "PARSE_ERROR"),
        (b"[" * 100_000, 400, "PARSE_ERROR"),
        (b'{"name": "' + b"x" * 300_000 + b'"}', 413, "TOO_LARGE"),
        (b'{"external_id": "a", "name": "b", "tenant": "x"}', 400, "VALIDATION_ERROR"),
        (
            b'{"external_id": "a", "name": "b", "heat_score": 1}',
            400,
            "VALIDATION_ERROR",
        ),
        (
            b'{"external_id": "a", "name": "b", "owner": "no@where"}',
            404,
            "NO_SUCH_MEMBER",
        ),
        (
            b'{"external_id": "a", "name": "b", "timezone": "Mars"}',
            400,
            "VALIDATION_ERROR",
        ),
        (
            b'{"external_id": "a", "name": "b", "lifecycle": "LOST"}',
            400,
            "VALIDATION_ERROR",
        ),
        (
            (
                b'{"external_id": "a", "name": "b", "contacts": '
                b'[{"external_id": "c", "name": "n", "email": "e"}]}'
            ),
            400,
            "VALIDATION_ERROR",
        ),
        (
            (
                b'{"external_id": "a", "name": "b", "opportunities": '
                b'[{"external_id": "o", "stage": "nowhere"}]}'
            ),
            400,
            "VALIDATION_ERROR",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_bodies_are_refused_and_nothing_is_written(
    house: House, body: bytes, status: int, code: str
) -> None:
    answer = house.client(Role.ADMIN).send("POST", "accounts/", body)
    assert problem(answer) == (status, code)
    with tenant_scope(house.tenant):
        assert not Account.objects.exists()
        assert not Entry.objects.filter(kind="account.created").exists()


def test_another_content_type(house: House) -> None:
    answer = house.client(Role.ADMIN).post(
        "/api/v1/accounts/", b"<a/>", content_type="application/xml"
    )
    assert problem(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_paths_that_lead_nowhere(house: House) -> None:
    client = house.client(Role.ADMIN)
    for path in ("nothing/", "accounts/not-a-uuid/", f"accounts/{uuid4()}/"):
        assert problem(client.send("GET", path)) == (404, "NOT_FOUND")


# --- Accounts (T1, T2) ------------------------------------------------------------------


def test_an_account_with_all_that_belongs_to_it(house: House) -> None:
    seller = house.members[Role.SELLER]
    made = house.client(Role.ADMIN).send(
        "POST",
        "accounts/",
        NEW
        | {
            "lifecycle": "CUSTOMER",
            "owner": seller.person.email,
            "timezone": "Europe/Rome",
            "opportunities": [
                {"external_id": "o", "stage": "discovery", "amount": "12.50"}
            ],
            "contacts": [
                {"external_id": "c", "name": "Ada", "email": "ada@example.com"}
            ],
        },
    )
    assert made.status_code == 201
    shown = made.json()
    assert (shown["stage"], shown["owner"]) == ("discovery", str(seller.id))
    assert shown["heat"] == {"score": 0.0, "tier": "COLD", "at": None}
    assert shown["contacts"][0]["email"] == "ada@example.com"
    assert (
        house.client(Role.SELLER).send("GET", f"accounts/{shown['id']}/").json()
        == shown
    )
    timeline = house.client(Role.SELLER).send(
        "GET", f"accounts/{shown['id']}/timeline/"
    )
    entry = timeline.json()["results"][0]
    assert entry["kind"] == "account.created"
    assert "Ada" not in json.dumps(entry)
    assert "ada@" not in json.dumps(entry)


def test_the_same_external_id_again(house: House) -> None:
    client = house.client(Role.ADMIN)
    assert client.send("POST", "accounts/", NEW).status_code == 201
    assert problem(client.send("POST", "accounts/", NEW)) == (409, "ALREADY_THERE")
    with tenant_scope(house.tenant):
        assert Account.objects.count() == 1


def test_sellers_see_their_own_accounts_only(house: House, other: House) -> None:
    """T2; and another tenant's accounts are simply not there (404)."""
    admin = house.client(Role.ADMIN)
    free = admin.send("POST", "accounts/", NEW).json()["id"]
    seller = house.client(Role.SELLER)
    assert seller.send("GET", "accounts/").json()["results"] == []
    assert seller.send("GET", f"accounts/{free}/").status_code == 404
    assert seller.send("GET", f"accounts/{free}/timeline/").status_code == 404
    assert other.client(Role.ADMIN).send("GET", f"accounts/{free}/").status_code == 404


def test_a_page_costs_the_same_for_one_row_or_fifty(house: House) -> None:
    admin = house.client(Role.ADMIN)
    counts = []
    for number in range(30):
        body = NEW | {
            "external_id": f"crm-{number}",
            "contacts": [{"external_id": "c", "name": "n"}],
            "opportunities": [{"external_id": "o", "stage": "discovery"}],
        }
        assert admin.send("POST", "accounts/", body).status_code == 201
        if number in (0, 29):
            for path in ("accounts/", "ledger/"):
                reader = house.client(Role.AUDITOR)
                reader.send("GET", path)
                with CaptureQueriesContext(connection) as seen:
                    assert reader.send("GET", path).status_code == 200
                counts.append((path, len(seen)))
    assert counts[:2] == counts[2:]


def test_pages_follow_each_other(house: House) -> None:
    """Cursor pagination: stable while rows are added, 200 at most."""
    admin = house.client(Role.ADMIN)
    for number in range(7):
        admin.send("POST", "accounts/", NEW | {"external_id": f"crm-{number}"})
    seen, url = [], "/api/v1/accounts/?limit=3"
    while url:
        page = admin.get(url).json()
        assert set(page) == {"results", "next", "previous"}
        seen += [account["external_id"] for account in page["results"]]
        url = page["next"]
        admin.send("POST", "accounts/", NEW | {"external_id": f"new-{len(seen)}"})
    assert seen == [f"crm-{number}" for number in range(6, -1, -1)]
    bad = admin.send("GET", "accounts/?cursor=nonsense")
    assert problem(bad) == (404, "NOT_FOUND")
    for cursor in (
        "cD1hYmM%3D",
        "cD0xLjU%3D",
        "cD1uYW4%3D",
        "cD0A",
        "bz05OTk5OTk5OSZwPTE%3D",
    ):
        for path in ("accounts/", "ledger/", "exports/"):
            forged = admin.send("GET", f"{path}?cursor={cursor}")
            # An offset far beyond the end of a list by number is an empty page.
            assert forged.status_code in (200, 404), (path, cursor)
            assert forged.status_code == 404 or not forged.json()["results"]
    bad = admin.send("GET", "accounts/?created_after=yesterday")
    assert problem(bad) == (400, "VALIDATION_ERROR")


# --- Settings (ETag) -----------------------------------------------------------------------


def test_settings_change_only_with_the_tag_in_hand(house: House) -> None:
    """U3: 428 without, 412 stale; before and after are in the ledger."""
    admin = house.client(Role.ADMIN)
    read = admin.send("GET", "settings/")
    change = {"digest_hour": 7, "quiet_hours": {"start": "20:00", "end": "08:00"}}
    assert problem(admin.send("PATCH", "settings/", change)) == (428, "MATCH_REQUIRED")
    done = admin.send("PATCH", "settings/", change, If_Match=read["ETag"])
    assert (done.status_code, done.json()["digest_hour"]) == (200, 7)
    stale = admin.send("PATCH", "settings/", change, If_Match=read["ETag"])
    assert problem(stale) == (412, "STALE")
    again = admin.send("PATCH", "settings/", change, If_Match=done["ETag"])
    assert again["ETag"] == done["ETag"]
    with tenant_scope(house.tenant):
        (entry,) = Entry.objects.filter(kind="setting.changed")
    assert entry.data["before"] == {"digest_hour": 8, "quiet_hours": {}}
    assert entry.data["after"] == change


@pytest.mark.parametrize(
    "change",
    [
        {"digest_hour": 24},
        {"timezone": "Nowhere"},
        {"quiet_hours": {"start": "25:00", "end": "08:00"}},
        {"quiet_hours": {"start": "20:00"}},
        {"contact_caps": {"per_moon": 1}},
        {"default_mode": "YOLO"},
        {"slug": "mine"},
    ],
)
def test_settings_that_make_no_sense(house: House, change: dict[str, Any]) -> None:
    admin = house.client(Role.ADMIN)
    tag = admin.send("GET", "settings/")["ETag"]
    answer = admin.send("PATCH", "settings/", change, If_Match=tag)
    assert problem(answer) == (400, "VALIDATION_ERROR")
    assert admin.send("GET", "settings/")["ETag"] == tag


def test_two_changes_at_once_one_wins(house: House) -> None:
    tag = house.client(Role.ADMIN).send("GET", "settings/")["ETag"]

    def change(number: int) -> int:
        answer = house.client(Role.ADMIN).send(
            "PATCH", "settings/", {"digest_hour": 10 + number}, If_Match=tag
        )
        return int(answer.status_code)

    assert sorted(in_threads(8, change)) == [200] + [412] * 7


# --- Idempotency-Key --------------------------------------------------------------------------


def test_a_repeated_post_gets_the_first_answer(house: House) -> None:
    admin = house.client(Role.ADMIN)
    first = admin.send("POST", "accounts/", NEW, Idempotency_Key="k1")
    again = admin.send("POST", "accounts/", NEW, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    other_body = admin.send(
        "POST", "accounts/", NEW | {"name": "B"}, Idempotency_Key="k1"
    )
    assert problem(other_body) == (422, "KEY_REUSED")
    with tenant_scope(house.tenant):
        assert Account.objects.count() == 1


def test_a_refused_post_can_be_mended_under_its_key(house: House) -> None:
    """The key is taken back with its effect."""
    admin = house.client(Role.ADMIN)
    bad = admin.send("POST", "accounts/", {"name": "x"}, Idempotency_Key="k")
    assert bad.status_code == 400
    with tenant_scope(house.tenant):
        assert not IdempotencyKey.objects.exists()
    assert admin.send("POST", "accounts/", NEW, Idempotency_Key="k").status_code == 201


def test_keys_of_others_are_others(house: House, other: House) -> None:
    for one in (house, other):
        answer = one.client(Role.ADMIN).send(
            "POST", "accounts/", NEW, Idempotency_Key="k"
        )
        assert (answer.status_code, "Idempotent-Replayed" in answer) == (201, False)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\tb"])
def test_keys_that_are_none(house: House, key: str) -> None:
    answer = house.client(Role.ADMIN).send(
        "POST", "accounts/", NEW, Idempotency_Key=key
    )
    assert problem(answer) == (400, "BAD_IDEMPOTENCY_KEY")


def test_a_replay_needs_the_role_too(house: House) -> None:
    admin = house.client(Role.ADMIN)
    assert admin.send("POST", "accounts/", NEW, Idempotency_Key="k").status_code == 201
    with tenant_scope(house.tenant):
        Membership.objects.filter(pk=house.members[Role.ADMIN].pk).update(role="SELLER")
    again = admin.send("POST", "accounts/", NEW, Idempotency_Key="k")
    assert problem(again) == (403, "PERMISSION_DENIED")


def test_odd_requests_are_refused_in_words(house: House) -> None:
    admin = house.client(Role.ADMIN)
    nul = admin.get("/api/v1/accounts/?external_id=%00")
    assert problem(nul) == (400, "BAD_REQUEST")
    chunked = admin.send("POST", "accounts/", NEW, Transfer_Encoding="chunked")
    assert problem(chunked) == (411, "LENGTH_REQUIRED")
    schema = admin.get("/api/schema/?version=%0d%0aX: y")
    assert schema.status_code == 200
    long = NEW | {
        "contacts": [{"external_id": "c", "name": "n", "email": "x" * 300 + "@a.org"}]
    }
    assert problem(admin.send("POST", "accounts/", long)) == (400, "VALIDATION_ERROR")


def test_twins_in_flight_have_one_effect(house: House) -> None:
    """Twelve at once: one account, one body."""

    def post(_: int) -> bytes:
        answer = house.client(Role.ADMIN).send(
            "POST", "accounts/", NEW, Idempotency_Key="twin"
        )
        assert answer.status_code == 201
        return bytes(answer.content)

    assert len(set(in_threads(12, post))) == 1
    with tenant_scope(house.tenant):
        assert Account.objects.count() == 1
        assert Entry.objects.filter(kind="account.created").count() == 1


# --- Rates ---------------------------------------------------------------------------------------


@pytest.fixture
def slow_rate(settings: Any) -> Iterator[None]:
    """One call a second after a burst of ten: no pause of the machine refills it."""
    settings.RATES = {Role.AUDITOR: (1, 10), "": (1000, 1000)}
    rates._limiter.cache_clear()
    yield
    rates._limiter.cache_clear()


def test_a_flood_is_told_to_wait(house: House, slow_rate: None) -> None:
    client = house.client(Role.AUDITOR)
    answers = [client.send("GET", "me/") for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert problem(refused[0]) == (429, "THROTTLED")
    assert int(refused[0]["Retry-After"]) >= 1
    assert house.client(Role.ADMIN).send("GET", "me/").status_code == 200


def test_nothing_personal_in_the_logs(house: House, caplog: Any) -> None:
    """T6: ids only."""
    admin = house.client(Role.ADMIN)
    admin.send(
        "POST",
        "accounts/",
        NEW | {"contacts": [{"external_id": "c", "name": "Ada", "email": "ada@x.org"}]},
    )
    admin.send("GET", "accounts/?external_id=secret-name")
    text = caplog.text + "".join(str(record.msg) for record in caplog.records)
    assert "request" in text
    for word in ("ada@x.org", "Ada", "Acme", "secret-name", house.tokens[Role.ADMIN]):
        assert word not in text


def test_the_tenant_row_itself_is_fenced(house: House, other: House) -> None:
    with tenant_scope(house.tenant):
        assert [tenant.id for tenant in Tenant.objects.all()] == [house.tenant]
