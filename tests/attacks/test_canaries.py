"""API7: whatever address somebody writes down, nothing inside is reached by it.

A canary listens on this machine. First each way out is shown to reach it where it is
allowed to; then none may, however the address is spelt, resolved or redirected.
"""

import contextlib
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from autonomy.synthesizers.base import NoAnswer
from config.people import Asking
from perception.errors import PerceptionError
from tests import trials
from tests.attacks.ways_out import Way, every_way

ROOT = Path(__file__).parents[2]
WAYS = every_way()
PUBLIC = "8.8.8.8"
INSIDE = ("127.0.0.1", "::1")
# What a name server of somebody else's might say, question by question.
NAMES: dict[str, list[list[str]]] = {
    "inside.example": [["127.0.0.1"]],
    "inside6.example": [["::1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "nat64.example": [["64:ff9b::7f00:1"]],
    "sixtofour.example": [["2002:7f00:1::"]],
    "metadata.google.internal": [["169.254.169.254"]],
    "link.example": [["fe80::1"]],
    "private.example": [["10.0.0.1"]],
    "shared.example": [["100.64.0.1"]],
    "unique.example": [["fd00:ec2::254"]],
    "nothing.example": [["0.0.0.0"]],  # noqa: S104  answered, never bound
    "two.example": [[PUBLIC, "127.0.0.1"]],
    "rebinding.example": [[PUBLIC], ["127.0.0.1"]],
}
SPELT = (
    "127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.1", "0", "0.0.0.0",  # noqa: S104
    "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.0.0.1.",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "169.254.169.254",
    "127。0。0。1", "①②⑦.⓪.⓪.①", "ⓛocalhost", "%31%32%37.0.0.1", "127.0.0.1%00.example",
    "user@127.0.0.1", "user:pw@127.0.0.1", "8.8.8.8@127.0.0.1", "127.0.0.1\\@8.8.8.8",
    "8.8.8.8#@127.0.0.1", "127.0.0.1\t", "127.0.0.1\r\nHost: x",
)  # fmt: skip
SCHEMES = ("file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "dict://127.0.0.1:{port}/",
           "ftp://127.0.0.1:{port}/", "unix:///run/x", "//127.0.0.1:{port}/", "jar:http://127.0.0.1:{port}/")  # fmt: skip


class Canary:
    """Hears whoever connects; answers with `says`."""

    def __init__(self, host: str = "127.0.0.1", says: bytes = b"") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port, self.says = self.listener.getsockname()[1], says
        self.heard: list[bytes] = []
        self.thread = Thread(target=self._listen)
        self.thread.start()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            with caller, contextlib.suppress(OSError):
                self.heard.append(b"")
                caller.settimeout(0.2 if not self.says else 5)
                self.heard[-1] = caller.recv(65536)
                caller.sendall(self.says)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(30)
        self.listener.close()


@pytest.fixture
def canary() -> Iterator[Callable[..., Canary]]:
    made: list[Canary] = []

    def make(**how: Any) -> Canary:
        made.append(Canary(**how))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def network(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names as strangers answer for them; nothing but this machine is really dialled."""
    settings.DEBUG, settings.EGRESS_ALLOW = False, ()
    dialled: list[str] = []
    real, asked = socket.getaddrinfo, dict.fromkeys(NAMES, 0)

    def resolve(host: str, port: Any, *given: Any, **named: Any) -> Any:
        answers = NAMES.get(str(host).rstrip("."))
        if answers is None:
            return real(host, port, *given, **named)
        turn = asked[host.rstrip(".")]
        asked[host.rstrip(".")] = turn + 1
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "",
             (each, port, 0, 0) if ":" in each else (each, port))
            for each in answers[min(turn, len(answers) - 1)]
        ]  # fmt: skip

    class Recorded(socket.socket):
        def connect(self, address: Any) -> None:
            dialled.append(str(address[0]))
            if address[0] not in INSIDE:
                raise ConnectionRefusedError
            super().connect(address)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "socket", Recorded)
    return dialled


def gone(way: Way, url: str, host: str, port: int) -> str:
    """What became of it, in a word."""
    try:
        found = way.go(url, host, port)
    except (PerceptionError, NoAnswer) as refusal:
        return type(refusal).__name__
    except Exception as error:  # noqa: BLE001  whatever it is, it is told
        return f"broke: {type(error).__name__}"
    return f"{type(found).__name__} {getattr(found, 'said', '')}"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_each_way_leads_somewhere(
    way: Way, canary: Any, network: list[str], settings: Any
) -> None:
    """The control: where it is allowed to, it reaches the canary."""
    there = canary()
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    said = gone(way, f"http://127.0.0.1:{there.port}/x", "127.0.0.1", there.port)
    # It was dialled; who hangs up at once may be heard a little later.
    deadline = monotonic() + 30
    while not there.heard and monotonic() < deadline:
        Event().wait(0.01)
    assert there.heard, said


def test_no_canary_hears_anything(canary: Any, network: list[str]) -> None:
    """API7: every way, every spelling, every answer of a name server, every scheme."""
    there, six = canary(), canary(host="::1")
    count, faults = 0, []
    for way in WAYS:
        tried = [(f"http://{host}:{port}/", host.strip("[]"), port)
                 for host in (*SPELT, *NAMES) for port in (there.port, six.port)
                 if not way.in_c or host not in ("rebinding.example", "two.example")]  # fmt: skip
        if way.by_url:
            tried += [(f"https://{host}:{there.port}/", "", 0) for host in NAMES]
            tried += [(each.format(port=there.port), "", 0) for each in SCHEMES]
        for url, host, port in tried:
            said = gone(way, url, host, port)
            count += 1
            if there.heard or six.heard or any(each != PUBLIC for each in network):
                faults.append(f"{way.name}: {url!r}: {said}, {set(network)}")
            if said.startswith("broke"):
                faults.append(f"{way.name}: {url!r}: {said}")
            network.clear()
            there.heard.clear()
            six.heard.clear()
    sys.stdout.write(f"\ncanaries: {count} addresses over {len(WAYS)} ways\n")
    trials.record("canaries", trials=count, violations=len(faults), seed=None)
    assert not faults, "\n".join([f"{len(faults)} of {count}", *faults[:30]])


WEB = [each for each in WAYS if each.by_url and not each.name.startswith("outlet")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_follows(
    status: int, canary: Any, network: list[str], settings: Any
) -> None:
    """API7: who is allowed sends on to who is not; a canary there hears nothing."""
    there = canary()
    faults = []
    for target in ("http://127.0.0.1:{port}/", "//[::1]:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/"):  # fmt: skip
        location = target.format(port=there.port)
        head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        first = canary(says=head.encode())
        settings.EGRESS_ALLOW = (f"127.0.0.1:{first.port}",)
        for way in WEB:
            said = gone(way, f"http://127.0.0.1:{first.port}/", "", 0)
            if there.heard or said.startswith("broke"):
                faults.append(f"{way.name} to {location}: {said}")
            there.heard.clear()
        assert len(first.heard) >= len(WEB)
    assert not faults, "\n".join(faults)


def test_secrets_write_no_headers(
    canary: Any, network: list[str], settings: Any, monkeypatch: Any
) -> None:
    """Header injection: what stands in a secret or a setting ends no line of a request."""
    there = canary(says=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    settings.EGRESS_ALLOW = (f"127.0.0.1:{there.port}",)
    evil = "x\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1"
    from tests.attacks import ways_out  # noqa: PLC0415

    for kind in ("http", "lookup", "calendar", "feed", "hubspot", "tryton"):
        for more in ({"auth": "bearer"}, {"auth": "header", "header": evil},
                     {"auth": "basic", "user": evil}, {}):  # fmt: skip
            monkeypatch.setitem(ways_out.SECRETS, kind, evil)
            base = ways_out.BESIDE.get(kind, {})
            monkeypatch.setattr(
                ways_out, "BESIDE", {**ways_out.BESIDE, kind: {**base, **more}}
            )
            (way,) = (each for each in WAYS if each.name == f"source {kind}")
            said = gone(way, f"http://127.0.0.1:{there.port}/", "", 0)
            assert not said.startswith("broke"), (kind, more, said)
    assert not [each for each in there.heard if b"evil" in each.lower()]


def test_the_identity_provider_sends_nobody_elsewhere(canary: Any, rf: Any) -> None:
    """API7: what single sign-on asks follows no redirect either."""
    there = canary()
    head = f"HTTP/1.1 302 Elsewhere\r\nLocation: http://127.0.0.1:{there.port}/\r\nContent-Length: 0\r\n\r\n"
    first = canary(says=head.encode())
    with contextlib.suppress(Exception):
        Asking(rf.get("/")).get(f"http://127.0.0.1:{first.port}/.well-known/x")
    with contextlib.suppress(Exception):
        Asking(rf.get("/")).post(
            f"http://127.0.0.1:{first.port}/token", data={"secret": "x"}
        )
    assert len(first.heard) == 2
    assert not there.heard


IMPORTED = re.compile(r"^\s*(?:import|from) ([\w.]+)", re.MULTILINE)
# Whoever else opens a line: each a reason of its own.
OPENS = {
    "perception/egress.py",  # the one way out
    "perception/lines.py",  # its line
    "perception/sources/postgres.py",  # to the address that was checked
    "perception/outlets/esmtp.py", "perception/sources/imap.py",  # speak on a checked line
    "config/people.py",  # the identity provider that the operator named
    "autonomy/synthesizers/llm.py",  # over the one way out
    "config/observing.py",  # where the operator has figures sent
    "autonomy/digest_mail.py",  # by the mail server that the operator named
}  # fmt: skip
# These ask this machine for its name, its ports and what its lines are called.
AT_HOME = {"config/supervise.py", "config/env.py", "config/brokers.py"}
LINES = {"socket", "http.client", "urllib.request", "urllib3", "requests", "httpx", "httpx2",
         "aiohttp", "ftplib", "smtplib", "imaplib", "poplib", "telnetlib", "websockets"}  # fmt: skip


def test_nobody_else_opens_a_line() -> None:
    """API7: there is one way out, since nothing else imports what could open another."""
    found = {
        str(path.relative_to(ROOT))
        for storey in ("plans", "autonomy", "perception", "ledger", "config")
        for path in (ROOT / storey).rglob("*.py")
        if "embedded" not in path.parts and LINES & set(_imported(path))
    }
    assert found - AT_HOME <= OPENS


def _imported(path: Path) -> list[str]:
    return IMPORTED.findall(path.read_text())
