"""P9: hostile servers hold nothing up, fill nothing, and are forgotten by the next pull."""

import socket
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import repeat
from time import monotonic
from typing import Any

import pytest

from perception.egress import MIB
from perception.sources.base import Asked, SourceFailed
from perception.sources.registry import SOURCES
from tests.perception.sources import hostile
from tests.perception.sources.hostile import (
    ABOUT,
    BOMB,
    GREETING,
    MULTISTATUS,
    RSS,
    Act,
    closes,
    dav,
    endless,
    fetched,
    goes_on,
    imap,
    silent,
    then,
    web,
)
from tests.perception.sources.servers import NOW, Peer, about, asked, everything, wire

HEAD = b"HTTP/1.1 %s OK\r\nContent-Type: application/xml\r\n"
OPEN = HEAD % b"207" + b"\r\n"
LIMIT = MIB
# Far more than is kept, and far less than what they send.
ROOM = 40 * MIB
NETS = b"<x>" * 340_000
CONFIGS: dict[str, dict[str, Any]] = {
    "feed": {"account": "a1"},
    "http": {"pages": {"by": "link"}},
    "lookup": {"pages": {"by": "link"}},
    "calendar": {"user": "reader"},
    "mailbox": {"host": "127.0.0.1", "tls": False, "user": "reader"},
}
FINE: dict[str, Act] = {
    "feed": web(RSS % b"fine"),
    "http": web(b'[{"id": 1, "account": "a1"}]'),
    "lookup": web(b'[{"id": 1}]'),
    "calendar": dav(ABOUT, MULTISTATUS % b""),
    "mailbox": imap(),
}
WEB = ("feed", "http", "lookup", "calendar")
JSON = ("http", "lookup")


def each(kinds: tuple[str, ...], name: str, act: Act, said: str = "") -> list[Any]:
    return [pytest.param(kind, act, said, id=f"{kind}-{name}") for kind in kinds]


