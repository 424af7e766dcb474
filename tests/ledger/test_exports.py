"""L8: exports in three forms, with a manifest, harmless in a spreadsheet."""

import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import duckdb
import pytest

from ledger.export import PER_HOUR, due_exports, path_of, write_due, write_export
from ledger.models import Export
from ledger.record import Actor, Fact, record
from ledger.rules.cells import harmless
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from perception.rules.roles import Role
from tests.conftest import NOW, House
from tests.races import in_threads

RANGE = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}


def finish(tenant: UUID) -> None:
    seal_tenant(tenant, now=NOW)
    now = datetime.now(UTC)
    for owner, export in due_exports(now=now):
        if owner == tenant:
            write_export(export, tenant=tenant, now=now)


def ask(house: House, **body: str) -> Any:
    return house.client(Role.AUDITOR).send("POST", "exports/", RANGE | body)


def fetch(house: House, format: str) -> tuple[dict[str, Any], bytes]:
    asked = ask(house, format=format)
    assert (asked.status_code, asked.json()["status"]) == (202, "PENDING")
    finish(house.tenant)
    auditor = house.client(Role.AUDITOR)
    shown = auditor.send("GET", f"exports/{asked.json()['id']}/").json()
    assert shown["status"] == "COMPLETED", shown
    file = auditor.send("GET", f"exports/{shown['id']}/download/")
    body = b"".join(file.streaming_content)
    file.close()
    assert shown["manifest"]["sha256"] == hashlib.sha256(body).hexdigest()
    return shown["manifest"], body


@pytest.fixture
def stated(house: House) -> House:
    with tenant_scope(house.tenant):
        record(
            Fact(
                kind=Kind.RITUAL_RUN, by=Actor(type="system", id="=cmd|' /C calc'!A0")
            ),
            now=NOW,
        )
    seal_tenant(house.tenant, now=NOW)
    return house


def test_jsonl(stated: House) -> None:
    manifest, body = fetch(stated, "jsonl")
    rows = [json.loads(line) for line in body.splitlines()]
    assert [row["sequence"] for row in rows] == list(range(manifest["rows"]))
    assert (manifest["first"], manifest["last"]) == (0, manifest["rows"] - 1)
    assert manifest["checkpoint"].startswith(f"autonomy-ledger/{stated.tenant}\n")
    assert manifest["schema_version"] == 1


def test_csv_has_the_same_rows(stated: House) -> None:
    _, lines = fetch(stated, "jsonl")
    _, body = fetch(stated, "csv")
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert [row["id"] for row in rows][: len(lines.splitlines())] == [
        json.loads(line)["id"] for line in lines.splitlines()
    ]


