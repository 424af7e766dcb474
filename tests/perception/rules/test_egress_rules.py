"""API7: which addresses may be reached, and what the list of exceptions may say."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception.rules.egress import (
    FORMS,
    Allowed,
    fault,
    is_listed,
    may_reach,
    parse_allowed,
)

NOTHING = parse_allowed(())

PUBLIC = (
    "8.8.8.8",
    "1.1.1.1",
    "223.255.255.254",
    "2606:4700::1111",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
)
NOT_PUBLIC = (
    "0.0.0.0",  # noqa: S104  judged, never bound
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:0.0.0.0",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert may_reach("host.example", 443, [address], NOTHING) is True
    assert is_listed("host.example", 443, [address], NOTHING) is False


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_all_others_may_not(address: str) -> None:
    assert may_reach("host.example", 443, [address], NOTHING) is False


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_one_such_address_is_enough(address: str) -> None:
    assert may_reach("host.example", 443, [*PUBLIC, address], NOTHING) is False
    assert may_reach("host.example", 443, [address, *PUBLIC], NOTHING) is False


def test_a_host_without_an_address_may_not_be_reached() -> None:
    listed = parse_allowed(["host.example", "0.0.0.0/0", "::/0"])
    assert may_reach("host.example", 443, [], listed) is False
    assert is_listed("host.example", 443, [], listed) is False


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::"]))
def test_an_address_within_another_is_judged_as_itself(address, prefix) -> None:
    within = ip_network(prefix)[0] + int(address)
    assert may_reach("h", 443, [str(within)], NOTHING) is may_reach(
        "h", 443, [str(address)], NOTHING
    )


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "reached"),
    [
        ("opa:8181", "opa", 8181, "10.1.2.3", True),
        ("opa:8181", "OPA.", 8181, "10.1.2.3", True),
        (" OPA.:8181 ", "opa", 8181, "10.1.2.3", True),
        ("opa:8181", "opa", 8182, "10.1.2.3", False),
        ("opa:8181", "opa.example", 8181, "10.1.2.3", False),
        ("opa:8181", "not-opa", 8181, "10.1.2.3", False),
        ("opa", "opa", 1, "10.1.2.3", True),
        ("opa", "opa", 65535, "127.0.0.1", True),
        ("opa", "opa", 80, "::1", True),
        ("opa", "opa", 80, "fd00::1", True),
        ("opa", "opa", 80, "::ffff:10.0.0.1", True),
        ("example", "opa.example", 80, "10.1.2.3", False),
        ("10.0.0.0/8", "opa", 8181, "10.1.2.3", True),
        ("10.0.0.0/8", "opa", 8181, "11.1.2.3", True),
        ("10.0.0.0/8", "opa", 8181, "192.168.1.1", False),
        ("10.0.0.0/8", "opa", 8181, "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "opa", 8181, "64:ff9b::10.1.2.3", True),
        ("10.0.0.0/8", "opa", 8181, "2002:a01:203::", False),
        ("10.1.2.3", "opa", 8181, "10.1.2.3", True),
        ("10.1.2.3:8181", "opa", 8181, "10.1.2.3", True),
        ("10.1.2.3:8181", "10.1.2.3", 8181, "10.1.2.3", True),
        ("10.1.2.3:8181", "10.1.2.3", 8182, "10.1.2.3", False),
        ("10.1.2.3:8181", "10.1.2.4", 8181, "10.1.2.4", False),
        ("[::1]:8181", "::1", 8181, "::1", True),
        ("[::1]:8181", "::1", 8182, "::1", False),
        ("[fd00::1]", "fd00::1", 1, "fd00::1", True),
        ("::1", "::1", 1, "::1", True),
        ("fd00::/8", "opa", 1, "fd12::1", True),
        ("fd00::/8", "opa", 1, "fe80::1", False),
        ("169.254.169.254:80", "metadata", 80, "169.254.169.254", True),
    ],
)
def test_the_list(entry, host, port, address, reached) -> None:
    assert may_reach(host, port, [address], parse_allowed([entry])) is reached


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "0.0.0.0",  # noqa: S104  judged, never bound
        "::",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "::127.0.0.1",
    ],
)
def test_a_name_on_the_list_stands_for_machines_only(address: str) -> None:
    listed = parse_allowed(["opa", "opa:80"])
    assert may_reach("opa", 80, [address], listed) is False


def test_a_listed_name_may_have_public_addresses_too() -> None:
    listed = parse_allowed(["opa:80"])
    assert may_reach("opa", 80, ["10.0.0.1", "8.8.8.8"], listed) is True
    assert is_listed("opa", 80, ["10.0.0.1", "8.8.8.8"], listed) is True
    assert is_listed("opa", 81, ["8.8.8.8"], listed) is False


def test_a_network_does_not_list_public_addresses_beside_it() -> None:
    listed = parse_allowed(["10.0.0.0/8"])
    assert may_reach("opa", 80, ["10.0.0.1", "8.8.8.8"], listed) is True
    assert is_listed("opa", 80, ["10.0.0.1", "8.8.8.8"], listed) is False
    assert is_listed("opa", 80, ["10.0.0.1"], listed) is True


def test_the_list_as_it_is_read() -> None:
    assert parse_allowed(["Opa:8181", "web", "10.0.0.0/8", "[::1]:80"]) == Allowed(
        names=frozenset({("opa", 8181), ("web", None)}),
        networks=((ip_network("10.0.0.0/8"), None), (ip_network("::1"), 80)),
    )


@pytest.mark.parametrize(
    "entry",
    [
        "",
        " ",
        ".",
        ":80",
        "opa:",
        "opa:http",
        "opa:80:80",
        "opa:123456",
        "opa:٨٠",
        "http://opa",
        "opa/path",
        "user@opa",
        "*.example",
        "-opa",
        "opa..example",
        "bücher.example",
        "a b",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0",
        "256.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1:80",
        "127.0x1",
        "[10.0.0.1]:80",
        "[dead]:80",
        "[1:2]:80",
        "[::1",
        "::1]",
        "[::1]80",
        "[fe80::1%eth0]",
        "[fd00::/8]",
    ],
)
def test_an_entry_that_is_none(entry: str) -> None:
    with pytest.raises(ValueError, match="is no entry") as refused:
        parse_allowed(["opa", entry])
    assert str(refused.value) == f"{entry!r} is no entry of the list: write {FORMS}."


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("opa:0", "'opa:0' has no port from 1 to 65535."),
        ("opa:65536", "'opa:65536' has no port from 1 to 65535."),
        (
            "10.0.0.0/8:80",
            "'10.0.0.0/8:80' is a network: it holds for every port, name none.",
        ),
        (
            "::ffff:10.0.0.1",
            "'::ffff:10.0.0.1' is an IPv4 address within IPv6: write it as IPv4.",
        ),
        (
            "[64:ff9b::a00:1]:80",
            "'64:ff9b::a00:1' is an IPv4 address within IPv6: write it as IPv4.",
        ),
    ],
)
def test_an_entry_that_says_too_much(entry: str, said: str) -> None:
    with pytest.raises(ValueError, match="'") as refused:
        parse_allowed([entry])
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("method", "headers", "timeout", "said"),
    [
        ("POST", {"X-A": "b", "Authorization": "Bearer \tx"}, 10, ""),
        ("GET", {"X-A": ""}, 300, ""),
        (
            "get",
            {},
            1,
            "The method is one of DELETE, GET, HEAD, PATCH, POST, PROPFIND, PUT, REPORT.",
        ),
        (
            "CONNECT",
            {},
            1,
            "The method is one of DELETE, GET, HEAD, PATCH, POST, PROPFIND, PUT, REPORT.",
        ),
        (
            "GET\r\n",
            {},
            1,
            "The method is one of DELETE, GET, HEAD, PATCH, POST, PROPFIND, PUT, REPORT.",
        ),
        ("GET", {}, 0, "The time is more than 0 and at most 300 seconds."),
        ("GET", {}, -1, "The time is more than 0 and at most 300 seconds."),
        ("GET", {}, 301, "The time is more than 0 and at most 300 seconds."),
        ("GET", {}, float("inf"), "The time is more than 0 and at most 300 seconds."),
        ("GET", {}, float("nan"), "The time is more than 0 and at most 300 seconds."),
        ("GET", {"": "b"}, 1, "A header has a name that is none."),
        ("GET", {"X A": "b"}, 1, "A header has a name that is none."),
        ("GET", {"X-A:": "b"}, 1, "A header has a name that is none."),
        ("GET", {"X-A\r\nX-B": "b"}, 1, "A header has a name that is none."),
        ("GET", {"X-A\n": "b"}, 1, "A header has a name that is none."),
        ("GET", {"Host": "b"}, 1, "The header Host is not given by who calls."),
        (
            "GET",
            {"transfer-ENCODING": "chunked"},
            1,
            "The header transfer-ENCODING is not given by who calls.",
        ),
        *(
            (
                "GET",
                {"X-A": value},
                1,
                "The header X-A is not one line of at most 8192 ASCII signs.",
            )
            for value in ("a\r\nb", "a\nb", "a\r", "b\n", "\0", "é", "\x7f", "a" * 8193)
        ),
    ],
)
def test_what_is_wrong_with_a_request(method, headers, timeout, said) -> None:
    assert fault(method, headers, timeout) == said
