"""P9: news finds its accounts, and any JSON endpoint is read page by page."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from perception.sources.base import SourceRefuses
from perception.sources.registry import SOURCES
from tests.perception.sources.servers import (
    NOW,
    SECRET,
    Said,
    Web,
    asked,
    everything,
    wire,
)

ATOM = """<?xml version="1.0" encoding="{charset}"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><id>e1</id><title>Acme &amp; Söhne opens a plant</title><updated>2026-11-19T10:00:00Z</updated>
<link href="/e1"/><summary type="html">&lt;p&gt;With &lt;b&gt;Globex&lt;/b&gt;&lt;script&gt;x()&lt;/script&gt;.&lt;/p&gt;</summary></entry>
<entry><id>e2</id><title>Acmes rise</title><updated>2030-01-01T00:00:00Z</updated></entry>
</feed>"""


@pytest.fixture
def serve(settings: Any) -> Iterator[Callable[..., Web]]:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    made: list[Web] = []

    def make(answer: Callable[[str, Any], Said]) -> Web:
        made.append(Web(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "iso-8859-1"])
def test_entries_go_to_the_accounts_they_name(serve, charset) -> None:
    """P9: whole words in any case; one signal for each account."""
    body = ATOM.format(charset=charset).encode(charset)
    there = serve(
        lambda path, headers: (200, {"Content-Type": "application/atom+xml"}, body)
    )
    names = {"acme & söhne": "a1", "GLOBEX": "a2", "Acme": "a3", "plan": "a4"}
    config = {"url": there.url("/feed"), "names": names}
    found = SOURCES["feed"].pull(asked(config), wire())
    assert [signal.account for signal in found.signals] == ["a1", "a2"]
    signal = found.signals[0]
    assert signal.payload == {
        "title": "Acme & Söhne opens a plant",
        "url": there.url("/e1"),
        "summary": "With Globex.",
        "published_at": "2026-11-19T10:00:00+00:00",
    }
    assert signal.type == "news"
    assert len({signal.dedupe_key for signal in found.signals}) == 2
    every = SOURCES["feed"].pull(asked({"url": there.url(), "account": "a9"}), wire())
    assert [signal.account for signal in every.signals] == ["a9", "a9"]
    # What lies ahead happened now.
    assert every.signals[1].occurred_at == NOW


def test_what_has_not_changed_is_not_sent_again(serve) -> None:
    """P9: ETag and Last-Modified; changed names are asked for anew."""

    def answer(path: str, headers: Any) -> Said:
        if headers["If-None-Match"] == '"v1"' and headers["If-Modified-Since"]:
            return 304, {}, b""
        tags = {"ETag": '"v1"', "Last-Modified": "Thu, 19 Nov 2026 10:00:00 GMT"}
        return 200, tags, ATOM.format(charset="utf-8").encode()

    there = serve(answer)
    config = {"url": there.url(), "account": "a1"}
    first = SOURCES["feed"].pull(asked(config), wire())
    second = SOURCES["feed"].pull(asked(config, first.cursor), wire())
    assert (len(first.signals), len(second.signals)) == (2, 0)
    assert second.cursor == first.cursor
    other = {"url": there.url(), "account": "a2"}
    assert len(SOURCES["feed"].pull(asked(other, first.cursor), wire()).signals) == 2


def test_a_long_feed_is_read_in_pages(serve) -> None:
    items = "".join(f"<item><title>t{n}</title></item>" for n in range(450))
    body = f"<rss version='2.0'><channel>{items}</channel></rss>".encode()
    there = serve(lambda path, headers: (200, {"ETag": "x"}, body))
    pages, cursor = everything(SOURCES["feed"], {"url": there.url(), "account": "a1"})
    assert [len(page.signals) for page in pages] == [200, 200, 50]
    assert "etag" not in pages[0].cursor
    assert cursor["etag"] == "x"


def items(path: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(path).query)


@pytest.mark.parametrize("by", ["link", "cursor", "page"])
def test_pages_of_an_endpoint(serve, by) -> None:
    """P9: links, values and numbers lead on; the next round begins at the newest time."""

    def answer(path: str, headers: Any) -> Said:
        assert headers["X-Key"] == SECRET
        asked_for = items(path)
        page = int(asked_for.get("p", ["1"])[0])
        if "since" in asked_for:
            return 200, {}, json.dumps({"data": {"rows": []}}).encode()
        rows = [
            {"id": f"{page}-{n}", "who": {"id": 40 + n}, "kind": "hiring",
             "at": f"2026-11-1{page}T10:00:0{n}Z", "n": n}
            for n in range(2 if page < 4 else 0)
        ]  # fmt: skip
        onward = {"link": f"/x?fixed=1&p={page + 1}", "cursor": page + 1}.get(by)
        said = {"data": {"rows": rows}, "next": onward if page < 3 else None}
        return 200, {}, json.dumps(said).encode()

    there = serve(answer)
    config = {
        "url": there.url("/x?fixed=1"),
        "items": "data.rows",
        "fields": {"id": "id", "account": "who.id", "type": "kind", "at": "at"},
        "pages": {"by": by, "path": "next", "parameter": "p"},
        "since": "since",
        "auth": "header",
        "header": "X-Key",
    }
    pages, cursor = everything(SOURCES["http"], config)
    signals = [signal for page in pages for signal in page.signals]
    assert [signal.account for signal in signals] == ["40", "41"] * 3
    assert {signal.type for signal in signals} == {"hiring"}
    assert signals[-1].occurred_at.isoformat() == "2026-11-13T10:00:01+00:00"
    assert cursor["since"] == "2026-11-13T10:00:01Z"
    everything(SOURCES["http"], config, cursor)
    assert items(there.asked[-1][0])["since"] == ["2026-11-13T10:00:01Z"]
    assert all(items(path)["fixed"] == ["1"] for path, _ in there.asked)


def test_items_without_an_account_are_said(serve) -> None:
    """P9: they stop nothing; an address stands for an account."""
    rows = [
        {"id": 1},
        "text",
        {"id": True, "mail": "Carol <Carol@Acme.example>", "when": 1_795_000_000},
        {"id": 2, "mail": "not an address"},
    ]
    there = serve(lambda path, headers: (200, {}, json.dumps(rows).encode()))
    fields = {"id": "id", "email": "mail", "at": "when"}
    config = {"url": there.url(), "fields": fields, "type": "ticket_escalated"}
    found = SOURCES["http"].pull(asked(config), wire())
    assert [tuple(signal.emails) for signal in found.signals] == [
        ("carol@acme.example",)
    ]
    assert len(found.skipped) == 3
    assert found.signals[0].payload == rows[2]


def test_configurations_that_cannot_work_are_refused() -> None:
    """P9: in words, before anything is asked."""
    for kind, config in (
        ("feed", {"url": "https://n.example/"}),
        ("feed", {"url": "https://n.example/", "names": {}}),
        ("feed", {"url": "file:///etc/passwd", "account": "a1"}),
        ("http", {"url": "https://u:p@n.example/"}),
        ("http", {"url": "https://[::1/"}),
        ("http", {"url": "https://n.example/", "auth": "magic"}),
        ("mailbox", {"host": "a b", "user": "u"}),
        ("mailbox", {"host": "h.example"}),
        ("calendar", {"url": "https://n.example/", "timezone": "Mars/Olympus"}),
    ):
        with pytest.raises(SourceRefuses) as refused:
            SOURCES[kind].pull(asked(config), wire())
        assert refused.value.detail.endswith(".")
