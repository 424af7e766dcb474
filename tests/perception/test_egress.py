"""API7: nothing leaves but to where it may, and nothing outside holds or floods us."""

import contextlib
import logging
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from perception.egress import Answer, dial, send
from perception.errors import EgressFailed, EgressMalformed, EgressRefused

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HEAD = b"HTTP/1.1 200 OK\r\n"
PUBLIC = "8.8.8.8"


class Peer:
    """A server on a free port of this machine, which does with callers what it is told."""

    def __init__(
        self,
        act: Callable[[socket.socket], None],
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.act, self.tls = act, tls
        self.asked: list[bytes] = []
        self.connections = 0
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.thread = Thread(target=self._serve)
        self.thread.start()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with caller, contextlib.suppress(OSError, ValueError):
                caller.settimeout(5)
                self._talk(caller)

    def _talk(self, caller: socket.socket) -> None:
        if self.tls is None:
            self.asked.append(_request(caller))
            self.act(caller)
            return
        with self.tls.wrap_socket(caller, server_side=True) as secured:
            self.asked.append(_request(secured))
            self.act(secured)
            secured.unwrap()


def _request(caller: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = caller.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        length = int(value) if name == b"Content-Length" else length
    while len(body) < length:
        body += caller.recv(65536)
    return head + b"\r\n\r\n" + body


def says(*pieces: bytes, every: float = 0) -> Callable[[socket.socket], None]:
    """Sends these pieces, one after another."""

    def act(caller: socket.socket) -> None:
        for piece in pieces:
            caller.sendall(piece)
            if every:
                Event().wait(every)

    return act


def goes_on(start: bytes, piece: bytes, every: float = 0) -> Any:
    """Sends a piece again and again, until nobody listens."""

    def act(caller: socket.socket) -> None:
        caller.sendall(start)
        while True:
            caller.sendall(piece)
            if every:
                Event().wait(every)

    return act


def resets(caller: socket.socket) -> None:
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def keeps_silent(caller: socket.socket) -> None:
    caller.recv(1)


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def make(act: Any = None, **options: Any) -> Peer:
        peers.append(Peer(act or says(FINE), **options))
        return peers[-1]

    yield make
    for each in peers:
        each.close()


@pytest.fixture
def allow(settings: Any) -> Callable[..., None]:
    def put(*entries: str) -> None:
        settings.EGRESS_ALLOW = entries

    return put


@pytest.fixture(autouse=True)
def empty(allow: Callable[..., None], settings: Any) -> None:
    """Nothing is on the list unless a test puts it there."""
    settings.DEBUG = False
    allow()


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that is connected to; all but this machine's refuse."""
    seen: list[Any] = []

    class Recorded(socket.socket):
        def connect(self, address: Any) -> None:
            seen.append(address[:2])
            if address[0] not in ("127.0.0.1", "::1"):
                raise ConnectionRefusedError
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Recorded)
    return seen


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Every name resolves to these addresses: one list for each time it is asked."""

    def put(*answers: list[str]) -> list[str]:
        asked: list[str] = []

        def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            asked.append(host)
            given = answers[min(len(asked), len(answers)) - 1]
            return [_place(address, port) for address in given]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        return asked

    return put


def _place(address: str, port: int) -> tuple[Any, ...]:
    kind = (socket.SOCK_STREAM, 6, "")
    if ":" in address:
        return (socket.AF_INET6, *kind, (address, port, 0, 0))
    return (socket.AF_INET, *kind, (address, port))


def get(url: str, **options: Any) -> Answer:
    return send("GET", url, **{"headers": {}, "timeout": 5, **options})


def fails(url: str, **options: Any) -> EgressFailed:
    with pytest.raises(EgressFailed) as failed:
        get(url, **options)
    return failed.value


class TestWhatIsSent:
    def test_a_request_and_its_answer(self, peer, allow) -> None:
        there = peer(
            says(
                b"HTTP/1.1 201 Made\r\nX-One: a\r\nx-one: b\r\n"
                b"Content-Length: 4\r\n\r\nmade and more"
            )
        )
        allow(f"127.0.0.1:{there.port}")
        answer = send(
            "POST",
            f"http://127.0.0.1:{there.port}//a/b%20c?d=e&f#g",
            body=b'{"a": 1}',
            headers={"Content-Type": "application/json", "X-Two": "c d"},
            timeout=5,
        )
        assert answer == Answer(
            status=201,
            headers={"x-one": "a, b", "content-length": "4"},
            body=b"made",
        )
        assert there.asked == [
            b"POST //a/b%20c?d=e&f HTTP/1.1\r\n"
            b"Host: 127.0.0.1:" + str(there.port).encode() + b"\r\n"
            b"Accept-Encoding: identity\r\n"
            b"Content-Length: 8\r\n"
            b"Connection: close\r\n"
            b"Content-Type: application/json\r\n"
            b"X-Two: c d\r\n"
            b"\r\n"
            b'{"a": 1}'
        ]

    def test_no_body(self, peer, allow) -> None:
        there = peer(says(HEAD + b"\r\nto the end"))
        allow("127.0.0.1")
        assert get(f"http://127.0.0.1:{there.port}").body == b"to the end"
        assert there.asked[0].startswith(b"GET / HTTP/1.1\r\n")
        assert b"Content-Length" not in there.asked[0]
        send(
            "POST", f"http://127.0.0.1:{there.port}?a", body=None, headers={}, timeout=5
        )
        assert there.asked[1].startswith(b"POST /?a HTTP/1.1\r\n")
        assert b"Content-Length: 0\r\n" in there.asked[1]

    @pytest.mark.parametrize(
        ("method", "said", "body"),
        [
            (
                "GET",
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                b"{}",
            ),
            ("GET", b"HTTP/1.0 200 OK\r\n\r\n{}", b"{}"),
            ("GET", HEAD + b"Content-Encoding: identity\r\n\r\n{}", b"{}"),
            ("GET", b"HTTP/1.1 100 Continue\r\n\r\n" + FINE, b"{}"),
            ("HEAD", HEAD + b"Content-Length: 9\r\n\r\n", b""),
            ("DELETE", b"HTTP/1.1 204 Gone\r\n\r\n", b""),
            ("GET", b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", b"no"),
        ],
    )
    def test_answers_that_are_whole(self, peer, allow, method, said, body) -> None:
        there = peer(says(said))
        allow("127.0.0.1")
        url = f"http://127.0.0.1:{there.port}"
        assert send(method, url, headers={}, timeout=5).body == body

    def test_a_large_one(self, peer, allow) -> None:
        whole = bytes(range(256)) * 4096
        there = peer(says(HEAD + b"Content-Length: 1048576\r\n\r\n", whole))
        allow("127.0.0.1")
        url = f"http://127.0.0.1:{there.port}"
        assert send("PUT", url, body=whole, headers={}, timeout=20).body == whole
        assert there.asked[0].endswith(b"\r\n\r\n" + whole)

    def test_a_redirect_comes_back_as_it_is(self, peer, allow) -> None:
        other = peer()
        to = f"http://127.0.0.1:{other.port}/".encode()
        there = peer(
            says(
                b"HTTP/1.1 302 There\r\nLocation: "
                + to
                + b"\r\nContent-Length: 0\r\n\r\n"
            )
        )
        allow("127.0.0.1")
        answer = get(f"http://127.0.0.1:{there.port}")
        assert (answer.status, answer.headers["location"]) == (302, to.decode())
        assert (there.connections, other.connections) == (1, 0)

    def test_the_environment_has_no_say(
        self, peer, allow, monkeypatch, tmp_path
    ) -> None:
        proxy, there = peer(), peer()
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy.port}")
        secrets = tmp_path / "netrc"
        secrets.write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("NETRC", str(secrets))
        allow("127.0.0.1")
        assert get(f"http://127.0.0.1:{there.port}").status == 200
        assert (proxy.connections, there.connections) == (0, 1)
        assert b"Authorization" not in there.asked[0]


class TestWhereItMayGo:
    @pytest.mark.parametrize("scheme", ["http", "https"])
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "localhost",
            "LOCALHOST.",
            "0",
            "0.0.0.0",  # noqa: S104  refused, never bound
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "[fe80::1]",
            "10.0.0.1",
            "167772161",
            "192.168.0.1",
            "[fd00::1]",
            "224.0.0.1",
            "[ff02::1]",
        ],
    )
    def test_not_inside(self, peer, dialled, settings, scheme, host) -> None:
        there = peer()
        settings.DEBUG = True
        with pytest.raises(EgressRefused) as refused:
            get(f"{scheme}://{host}:{there.port}/?secret")
        assert str(refused.value).startswith(
            "This address may not be reached from here. "
        )
        assert "secret" not in str(refused.value)
        assert (there.connections, dialled) == (0, [])

    def test_nor_to_the_machine_itself_by_its_other_address(
        self, peer, dialled
    ) -> None:
        there = peer(host="::1")
        with pytest.raises(EgressRefused):
            get(f"https://[::1]:{there.port}")
        assert (there.connections, dialled) == (0, [])

    def test_an_entry_opens_its_port_alone(self, peer, allow) -> None:
        there, other = peer(), peer()
        allow(f"localhost:{there.port}")
        assert get(f"http://LocalHost.:{there.port}").status == 200
        assert (
            there.asked[0].splitlines()[1] == f"Host: localhost:{there.port}".encode()
        )
        for url in (
            f"http://localhost:{other.port}",
            f"http://127.0.0.1:{there.port}",
        ):
            with pytest.raises(EgressRefused):
                get(url)
        assert (there.connections, other.connections) == (1, 0)

    def test_the_other_kind_of_address(self, peer, allow) -> None:
        there = peer(host="::1")
        allow(f"[::1]:{there.port}")
        assert get(f"http://[::1]:{there.port}").status == 200
        assert there.asked[0].splitlines()[1] == f"Host: [::1]:{there.port}".encode()

    def test_a_network_on_the_list(self, peer, allow) -> None:
        there = peer()
        allow("10.0.0.0/8", "127.0.0.0/8")
        assert get(f"http://2130706433:{there.port}").status == 200

    def test_plain_http_goes_to_the_list_only(
        self, allow, named, dialled, settings
    ) -> None:
        named([PUBLIC])
        with pytest.raises(EgressRefused, match="only https may go there"):
            get("http://api.example")
        assert dialled == []
        assert fails("https://api.example").ambiguous is False
        assert dialled == [(PUBLIC, 443)]
        allow("api.example:80")
        assert fails("http://api.example").ambiguous is False
        allow()
        settings.DEBUG = True
        assert fails("http://api.example:8080").ambiguous is False
        assert dialled == [(PUBLIC, 443), (PUBLIC, 80), (PUBLIC, 8080)]

    def test_a_name_that_changes_its_mind_gains_nothing(
        self, peer, named, dialled
    ) -> None:
        there = peer()
        asked = named([PUBLIC], ["127.0.0.1"])
        failed = fails(f"https://rebinding.example:{there.port}")
        assert failed.ambiguous is False
        assert asked == ["rebinding.example"]
        assert dialled == [(PUBLIC, there.port)]
        assert there.connections == 0

    @pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "169.254.169.254"])
    def test_nor_one_that_says_two_things(self, named, dialled, inside) -> None:
        named([PUBLIC, inside])
        with pytest.raises(EgressRefused):
            get("https://rebinding.example")
        named([inside, PUBLIC])
        with pytest.raises(EgressRefused):
            get("https://rebinding.example")
        assert dialled == []

    def test_the_checked_address_is_dialled_by_the_name_asked_for(
        self, peer, allow, named, dialled
    ) -> None:
        there = peer()
        named(["127.0.0.1"])
        allow(f"inside.example:{there.port}")
        assert get(f"http://inside.example:{there.port}").status == 200
        assert dialled == [("127.0.0.1", there.port)]
        assert f"\r\nHost: inside.example:{there.port}\r\n".encode() in there.asked[0]

    def test_the_next_address_where_one_does_not_take_it(
        self, peer, allow, named, dialled
    ) -> None:
        there = peer()
        named(["::1", "127.0.0.1"])
        allow("inside.example")
        assert get(f"http://inside.example:{there.port}").status == 200
        assert dialled == [("::1", there.port), ("127.0.0.1", there.port)]

    def test_a_silent_address_leaves_time_for_the_next(
        self, peer, allow, named, monkeypatch
    ) -> None:
        class Silent(socket.socket):
            def connect(self, address: Any) -> None:
                if address[0] == "::1":
                    Event().wait(self.gettimeout())
                    raise TimeoutError
                super().connect(address)

        there = peer()
        monkeypatch.setattr(socket, "socket", Silent)
        named(["::1", "127.0.0.1"])
        allow("inside.example")
        assert get(f"http://inside.example:{there.port}", timeout=1).status == 200


class TestWhatIsMalformed:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "opa",
            "//127.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "unix:///run/socket",
            "http://",
            "http:///path",
            "http://:80/",
            "http://./",
            "http://user@127.0.0.1/",
            "http://user:secret@127.0.0.1/",
            "http://@127.0.0.1/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:65536/",
            "http://127.0.0.1:x/",
            "http://127.0.0.1\\@8.8.8.8/",
            "http://127.0.0.1/a\\b",
            "http://127.0.0.1/a b",
            "http://127.0.0.1/\r\nX-Evil: 1",
            "http://127.0.0.1/\n",
            "\nhttp://127.0.0.1/",
            "http://127.0.0.1\t/",
            "http://bücher.example/",
            "http://127%2e0.0.1/",
            "http://[fe80::1%25eth0]/",
            "http://[::1/",
            "http://127.0.0.1/" + "a" * 2048,
        ],
    )
    def test_urls(self, dialled, allow, url) -> None:
        allow("0.0.0.0/0", "::/0")
        with pytest.raises(EgressMalformed) as refused:
            get(url)
        assert str(refused.value).startswith(
            "This request cannot be sent as it is written. "
        )
        assert "secret" not in str(refused.value)
        assert refused.value.__cause__ is None
        assert dialled == []

    @pytest.mark.parametrize(
        "given",
        [
            {"headers": {"X-A": "b\r\nX-Evil: 1"}},
            {"headers": {"X-A": "b\n"}},
            {"headers": {"X-A\r\nX-Evil": "1"}},
            {"headers": {"host": "169.254.169.254"}},
            {"headers": {"Transfer-Encoding": "chunked"}},
            {"timeout": 0},
            {"timeout": float("inf")},
        ],
    )
    def test_the_rest(self, peer, allow, given) -> None:
        there = peer()
        allow("127.0.0.1")
        with pytest.raises(EgressMalformed):
            get(f"http://127.0.0.1:{there.port}", **given)
        with pytest.raises(EgressMalformed):
            send("GET /\r\n", f"http://127.0.0.1:{there.port}", headers={}, timeout=5)
        assert there.connections == 0


class TestWhatComesBackWrong:
    @pytest.mark.parametrize(
        "act",
        [
            keeps_silent,
            goes_on(b"", b"H", 0.05),
            goes_on(HEAD, b"X-A: b\r\n", 0.05),
            goes_on(HEAD + b"X-A: ", b"b", 0.05),
            goes_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
            goes_on(HEAD + b"Content-Length: 900000\r\n\r\n", b"x", 0.05),
            goes_on(HEAD + b"\r\n", b"x", 0.05),
            goes_on(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.05),
            goes_on(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", 0.05),
        ],
    )
    def test_who_drips_is_left_at_the_deadline(self, peer, allow, act) -> None:
        there = peer(act)
        allow("127.0.0.1")
        began = monotonic()
        failed = fails(f"http://127.0.0.1:{there.port}", timeout=0.4)
        assert 0.35 < monotonic() - began < 30
        assert failed.detail == f"127.0.0.1:{there.port} did not answer in time."
        assert failed.ambiguous is True

    def test_and_who_does_not_listen(self, allow) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            port = deaf.getsockname()[1]
            allow("127.0.0.1")
            began = monotonic()
            failed = fails(f"http://127.0.0.1:{port}", body=bytes(2**25), timeout=0.4)
            assert 0.35 < monotonic() - began < 30
        assert failed.ambiguous is True

    @pytest.mark.parametrize(
        "act",
        [
            says(HEAD + b"Content-Length: 1001\r\n\r\n", bytes(1001)),
            says(HEAD + b"Content-Length: 99999999999\r\n\r\n"),
            says(HEAD + b"\r\n", bytes(1001)),
            says(
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                *[b"1f4\r\n" + b"x" * 500 + b"\r\n"] * 3,
            ),
            goes_on(HEAD + b"\r\n", bytes(65536)),
            goes_on(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 999),
            goes_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 999),
        ],
    )
    def test_too_much(self, peer, allow, act) -> None:
        there = peer(act)
        allow("127.0.0.1")
        failed = fails(f"http://127.0.0.1:{there.port}", limit=1000)
        assert failed.detail == (
            f"127.0.0.1:{there.port} answered with more than 1000 bytes."
        )
        assert failed.ambiguous is True

    def test_just_enough(self, peer, allow) -> None:
        there = peer(says(HEAD + b"Content-Length: 1000\r\n\r\n", bytes(1000)))
        allow("127.0.0.1")
        url = f"http://127.0.0.1:{there.port}"
        assert get(url, limit=1000).body == bytes(1000)

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"private text, not HTTP\r\n\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/1.1 103 Hints\r\n\r\n",
            b"HTTP/1.1 101 Else\r\n\r\n",
            HEAD + b"Content-Length: 9\r\n\r\nhalf",
            HEAD + b"Content-Length: many\r\n\r\nhalf",
            HEAD + b"Content-Length: -1\r\n\r\nhalf",
            HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nhalf",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf",
            HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
            HEAD + b"X-A: b\r\n" * 200 + b"\r\n",
            HEAD + b"X-A: " + b"b" * 70000,
        ],
    )
    def test_broken_answers(self, peer, allow, said) -> None:
        there = peer(says(said))
        allow("127.0.0.1")
        failed = fails(f"http://127.0.0.1:{there.port}")
        assert failed.detail == (
            f"127.0.0.1:{there.port} broke off, or did not answer in proper HTTP."
        )
        assert failed.ambiguous is True
        # What the other side said must not reach a log by way of a traceback.
        assert (failed.__cause__, failed.__context__) == (None, None)

    def test_a_reset_may_come_after_the_act(self, peer, allow) -> None:
        there = peer(resets)
        allow("127.0.0.1")
        assert fails(f"http://127.0.0.1:{there.port}").ambiguous is True
        assert len(there.asked) == 1

    def test_who_is_not_there_did_not_act(self, allow) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        allow("127.0.0.1")
        failed = fails(f"http://127.0.0.1:{port}")
        assert failed.detail == f"127.0.0.1:{port} cannot be connected to."
        assert failed.ambiguous is False

    @pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", f"{'a' * 64}.example"])
    def test_nor_who_has_no_address(self, monkeypatch, host) -> None:
        real = socket.getaddrinfo

        def resolve(host: str, *given: Any, **named: Any) -> Any:
            if host == "nowhere.invalid":
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return real(host, *given, **named)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        failed = fails(f"https://{host}/")
        assert failed.detail == f"{host} cannot be resolved."
        assert failed.ambiguous is False

    def test_resolving_counts_as_time(self, monkeypatch) -> None:
        done = Event()
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: done.wait(10) and []
        )
        began = monotonic()
        failed = fails("https://slow.example", timeout=0.3)
        done.set()
        assert 0.25 < monotonic() - began < 30
        assert failed.ambiguous is False

    def test_nothing_private_is_logged(self, peer, allow, caplog) -> None:
        caplog.set_level(logging.DEBUG)
        url = f"http://127.0.0.1:{peer().port}/?secret=1"
        broken = f"http://127.0.0.1:{peer(says(b'secret')).port}/?secret=1"
        allow("127.0.0.1")
        assert send("POST", url, body=b"secret", headers={}, timeout=5).status == 200
        assert "secret" not in str(fails(broken, body=b"secret"))
        assert "secret" not in caplog.text


class TestTLS:
    def test_by_the_name_at_the_checked_address(
        self, peer, allow, named, dialled, authority, trusting
    ) -> None:
        there = peer(tls=authority("inside.example"))
        named(["127.0.0.1"])
        allow("inside.example")
        assert get(f"https://inside.example:{there.port}").body == b"{}"
        assert dialled == [("127.0.0.1", there.port)]
        assert f"\r\nHost: inside.example:{there.port}\r\n".encode() in there.asked[0]

    def test_an_authority_that_nobody_trusts(
        self, peer, allow, named, authority
    ) -> None:
        there = peer(tls=authority("inside.example"))
        named(["127.0.0.1"])
        allow("inside.example")
        failed = fails(f"https://inside.example:{there.port}")
        assert failed.detail == (
            f"inside.example:{there.port} shows a certificate that does not hold: "
            "unable to get local issuer certificate."
        )
        assert failed.ambiguous is False
        assert there.asked == []

    @pytest.mark.parametrize(
        "host", ["other.example", "sub.inside.example", "127.0.0.1"]
    )
    def test_the_certificate_of_another_host(
        self, peer, allow, named, authority, trusting, host
    ) -> None:
        there = peer(tls=authority("inside.example"))
        named(["127.0.0.1"])
        allow(host)
        failed = fails(f"https://{host}:{there.port}")
        assert "shows a certificate that does not hold: " in failed.detail
        assert "mismatch" in failed.detail
        assert failed.ambiguous is False
        assert there.asked == []

    def test_an_end_that_could_have_been_cut(
        self, peer, allow, named, authority, trusting
    ) -> None:
        def cuts(caller: socket.socket) -> None:
            caller.sendall(HEAD + b"\r\nhalf")
            caller.shutdown(socket.SHUT_WR)

        there = peer(cuts, tls=authority("inside.example"))
        named(["127.0.0.1"])
        allow("inside.example")
        assert fails(f"https://inside.example:{there.port}").ambiguous is True

    def test_a_handshake_that_never_comes(self, peer, allow) -> None:
        there = peer(keeps_silent)
        allow("127.0.0.1")
        began = monotonic()
        failed = fails(f"https://127.0.0.1:{there.port}", timeout=0.4)
        assert 0.35 < monotonic() - began < 30
        assert failed.ambiguous is False

    def test_a_line_for_what_is_not_http(
        self, peer, allow, named, authority, trusting
    ) -> None:
        there = peer(says(b"welcome"), tls=authority("inside.example"))
        named(["127.0.0.1"])
        allow("inside.example")
        with dial("inside.example", there.port, tls=True, timeout=20) as line:
            line.sendall(b"hello\r\n\r\n")
            assert line.makefile("rb").read(7) == b"welcome"
        assert there.asked == [b"hello\r\n\r\n"]

    def test_a_plain_line_goes_only_where_the_list_says(
        self, peer, allow, named, dialled
    ) -> None:
        named([PUBLIC])
        with (
            pytest.raises(EgressRefused, match="only TLS may go there"),
            dial("mail.example", 143, tls=False, timeout=20),
        ):
            pytest.fail("it was dialled")
        assert dialled == []
