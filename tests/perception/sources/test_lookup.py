"""P9: an endpoint that is asked about one account tells of that one alone."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

from perception.sources.base import Found, SourceRefuses, Watched
from perception.sources.registry import SOURCES
from tests.perception.sources.servers import Said, Web, asked, wire

LOOKUP = SOURCES["lookup"]


@pytest.fixture
def serve(settings: Any) -> Iterator[Callable[..., Web]]:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    made: list[Web] = []

    def make(rows: Any, status: int = 200) -> Web:
        def answer(path: str, headers: Any) -> Said:
            return status, {}, json.dumps(rows).encode()

        made.append(Web(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


def pull(there: Web, account: str, path: str = "/of/{account}", **more: Any) -> Found:
    config = {"url": there.url() + path.lstrip("/"), **more.pop("config", {})}
    watched = Watched(external_id=account, name="Somebody")
    return LOOKUP.pull(asked(config, account=watched, **more), wire())


def test_items_belong_to_the_account_that_was_asked_about(serve) -> None:
    """P9: whoever names no account, or this one; addresses choose none."""
    there = serve([{"id": 1}, {"id": 2, "account": " a  1"}, {"id": 3, "account": ""}])
    found = pull(there, "a 1")
    assert [signal.account for signal in found.signals] == ["a 1"] * 3
    assert not any(signal.emails for signal in found.signals)
    assert found.skipped == []
    assert len({signal.dedupe_key for signal in found.signals}) == 3


def test_items_of_another_account_are_skipped_and_told(serve) -> None:
    """P9, T2: what comes back cannot choose whom it concerns."""
    there = serve([{"id": 1, "account": "a2"}, {"id": 2}, {"id": 3, "account": 7}, "x"])
    found = pull(there, "a1")
    assert [signal.account for signal in found.signals] == ["a1"]
    assert found.skipped == [
        "Item 1 names another account.",
        "Item 3 names another account.",
        "Item 4 names no account, or no type.",
    ]
    # Elsewhere numbers name accounts too.
    assert len(pull(there, "7").signals) == 2


@pytest.mark.parametrize(
    ("account", "path"),
    [
        ("a/../b?c#d&e=f", "/of/a%2F..%2Fb%3Fc%23d%26e%3Df"),
        ("Söhne & Co", "/of/S%C3%B6hne%20%26%20Co"),
        ("{account}", "/of/%7Baccount%7D"),
        ("@evil.example", "/of/%40evil.example"),
    ],
)
def test_an_account_is_a_name_and_no_address(serve, account, path) -> None:
    """API7: whatever an external id holds, the same place is asked."""
    there = serve([{"id": 1}])
    (signal,) = pull(there, account).signals
    assert signal.account == account
    assert there.asked[-1][0] == path
    assert pull(there, account, "/q?of={account}&x=1").signals
    asked_for = urlsplit(there.asked[-1][0])
    assert (asked_for.path, asked_for.query[-4:]) == ("/q", "&x=1")
    assert asked_for.query.count("=") == 2


def test_two_accounts_do_not_share_keys(serve) -> None:
    there = serve([{"id": 1}])
    (one,), (other,) = pull(there, "a1").signals, pull(there, "a2").signals
    assert one.dedupe_key != other.dedupe_key


def test_an_account_that_is_not_known_there_is_no_failure(serve) -> None:
    """P9: the cursor stays where it is, and a new round begins at the newest time."""
    there = serve({}, status=404)
    found = pull(there, "a1", cursor={"newest": "2026-11-01", "next": 4, "seen": []})
    assert not found.signals
    assert not found.more
    assert found.cursor == {"newest": "2026-11-01", "since": "2026-11-01"}
    assert "nothing about a1" in found.skipped[0]


@pytest.mark.parametrize(
    "url",
    [
        "https://n.example/of/",
        "https://{account}/of/",
        "https://{account}.n.example/of/{account}",
        "https://n.example:{account}/",
        "https://n.example/#{account}",
        "ftp://n.example/{account}",
    ],
)
def test_an_address_without_a_place_for_the_account_is_refused(url) -> None:
    """P9: by its schema, as soon as it is configured."""
    faults = list(Draft202012Validator(dict(LOOKUP.schema)).iter_errors({"url": url}))
    assert [fault.json_path for fault in faults] == ["$.url"]


@pytest.mark.parametrize("account", ["", ".", ".."])
def test_what_names_no_account_is_not_asked_about(serve, account) -> None:
    there = serve([{"id": 1}])
    with pytest.raises(SourceRefuses, match=r"asked about|no account"):
        pull(there, account)
    assert there.asked == []