def test_parquet_has_the_same_rows(stated: House, tmp_path: Any) -> None:
    manifest, body = fetch(stated, "parquet")
    path = tmp_path / "ledger.parquet"
    path.write_bytes(body)
    with duckdb.connect() as db:
        count, first, last = db.execute(
            "SELECT count(*), min(sequence), max(sequence) FROM read_parquet(?)",
            [str(path)],
        ).fetchall()[0]
    assert (count, first, last) == (manifest["rows"], 0, manifest["rows"] - 1)


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@sum",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\u00a0=1",
        "＝1",
        "＠x",
        "＋1",
        "－1",
    ],
)
def test_cells_that_would_be_formulas_open_as_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "plain", '{"a": 1}', "1-1", "a=b", "2026-11-20"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert harmless(cell) == cell


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"format": "xls"}, "format"),
        ({"format": "csv", "from": "yesterday"}, "from"),
        ({"format": "csv", "to": "2026-10-01T00:00:00Z"}, "to"),
        ({"format": "csv", "from": "2020-01-01T00:00:00Z"}, "to"),
        ({"format": "csv", "tenant": "x"}, "tenant"),
    ],
)
def test_bad_requests_name_the_field(
    house: House, body: dict[str, str], field: str
) -> None:
    answer = ask(house, **body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    with tenant_scope(house.tenant):
        assert not Export.objects.exists()


def test_only_who_asked_may_take_it(house: House, other: House) -> None:
    """L8: owner-scoped; others are told that there is nothing."""
    id_ = ask(house, format="jsonl").json()["id"]
    pending = house.client(Role.AUDITOR).send("GET", f"exports/{id_}/download/")
    assert (pending.status_code, pending.json()["code"]) == (409, "EXPORT_NOT_READY")
    finish(house.tenant)
    for client in (house.client(Role.ADMIN), other.client(Role.AUDITOR)):
        assert client.send("GET", f"exports/{id_}/").status_code == 404
        assert client.send("GET", f"exports/{id_}/download/").status_code == 404


def test_too_many_in_an_hour(house: House) -> None:
    """L8: a limit per tenant, and a word about when."""
    for _ in range(PER_HOUR):
        assert ask(house, format="jsonl").status_code == 202
    refused = ask(house, format="jsonl")
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_EXPORTS")
    assert int(refused["Retry-After"]) > 0


def test_a_worker_that_died_is_replaced_and_in_the_end_given_up(house: House) -> None:
    """A lease runs out; three dead workers make a failure that says so."""
    id_ = UUID(ask(house, format="jsonl").json()["id"])
    now = datetime.now(UTC)
    with tenant_scope(house.tenant):
        Export.objects.filter(pk=id_).update(
            attempts=1, lease_until=now + timedelta(seconds=30)
        )
    assert not write_export(id_, tenant=house.tenant, now=now)
    with tenant_scope(house.tenant):
        Export.objects.filter(pk=id_).update(attempts=3, lease_until=now)
    write_export(id_, tenant=house.tenant, now=now + timedelta(seconds=1))
    shown = house.client(Role.AUDITOR).send("GET", f"exports/{id_}/").json()
    assert (shown["status"], shown["error"]) == ("FAILED", "Its worker died each time")


def test_a_disk_that_refuses_is_tried_again_then_reported(house: House) -> None:
    id_ = UUID(ask(house, format="jsonl").json()["id"])
    with tenant_scope(house.tenant):
        path = path_of(Export.objects.get(pk=id_))
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.write_text("a file where a folder must be")
    now = datetime.now(UTC)
    seal_tenant(house.tenant, now=NOW)
    for _ in range(3):
        write_export(id_, tenant=house.tenant, now=now)
        now += timedelta(minutes=2)
    path.parent.unlink()
    shown = house.client(Role.AUDITOR).send("GET", f"exports/{id_}/").json()
    assert shown["status"] == "FAILED"
    assert shown["error"].endswith("while writing")


def test_an_export_waits_for_the_sealer(house: House) -> None:
    """Complete or not at all."""
    id_ = UUID(ask(house, format="jsonl").json()["id"])
    now = datetime.now(UTC)
    assert not write_export(id_, tenant=house.tenant, now=now)
    seal_tenant(house.tenant, now=NOW)
    assert write_export(id_, tenant=house.tenant, now=now + timedelta(seconds=5))
    auditor = house.client(Role.AUDITOR)
    assert auditor.send("GET", f"exports/{id_}/").json()["manifest"]["rows"] > 0
    file = auditor.send("GET", f"exports/{id_}/download/", Accept="text/csv")
    assert file.status_code == 200
    file.close()
    assert auditor.send("HEAD", f"exports/{id_}/download/").status_code == 405


def test_thirty_at_once_stay_within_the_limit(house: House) -> None:
    statuses = in_threads(30, lambda _: ask(house, format="jsonl").status_code)
    assert sorted(statuses) == [202] * PER_HOUR + [429] * (30 - PER_HOUR)


def test_the_worker_writes_what_waits(house: House) -> None:
    ask(house, format="jsonl")
    seal_tenant(house.tenant, now=NOW)
    shown: list[dict[str, Any]] = []
    # Exports that other tests left behind wait for a sealer that never comes.
    for _ in range(200):
        write_due(now=datetime.now(UTC))
        shown = house.client(Role.AUDITOR).send("GET", "exports/").json()["results"]
        if shown[0]["status"] == "COMPLETED":
            break
    assert [export["status"] for export in shown] == ["COMPLETED"]
