"""Every list pages in one way: `?limit=`, `next` and `previous`, whatever it is made of."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any

import pytest

from config import rates
from perception.rules.roles import Role
from tests.config.test_doors import problem
from tests.conftest import Api, House
from tests.contract.fuzzing import World, world

# Reports that are answered as they are: the first by the contract, none of them long.
REPORTS = {
    "/api/v1/budgets/usage/",
    "/api/v1/approvals/oversight/",
    "/api/v1/learning/records/",
}
MADE_UP = "cD1ub3doZXJl"


@cache
def quiet() -> World:
    """A world that nobody but this file asks."""
    return world.__wrapped__()


@pytest.fixture
def auditor(db: None, settings: Any) -> Iterator[Api]:
    """Somebody who sees everything, and whom nobody slows down."""
    settings.RATES = {"": (1_000_000, 1_000_000)}
    rates._limiter.cache_clear()
    yield quiet().house.client(Role.AUDITOR)
    rates._limiter.cache_clear()


def lists() -> dict[str, set[str]]:
    """The paths of all lists, each with the names in its query."""
    document = quiet().document
    found = {}
    for path, methods in document["paths"].items():
        shape = _shape(document, methods.get("get", {}))
        if shape.get("type") == "array" or "results" in shape.get("properties", {}):
            named = methods["get"].get("parameters", ())
            found[path] = {each["name"] for each in named}
    return found


def _shape(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    answer = operation.get("responses", {}).get("200", {}).get("content", {})
    shape: dict[str, Any] = answer.get("application/json", {}).get("schema", {})
    while "$ref" in shape:
        name = shape["$ref"].rpartition("/")[2]
        shape = document["components"]["schemas"][name]
    return shape


def filled(path: str) -> str:
    """The path with the ids of what is there."""
    known = quiet().known[path]
    whole = re.sub(r"{(\w+)}", lambda found: known[found[1]], path)
    return whole.removeprefix("/api/v1/")


def test_every_list_says_that_it_pages(auditor: Api) -> None:
    """U3."""
    found = lists()
    assert len(found) > 40
    assert {
        path for path, named in found.items() if not {"limit", "cursor"} <= named
    } == REPORTS


def test_every_list_keeps_to_a_limit(auditor: Api) -> None:
    """U3: page by page it is what it is as a whole, there and back."""
    for path in set(lists()) - REPORTS:
        here = filled(path)
        whole = rows(auditor.send("GET", here))
        forth, last = walked(auditor, f"{here}?limit=1", "next")
        back, _ = walked(auditor, last, "previous")
        assert all(len(page) <= 1 for page in forth + back), path
        assert names(flat(forth)) == names(whole), path
        assert names(flat(reversed(back))) == names(whole), path


def test_every_list_refuses_the_same_limits_and_cursors(auditor: Api) -> None:
    """U3."""
    for path in set(lists()) - REPORTS:
        here = filled(path)
        for limit in ("", "0", "-1", "all", "1.5"):
            refused = auditor.send("GET", f"{here}?limit={limit}")
            assert problem(refused) == (400, "VALIDATION_ERROR"), (path, limit)
            assert [each["field"] for each in refused.json()["errors"]] == ["limit"]
        assert auditor.send("GET", f"{here}?limit=1000").status_code == 200
        lost = auditor.send("GET", f"{here}?cursor={MADE_UP}")
        assert lost.status_code in (200, 404), path


@pytest.mark.parametrize(
    "path", ["action-types/", "triggers/", "service/", "plan-types/", "connectors/kinds/"]
)  # fmt: skip
def test_what_is_never_long_is_shown_whole(house: House, path: str) -> None:
    """A registry is one page, unless fewer are asked for; its places are its keys."""
    admin = house.client(Role.ADMIN)
    whole = admin.send("GET", path).json()
    assert (whole["next"], whole["previous"]) == (None, None)
    assert len(whole["results"]) > 2
    first = admin.send("GET", f"{path}?limit=2").json()
    assert first["results"] == whole["results"][:2]
    second = admin.get(first["next"]).json()
    assert second["results"] == whole["results"][2:4]
    assert admin.get(second["previous"]).json()["results"] == whole["results"][:2]
    assert problem(admin.send("GET", f"{path}?cursor={MADE_UP}")) == (404, "NOT_FOUND")


def test_a_limit_and_a_filter_go_together(house: House) -> None:
    asked = "action-types/?verdict=BLOCK"
    seller = house.client(Role.SELLER)
    whole = seller.send("GET", asked).json()["results"]
    pages, _ = walked(seller, f"{asked}&limit=3", "next")
    assert [len(page) for page in pages] == [3, 3, 1]
    assert flat(pages) == whole


def walked(client: Api, path: str, way: str) -> tuple[list[list[Any]], str]:
    """Every page from a path on, and where the last of them was."""
    pages: list[list[Any]] = []
    following: str | None = path
    while following and len(pages) < 100:
        path = following.removeprefix("http://testserver/api/v1/")
        answer = client.send("GET", path)
        pages.append(rows(answer))
        following = answer.json()[way]
    return pages, path


def rows(answer: Any) -> list[Any]:
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == {"results", "next", "previous"}
    return list(answer.json()["results"])


def flat(pages: Iterable[list[Any]]) -> list[Any]:
    return list(chain.from_iterable(pages))


def names(found: list[Any]) -> list[Any]:
    """What each row is called; what else it says may be of the moment."""
    keys = ("id", "key", "tool", "type", "kind", "step_id", "number")
    return [next((row[key] for key in keys if key in row), row) for row in found]
