"""Servers that sources read in tests: real ones by their processes, and hostile ones."""

import contextlib
import http.client
import imaplib
import os
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from typing import Any

import pytest

from config.mailserver import find
from perception.sources.base import Asked, Found, Reach, Source, Watched, Wire

BIN = Path(__file__).parents[3] / ".venv-peers" / "bin"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRET = "s3cret-of-the-peer"
TENANT = "0198aaaa-0000-7000-8000-000000000001"
PATIENCE = 60


def wire(**given: Any) -> Wire:
    """A way to a source, as pulls have it."""
    given = {"timeout": 20.0, "hidden": (SECRET,), **given}
    return Wire(pace=lambda: None, **given)


def asked(config: Any, cursor: Any = None, secret: str = SECRET, **given: Any) -> Asked:
    """One page, asked for."""
    given = {"is_deep": True, "now": NOW, "tenant": TENANT, **given}
    return Asked(config=config, secret=secret, cursor=cursor or {}, **given)


def about(source: Source) -> dict[str, Any]:
    """The account that is asked about, where a source is read account by account."""
    if source.reach is Reach.WHOLE:
        return {}
    return {"account": Watched(external_id="a1", name="Acme")}


def everything(
    source: Source, config: Any, cursor: Any = None, **given: Any
) -> tuple[list[Found], Any]:
    """All pages from a cursor on, and where they end."""
    given = {**about(source), **given}
    pages = [source.pull(asked(config, cursor, **given), wire())]
    while pages[-1].more:
        assert len(pages) < 50, "there is no end of pages"
        pages.append(source.pull(asked(config, pages[-1].cursor, **given), wire()))
    return pages, pages[-1].cursor


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Process:
    """A server in a process of its own, until it is closed."""

    def __init__(self, port: int, *command: str | Path, **how: Any) -> None:
        self.port = port
        quiet: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
        }
        self.process = subprocess.Popen([str(each) for each in command], **quiet, **how)
        deadline = time.monotonic() + PATIENCE
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), 1),
            ):
                return
            gone = self.process.poll() is not None
            if gone or time.monotonic() > deadline:
                self.close()
                pytest.fail(f"{command[0]} did not start")
            time.sleep(0.05)

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Radicale(Process):
    """A CalDAV server; each calendar is a collection of its own."""

    user = "reader"

    def __init__(self, folder: Path) -> None:
        port = free_port()
        users = folder / "users"
        users.write_text(f"{self.user}:{SECRET}\n")
        super().__init__(
            port, BIN / "python", "-m", "radicale",
            f"--server-hosts=127.0.0.1:{port}", "--auth-type=htpasswd",
            f"--auth-htpasswd-filename={users}", "--auth-htpasswd-encryption=plain",
            f"--storage-filesystem-folder={folder}", "--logging-level=critical",
        )  # fmt: skip

    def url(self, calendar: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{self.user}/{calendar}"

    def make(self, calendar: str) -> str:
        self._send("MKCALENDAR", f"{calendar}/")
        return self.url(f"{calendar}/")

    def put(self, calendar: str, name: str, ics: str) -> None:
        self._send("PUT", f"{calendar}/{name}.ics", ics.encode())

    def delete(self, calendar: str, name: str) -> None:
        self._send("DELETE", f"{calendar}/{name}.ics")

    def _send(self, method: str, path: str, body: bytes = b"") -> None:
        there = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        both = b64encode(f"{self.user}:{SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {both}", "Content-Type": "text/calendar"}
        there.request(method, f"/{self.user}/{path}", body, headers)
        status = there.getresponse().status
        there.close()
        assert 200 <= status < 300, (method, path, status)


class Imap(Process):
    """An IMAP server that mails are put into."""

    user = "demouser"

    def put(self, folder: str, mail: bytes, at: datetime = NOW) -> None:
        with self._client() as client:
            client.create(folder)
            kept = client.append(folder, "", imaplib.Time2Internaldate(at), mail)
            assert kept[0] == "OK", kept

    def flags(self, folder: str) -> Any:
        with self._client() as client:
            client.select(folder, readonly=True)
            return client.fetch("1:*", "(FLAGS)")[1]

    def anew(self, folder: str) -> None:
        with self._client() as client:
            client.delete(folder)
            client.create(folder)

    def _client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=PATIENCE)
        client.login(self.user, SECRET)
        return client


class Pymap(Imap):
    """In memory, and there wherever the peers are."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        super().__init__(
            port, BIN / "pymap", "--host", "127.0.0.1", "--port", str(port), "--no-tls",
            "--no-service", "admin", "--no-service", "managesieve",
            "dict", "--demo-data", "--demo-password", SECRET,
        )  # fmt: skip
        # What it brings along is not what tests look at.
        with self._client() as client:
            client.select("INBOX")
            client.store("1:*", "+FLAGS", "\\Deleted")
            client.expunge()
            client.delete("Sent")


class Dovecot(Imap):
    """What most mailboxes in the world are kept by."""

    more = ""

    def __init__(self, folder: Path) -> None:
        if find() is None:
            pytest.skip("NO DOVECOT HERE: these tests were SKIPPED")
        port = free_port()
        # Its sockets have short names.
        self.home = Path(mkdtemp(prefix="imap-"))
        self.home.chmod(0o755)
        uid = 65534 if os.geteuid() == 0 else os.getuid()
        gid = 65534 if os.geteuid() == 0 else os.getgid()
        mails = self.home / "mails"
        mails.mkdir()
        if os.geteuid() == 0:
            os.chown(mails, uid, gid)
        (self.home / "conf").write_text(_DOVECOT.format(
            home=self.home, port=port, secret=SECRET, uid=uid, gid=gid,
            more=self.more, own="" if os.geteuid() == 0 else _NOT_ROOT.format(user=_user()),
        ))  # fmt: skip
        super().__init__(port, str(find()), "-F", "-c", self.home / "conf")

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.home, ignore_errors=True)


def _user() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()


_NOT_ROOT = "default_login_user = {user}\ndefault_internal_user = {user}"
_DOVECOT = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{home}/mails/%u
first_valid_uid = 1
first_valid_gid = 1
{own}
{more}
passdb {{
  driver = static
  args = password={secret}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mails/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


Said = tuple[int, dict[str, str], bytes]


class Web:
    """An HTTP server that answers by a function of (path, headers)."""

    def __init__(self, answer: Callable[[str, Any], Said]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append((self.path, dict(self.headers)))
                status, headers, body = answer(self.path, self.headers)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *said: Any) -> None:
                """Nothing is said aloud."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE)
        self._server.server_close()


class Peer:
    """A server on a free port, which does with each caller what it is told."""

    def __init__(self, act: Callable[[socket.socket], None]) -> None:
        self.act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with caller, contextlib.suppress(OSError, ValueError):
                caller.settimeout(20)
                self.act(caller)


@contextlib.contextmanager
def cut(port: int, after: int) -> Iterator[int]:
    """A way to a server that breaks off after so many bytes of answers."""

    def act(caller: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port), 20) as there:
            Thread(target=_pass_on, args=(caller, there), daemon=True).start()
            left = after
            while left > 0 and (piece := there.recv(min(left, 65536))):
                caller.sendall(piece)
                left -= len(piece)
            for end in (caller, there):
                end.shutdown(socket.SHUT_RDWR)

    peer = Peer(act)
    try:
        yield peer.port
    finally:
        peer.close()


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := here.recv(65536):
            there.sendall(piece)
