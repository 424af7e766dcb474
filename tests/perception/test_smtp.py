"""A mail server as a way out: how it is configured, greeted, and what TLS is insisted on."""

import ssl
from socket import socket
from typing import Any

import pytest

from perception.connectors import faults_in, kinds
from perception.outlets.registry import OUTLETS
from perception.outlets.smtp import settled
from perception.sources.base import SourceBarred, SourceFailed, SourceRefuses
from tests.autonomy.tools.postboxes import (
    FINE,
    FROM,
    USER,
    config,
    postbox,
    scripted,
)
from tests.perception.sources.servers import SECRET, Peer, wire

SMTP = OUTLETS["smtp"]


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ("127.0.0.1", "::1")


def greet(given: Any, secret: str = SECRET) -> None:
    SMTP.greet(given, secret, wire())


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"from": "no address"}, "from"),
        ({"from": "a@x.example\r\nBcc: b@x.example"}, "from"),
        ({"hold_s": 3601}, "hold_s"),
        ({"tls": "sometimes"}, "tls"),
        ({"id_domain": "x>y"}, "id_domain"),
        ({"host": "a b"}, "host"),
        ({"password": "p"}, "config"),
        ({}, ""),
    ],
)
def test_configurations_are_held_to_the_schema(more: Any, fault: str) -> None:
    """U: a form says what is wrong, and where."""
    faults = faults_in("smtp", config(25, **more))
    assert list(faults) == ([fault] if fault else [])


def test_what_is_left_out() -> None:
    """The port follows TLS, ids follow our address, and a minute is held back."""
    least = {"host": "mail.own.example", "from": FROM}
    given = settled(least)
    assert (given["port"], given["tls"], given["hold_s"]) == (465, "implicit", 60)
    assert (given["id_domain"], given["user"]) == ("own.example", "")
    assert settled({**least, "tls": "starttls"})["port"] == 587
    assert settled({**least, "tls": "none", "port": 2525})["port"] == 2525
    (kind,) = [each for each in kinds() if each["kind"] == "smtp"]
    assert (kind["can_act"], kind["reach"]) == (True, "")


def test_a_greeting_has_no_effect() -> None:
    """In, logged in, out again; a wrong secret and a missing one are said."""
    with postbox(is_closed=True) as box:
        given = config(box.port, user=USER)
        greet(given)
        greet(config(box.port), "")
        with pytest.raises(SourceRefuses, match="user or the secret"):
            greet(given, "wrong")
        with pytest.raises(SourceRefuses, match="no secret"):
            greet(given, "")
        with pytest.raises(SourceRefuses, match="offers no login"):
            greet(given, "pässword")
        assert box.sent == []


def test_nothing_private_is_told() -> None:
    """API8: neither a secret, nor what the server says."""
    way = wire()
    with postbox(is_closed=True) as box:
        SMTP.greet(config(box.port, user=USER), SECRET, way)
        with pytest.raises(SourceRefuses) as refused:
            SMTP.greet(config(box.port, user=USER), "wrong-secret", way)
    said = f"{way.said} {refused.value}"
    assert SECRET not in said
    assert "wrong-secret" not in said
    assert USER not in said


def test_no_server_logs_us_in_unasked() -> None:
    """A server without logins cannot take a user."""
    no = pytest.raises(SourceRefuses, match="nobody log in")
    with scripted(b"250 OK\r\n") as (port, _), no:
        greet(config(port, user=USER))


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_tls_is_with_the_host_by_its_name(
    tls: str, authority: Any, trusting: None
) -> None:
    """P9: nothing is said in the clear but the greeting."""
    context = authority("localhost")
    with postbox(context, is_implicit=tls == "implicit", is_closed=True) as box:
        given = config(box.port, tls=tls, user=USER)
        greet({**given, "host": "localhost"})
        with pytest.raises(SourceFailed, match="certificate that does not hold"):
            greet(given)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_nobody_is_trusted_by_default(tls: str, authority: Any) -> None:
    context = authority("localhost")
    with postbox(context, is_implicit=tls == "implicit") as box:
        with pytest.raises(
            SourceFailed, match="certificate that does not hold"
        ) as failed:
            greet(config(box.port, tls=tls, host="localhost"))
        assert failed.value.is_unreached


@pytest.mark.parametrize(
    "replies",
    [
        (b"250-STARTTLSX\r\n250 AUTH PLAIN\r\n",),
        (b"250-STARTTLS\r\n250 AUTH PLAIN\r\n", b"454 not now\r\n"),
        (b"250-STARTTLS\r\n250 AUTH PLAIN\r\n", b"501 no\r\n"),
    ],
)
def test_a_stripped_starttls_ends_it(replies: Any) -> None:
    """P9: who takes TLS away hears no password."""
    with scripted(*replies, FINE, FINE) as (port, told), pytest.raises(SourceFailed):
        greet(config(port, tls="starttls", user=USER))
    assert not [each for each in told.heard if each.startswith(b"AUTH")]


def test_what_was_said_before_tls_counts_for_nothing(
    authority: Any, trusting: None
) -> None:
    """CVE-2011-0411: replies slipped in before TLS are thrown away."""
    context: ssl.SSLContext = authority("localhost")
    heard: list[bytes] = []

    def act(caller: socket) -> None:
        caller.sendall(b"220 here\r\n")
        file = caller.makefile("rb")
        file.readline()
        caller.sendall(b"250-here\r\n250 STARTTLS\r\n")
        file.readline()
        caller.sendall(b"220 go\r\n250-evil\r\n250 AUTH PLAIN LOGIN\r\n")
        with context.wrap_socket(caller, server_side=True) as safe:
            secure = safe.makefile("rb")
            heard.append(secure.readline())
            safe.sendall(b"250 here\r\n")
            heard.append(secure.readline())

    peer = Peer(act)
    try:
        with pytest.raises(SourceRefuses, match="nobody log in"):
            greet(config(peer.port, host="localhost", tls="starttls", user=USER))
    finally:
        peer.close()
    assert [each[:4] for each in heard] in ([b"ehlo"], [b"ehlo", b""])


def test_only_the_guarded_way_out(settings: Any) -> None:
    """API7: a private address is not reached, and in the clear only what is listed."""
    settings.EGRESS_ALLOW = ()
    for tls in ("implicit", "starttls", "none"):
        with pytest.raises(SourceBarred):
            greet(config(9, tls=tls))