TABLE = [
    *each((*WEB, "mailbox"), "silence", silent, "in time"),
    *each((*WEB, "mailbox"), "hanging up", closes),
    *each(WEB, "dripping head", goes_on(b"", b"H", 0.05), "in time"),
    *each(WEB, "dripping body", goes_on(OPEN, b" ", 0.05), "in time"),
    *each(WEB, "endless body", goes_on(OPEN, b" " * 65536), "more than"),
    *each(WEB, "promised too much", web(b"", Content_Length="99999999999"), "more than"),
    *each(WEB, "elsewhere", web(b"", "302 Found", Location="http://127.0.0.1:1/"), "elsewhere"),
    *each(WEB, "elsewhere for good", web(b"", "308 Moved", Location="//[::1]/"), "elsewhere"),
    *each(WEB, "an error", web(b"private", "500 Oh"), "answered 500"),
    *each(("feed", "http", "calendar"), "not here", web(b"private", "404 No"), "nothing at this address"),
    *each(WEB, "garbage", web(bytes(range(256)) * 50, "207 Multi")),
    *each(WEB, "garbage, well received", web(bytes(range(256)) * 50)),
    *each(WEB, "nothing at all", web(b"")),
    *each(JSON, "deep JSON", web(b"[" * 500_000 + b"]" * 500_000), "too deeply"),
    *each(JSON, "deep items", web(b'{"a":' * 5000 + b"1" + b"}" * 5000), "too deeply"),
    *each(JSON, "no list", web(b'{"data": 1}'), "no list"),
    *each(JSON, "half signs", web(b'[{"id": "\\ud800", "account": "a1"}]')),
    *each(JSON, "wrong charset", web('["\xe4"]'.encode("cp1252"))),
    *each(JSON, "too many", web(b"[" + b"1," * 2000 + b"1]"), "2001 items"),
    *each(("feed",), "many elements", web(b"<rss>" + b"<item/>" * 31_000), "too much"),
    *each(("feed",), "a page", web(b"<html><body>Log in</body></html>"), "no feed"),
    *each(("feed",), "entities", web(BOMB + RSS % b"&u;"), "entities"),
    *each(("feed",), "entities in UTF-16", web((BOMB + RSS % b"&u;").decode().encode("utf-16")), "entities"),
    *each(("feed",), "entities in UTF-7", web(b"<?xml version='1.0' encoding='utf-7'?>"
        + (BOMB + RSS % b"&u;").decode().encode("utf-7")), "entities"),
    *each(("feed",), "name of a file", web(b"/etc/hostname"), "no feed"),
    *each(("calendar",), "entities", dav(BOMB + MULTISTATUS % b"&u;", b""), "proper XML"),
    *each(("calendar",), "entities in a report", dav(ABOUT, BOMB + ABOUT), "proper XML"),
    *each(("calendar",), "depth", dav(NETS, b""), "too much"),
    *each(("calendar",), "an unknown charset", dav(b"<?xml version='1.0' encoding='hex'?><a/>", b""), "proper XML"),
    *each(("calendar",), "another language", dav(b"<html/>", b""), "as CalDAV does"),
    *each(("calendar",), "no calendar", dav(MULTISTATUS % b"", b""), "no calendar"),
    *each(("mailbox",), "dripping greeting", goes_on(b"", b"*", 0.05, asks=False), "in time"),
    *each(("mailbox",), "endless line", goes_on(b"* OK ", b"x" * 65536, asks=False)),
    *each(("mailbox",), "endless lines", goes_on(b"", b"* 1 EXISTS\r\n" * 999, asks=False)),
    *each(("mailbox",), "another language", then(b"220 smtp here\r\n", wait=False)),
    *each(("mailbox",), "good-bye", then(b"* BYE full\r\n", wait=False)),
    *each(("mailbox",), "silence after login", imap(LIST=silent), "in time"),
    *each(("mailbox",), "endless list", imap(LIST=endless(repeat(b'* LIST () "/" x\r\n' * 999))), "more than"),
    *each(("mailbox",), "endless numbers", imap(SEARCH=endless(repeat(b"* SEARCH 1 2 3\r\n" * 999))), "more than"),
    *each(("mailbox",), "numbers that are none", imap(SEARCH=b"* SEARCH one two\r\n"), "proper IMAP"),
    *each(("mailbox",), "a literal that lies", imap(FETCH=then(fetched(b"x", promised=99_999_999_999)))),
    *each(("mailbox",), "a literal with a long number", imap(FETCH=then(b"* 1 FETCH (BODY[] {" + b"9" * 5000 + b"}\r\n"))),
    *each(("mailbox",), "a literal that is short", imap(FETCH=then(fetched(b"x", promised=99), wait=False))),
    *each(("mailbox",), "a literal that never ends", imap(FETCH=then(fetched(b"x", promised=99_999))), "in time"),
    *each(("mailbox",), "a mail of 100 MB", imap(FETCH=endless(
        [fetched(b"", promised=900_000)[:-3], *repeat(b"x" * MIB, 100)]))),
    *each(("mailbox",), "brackets", imap(FETCH=b"* 1 FETCH " + b"(" * 100_000 + b"\r\n"), "proper IMAP"),
    *each(("mailbox",), "a stray tag", imap(EXAMINE=b"zz9 OK hello\r\n")),
    *each(("mailbox",), "a wish to go on", imap(LOGIN=b"+ \r\n" * 3 + b"zz1 BAD\r\n")),
]  # fmt: skip


@pytest.fixture
def peer(settings: Any) -> Iterator[Callable[[Act], Peer]]:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    made: list[Peer] = []

    def make(act: Act) -> Peer:
        made.append(Peer(act))
        return made[-1]

    yield make
    for one in made:
        one.close()


def config(kind: str, there: Peer) -> dict[str, Any]:
    if kind == "mailbox":
        return {**CONFIGS[kind], "port": there.port}
    place = "cal/{account}" if kind == "lookup" else "cal/"
    return {**CONFIGS[kind], "url": f"http://127.0.0.1:{there.port}/{place}"}


def page(kind: str, given: dict[str, Any]) -> Asked:
    return asked(given, **about(SOURCES[kind]))


@pytest.mark.parametrize(("kind", "act", "said"), TABLE)
def test_it_fails_in_words_and_the_next_pull_works(peer, kind, act, said) -> None:
    """P9."""
    there = peer(act)
    given = config(kind, there)
    began = monotonic()
    timeout = 0.6 if said == "in time" else 30
    tracemalloc.start()
    with pytest.raises(SourceFailed) as failed:
        SOURCES[kind].pull(page(kind, given), wire(timeout=timeout, limit=LIMIT))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert monotonic() - began < 60
    assert peak < ROOM
    assert said in failed.value.detail
    assert failed.value.detail.endswith(".")
    assert "private" not in str(failed.value)
    assert failed.value.__cause__ is None
    there.act = FINE[kind]
    found = SOURCES[kind].pull(page(kind, given), wire())
    assert found.signals or kind == "calendar"


