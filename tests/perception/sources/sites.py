"""One site for each source: something real to read, and ways to break it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perception.sources.base import Reach
from perception.sources.registry import SOURCES
from tests.perception.sources.crm_sites import HubSpotSite, WarehouseSite
from tests.perception.sources.servers import (
    NOW,
    SECRET,
    TENANT,
    Dovecot,
    Imap,
    Pymap,
    Radicale,
    Said,
    Web,
    free_port,
)

ITEM = "<item><guid>{n}</guid><title>Acme {n}</title><link>https://n.example/{n}</link></item>"
MAIL = """From: Carol <carol@acme.example>\r
To: us@own.example\r
Subject: Re: number {n}\r
Message-ID: <m{n}@acme.example>\r
In-Reply-To: <ours@own.example>\r
Date: Thu, 19 Nov 2026 10:00:00 +0000\r
\r
Gladly, number {n}.\r
"""
EVENT = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//tests//EN\r
BEGIN:VEVENT\r
UID:e{n}\r
DTSTAMP:20261119T080000Z\r
DTSTART:20261201T090000Z\r
DTEND:20261201T100000Z\r
SUMMARY:Meeting {n}\r
ORGANIZER:mailto:us@own.example\r
ATTENDEE:mailto:carol@acme.example\r
END:VEVENT\r
END:VCALENDAR\r
"""


class Site:
    """What the contract needs of a source's other side."""

    kind = ""
    reach = Reach.WHOLE
    takes_secret = True
    # How many bytes of answers come before it breaks off, in the midst of a page.
    breaks_after = 120

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.source = SOURCES[self.kind]

    @property
    def port(self) -> int:
        raise NotImplementedError

    def config(self, port: int | None = None) -> dict[str, Any]:
        raise NotImplementedError

    def add(self, count: int) -> None:
        for _ in range(count):
            self.count += 1
            self.put(self.count)

    def put(self, number: int) -> None:
        raise NotImplementedError

    def unreachable(self) -> dict[str, Any]:
        return self.config(free_port())

    def close(self) -> None:
        """End what was started."""


class FilesSite(Site):
    kind = "files"
    takes_secret = False

    def config(self, port: int | None = None) -> dict[str, Any]:
        return {"type": "hiring"}

    def put(self, number: int) -> None:
        root = self.folder / TENANT
        root.mkdir(exist_ok=True)
        with (root / "rows.jsonl").open("a") as rows:
            rows.write(
                json.dumps({"account": "a1", "id": number, "role": "Head"}) + "\n"
            )

    def unreachable(self) -> dict[str, Any]:
        (self.folder / TENANT).mkdir(exist_ok=True)
        (self.folder / TENANT / "no-folder").write_text("")
        return {"folder": "no-folder"}


class WebSite(Site):
    """Behind a token, by an HTTP server of the test."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = Web(self._answer)

    @property
    def port(self) -> int:
        return self.server.port

    def _answer(self, path: str, headers: Any) -> Said:
        if headers["Authorization"] != f"Bearer {SECRET}":
            return 401, {}, b"no " + str(headers["Authorization"]).encode()
        # It says back what it was told, as some do when they debug.
        return 200, {"X-Said": headers["Authorization"]}, self.page().encode()

    def page(self) -> str:
        raise NotImplementedError

    def put(self, number: int) -> None:
        """Counted already."""

    def close(self) -> None:
        self.server.close()


class FeedSite(WebSite):
    kind = "feed"

    def config(self, port: int | None = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{port or self.port}/feed"
        return {"url": url, "names": {"Acme": "a1"}, "auth": "bearer"}

    def page(self) -> str:
        items = "".join(ITEM.format(n=n) for n in range(1, self.count + 1))
        said = f"<description>Bearer {SECRET}</description>"
        return f"<rss version='2.0'><channel>{said}{items}</channel></rss>"


class HttpSite(WebSite):
    kind = "http"

    def config(self, port: int | None = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{port or self.port}/items"
        return {"url": url, "items": "data", "auth": "bearer"}

    def page(self) -> str:
        items = [{"id": n, "account": "a1"} for n in range(1, self.count + 1)]
        return json.dumps({"you": f"Bearer {SECRET}", "data": items})


class LookupSite(HttpSite):
    kind = "lookup"
    reach = Reach.ACCOUNT

    def config(self, port: int | None = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{port or self.port}/accounts/{{account}}/items"
        return {**super().config(port), "url": url}


class CalendarSite(Site):
    kind = "calendar"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = Radicale(folder)
        self.server.make("diary")

    @property
    def port(self) -> int:
        return self.server.port

    def config(self, port: int | None = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{port or self.port}/{Radicale.user}/diary/"
        return {"url": url, "user": Radicale.user, "own": ["own.example"]}

    def put(self, number: int) -> None:
        self.server.put("diary", f"e{number}", EVENT.format(n=number))

    def close(self) -> None:
        self.server.close()


class MailSite(Site):
    kind = "mailbox"
    server: Imap

    @property
    def port(self) -> int:
        return self.server.port

    def config(self, port: int | None = None) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": port or self.port,
            "tls": False,
            "user": Imap.user,
            "own": ["own.example"],
        }

    def put(self, number: int) -> None:
        self.server.put("INBOX", MAIL.format(n=number).encode(), NOW)

    def close(self) -> None:
        self.server.close()


class PymapSite(MailSite):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = Pymap(folder)


class DovecotSite(MailSite):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = Dovecot(folder)


SITES: dict[str, Any] = {
    "files": FilesSite,
    "feed": FeedSite,
    "http": HttpSite,
    "lookup": LookupSite,
    "calendar": CalendarSite,
    "pymap": PymapSite,
    "dovecot": DovecotSite,
    "hubspot": HubSpotSite,
    "warehouse": WarehouseSite,
}


def opened(name: str, folder: Path) -> Iterator[Site]:
    """A site, for as long as a module needs it."""
    site: Site = SITES[name](folder)
    try:
        yield site
    finally:
        site.close()
