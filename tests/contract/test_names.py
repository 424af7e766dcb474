"""Nothing that the outside relies on is missing or renamed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.db import connection
from django.test import Client
from django.utils.module_loading import import_string

from config.env import load
from config.isolation import api_routes
from perception.models import Account, Opportunity
from perception.rules.roles import Role
from tests.conftest import House
from tests.contract import names

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("command", "words"), names.COMMANDS.items())
def test_commands(command: str, words: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as end:
        _command(command).run_from_argv(["manage.py", command, "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert [word for word in words if word not in said] == []


def _command(name: str) -> Any:
    app = get_commands()[name]
    return load_command_class(str(app), name)


def test_make_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(names.MAKE_TARGETS) <= targets


def test_processes() -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == sorted(
        names.PROCESSES, key=[line.partition(":")[0] for line in lines].index
    )
    assert import_string(names.CELERY_APP.replace(":", ".")).main == "autonomy"


def test_variables_are_listed_and_read() -> None:
    example = (ROOT / ".env.example").read_text()
    source = (ROOT / "config" / "env.py").read_text()
    for variable in names.VARIABLES:
        assert re.search(rf"^#? ?{variable}=", example, re.M), variable
        assert f'"{variable}"' in source, variable
    listed = set(re.findall(r"^#? ?([A-Z_]+)=", example, re.M))
    assert all(f'"{name}"' in source or name in WEB_SERVER for name in listed)


# gunicorn's own configuration reads these.
WEB_SERVER = {"WEB_CONCURRENCY", "WEB_THREADS"}


def test_defaults(tmp_path: Path) -> None:
    env = load({"VAR_DIR": str(tmp_path)})
    assert (env.port, env.web_bind, env.debug, env.log_format) == (
        8000,
        "127.0.0.1",
        False,
        "console",
    )
    assert (env.tick_seconds, env.seal_seconds) == (5, 1)
    assert env.ledger_anchor_dir == tmp_path / "anchors"


def test_routes(db: None) -> None:
    declared = {
        re.sub(r"<[^>]+>", "{id}", route).removeprefix("api/v1/")
        for route in api_routes()
    }
    assert set(names.ROUTES) <= declared


def test_methods_and_shapes(house: House) -> None:
    schema = _schema()
    for route, methods in names.ROUTES.items():
        path = re.sub(r"{[^}]+}", "{}", f"/api/v1/{route}")
        found = {
            re.sub(r"{[^}]+}", "{}", key): value
            for key, value in schema["paths"].items()
        }
        assert {method.lower() for method in methods} <= set(found[path]), route
    admin = house.client(Role.ADMIN)
    admin.send("POST", "accounts/", {"external_id": "a", "name": "A"})
    admin.send("POST", "modes/", {"mode": "ASSIST"})
    admin.send("POST", "budgets/", {"limit_per_day": 5})
    for route, fields in names.SHAPES.items():
        body = house.client(Role.ADMIN).send("GET", route).json()
        shown = body["results"][0] if "results" in body else body
        assert fields <= set(shown), route


def _schema() -> Any:
    response = Client().get("/api/schema/?format=json")
    assert response.status_code == 200
    return json.loads(response.content)


def test_the_document_is_openapi_3_1(db: None) -> None:
    schema = _schema()
    assert schema["openapi"].startswith("3.1")
    assert Client().get("/api/docs/").status_code == 200


@pytest.mark.parametrize("path", names.OUTSIDE)
def test_pages_outside_the_api(db: None, path: str) -> None:
    assert Client().get(path).status_code in (200, 503)


def test_statuses() -> None:
    for path, statuses in names.STATUSES.items():
        module, _, rest = path.rpartition(".models.")
        owner, _, inner = rest.partition(".")
        enum = getattr(import_string(f"{module}.models.{owner}"), inner)
        assert list(enum.values) == statuses
    for path, words in names.WORDS.items():
        assert list(import_string(path)) == words
    assert list(Role) == names.ROLES
    assert list(Opportunity.Stage.values) == names.STAGES
    assert list(Account.Lifecycle.values) == names.LIFECYCLES


def test_seed(db: None, capsys: Any) -> None:
    call_command("seed", tenants=2, accounts=3, json=True)
    first = json.loads(capsys.readouterr().out)
    call_command("seed", tenants=2, accounts=3, json=True)
    again = json.loads(capsys.readouterr().out)
    assert first == again
    assert [tenant["slug"] for tenant in first["tenants"]] == ["demo-1", "demo-2"]
    for tenant in first["tenants"]:
        assert set(tenant) == set(names.SEED)
        for key in ("tokens", "logins", "webhook"):
            assert set(tenant[key]) == names.SEED[key]
        assert all(
            set(login) == {"email", "password"} for login in tenant["logins"].values()
        )
        assert [set(account) for account in tenant["accounts"]] == [
            {"id", "external_id"}
        ] * 3
    token = first["tenants"][0]["tokens"]["seller"]
    page = Client().get(
        "/api/v1/accounts/", headers={"authorization": f"Bearer {token}"}
    )
    assert len(page.json()["results"]) == 3


def test_audit_views(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = 'audit'")
        assert {row[0] for row in cursor.fetchall()} == set(names.AUDIT_VIEWS)