@pytest.mark.parametrize("kind", WEB)
def test_who_asks_for_a_pause_gets_it(peer, kind) -> None:
    """P10, S3: until when is said, and never for ever."""
    for header, seconds in (("30", 30), ("999999999", 86400), ("Fri, 20 Nov 2026 12:01:00 GMT", 60)):  # fmt: skip
        there = peer(web(b"", "429 Slowly", Retry_After=header))
        with pytest.raises(SourceFailed) as failed:
            SOURCES[kind].pull(page(kind, config(kind, there)), wire())
        assert failed.value.until == NOW + timedelta(seconds=seconds)
    there = peer(web(b"", "503 Later", Retry_After="soon"))
    with pytest.raises(SourceFailed) as failed:
        SOURCES[kind].pull(page(kind, config(kind, there)), wire())
    assert failed.value.until is None


def test_pages_that_lead_in_a_circle_end(peer) -> None:
    """P9: a link to itself, and two pages that point at each other."""
    source = SOURCES["http"]
    there = peer(web(b'{"items": [{"id": 1, "account": "a1"}], "next": "/cal/?p=1"}'))
    given = {**config("http", there), "items": "items"}
    pages, _ = everything(source, given)
    assert len(pages) < 5
    assert pages[-1].skipped == ["The pages lead in a circle: the round ends here."]


def test_links_elsewhere_get_no_secret(peer) -> None:
    """API7: whoever answers cannot choose who is told the secret."""
    caught = peer(silent)
    for link in (f"http://127.0.0.1:{caught.port}/", "//evil.example/", "http://[::1"):
        there = peer(web(b'{"i": [], "next": "%s"}' % link.encode()))
        given = {**config("http", there), "items": "i", "auth": "bearer"}
        first = SOURCES["http"].pull(asked(given), wire())
        with pytest.raises(SourceFailed, match="another place"):
            SOURCES["http"].pull(asked(given, first.cursor), wire())


def test_a_mail_of_a_million_lines_is_read_as_far_as_it_goes(peer) -> None:
    """P9: of each mail only the beginning is fetched."""
    head = b"From: c@acme.example\r\nSubject: =?x-none?Q?=E4?= =?utf-8?B?w6Q=?=\r\n"
    for mail in (
        head + b"X-A: b\r\n" * 6000 + b"\r\nYes",
        head + b"X-A: " + b"b" * 50_000,
        head + b"X-A: b\r\n " * 6000,
        b"From: " + b"<" * 50_000,
        b"From: c@acme.example\r\nSubject: " + b"=?utf-8?Q?a?= " * 4000,
        b"From: c@acme.example\r\nTo: " + b"a@b.example," * 4000 + b"\r\n\r\n",
        b"From: c@acme.example\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
        + b"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" * 900,
        b"From: c@acme.example\r\nContent-Type: text/html; charset=idna\r\n\r\n"
        + b"<!" * 24_000,
        b"From: c@acme.example\r\n\r\n" + b"On On wrote \n" * 4000,
        b"From: c@acme.example\r\n\r\n" + b"> > wrote: \n" * 4000,
    ):
        there = peer(imap(FETCH=fetched(mail[:50_000])))
        began = monotonic()
        found = SOURCES["mailbox"].pull(asked(config("mailbox", there)), wire())
        assert monotonic() - began < 30
        assert found.cursor["folders"]["INBOX"] == {"age": 7, "uid": 2}


def test_no_mail_reaches_a_log(peer, caplog) -> None:
    """T6: neither what they wrote nor what we log in with."""
    there = peer(imap())
    caplog.set_level("DEBUG")
    SOURCES["mailbox"].pull(asked(config("mailbox", there)), wire())
    assert "acme" not in caplog.text


def test_the_greeting_is_what_the_tests_think(peer) -> None:
    there = peer(then(GREETING))
    with socket.create_connection(("127.0.0.1", there.port), 20) as caller:
        assert caller.recv(100) == hostile.GREETING
