"""What may leave, and where to: public machines, those on the list, plain requests."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
# A last label of this form makes the whole an address in another spelling.
NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
ENTRY = re.compile(
    r"(?:\[(?P<v6>[0-9a-f.]*:[0-9a-f:.]*)\]|(?P<host>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?"
)
FORMS = "host, host:port, address:port, [v6]:port, or a network such as 10.0.0.0/8"
MAX_NAME = 253

# The only part of IPv6 from which single machines get public addresses.
UNICAST = IPv6Network("2000::/3")
MAPPED = IPv6Network("::ffff:0:0/96")
# Through a translator these reach the IPv4 address in their last 32 bits.
NAT64 = IPv6Network("64:ff9b::/96")
# For protocols, documents and tunnels (Teredo, 6to4), whatever the library thinks.
SPECIAL: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
)

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PROPFIND", "PUT", "REPORT")
LONGEST = 300.0
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
HEADER_VALUE = re.compile(r"[\t -~]{0,8192}")
# These say where a request ends and how it may be answered: not for callers to give.
FRAMING = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """The list, read: names and networks, each with its port; None is every port."""

    names: frozenset[tuple[str, int | None]]
    networks: tuple[tuple[Network, int | None], ...]


def parse_allowed(entries: Iterable[str]) -> Allowed:
    """Read the list; a ValueError says in a sentence which entry is wrong."""
    names: set[tuple[str, int | None]] = set()
    networks: list[tuple[Network, int | None]] = []
    for entry in entries:
        host, port = _parts(entry)
        network = _network(host)
        if network is not None:
            networks.append((network, port))
        elif not _is_name(host):
            raise ValueError(f"{entry!r} is no entry of the list: write {FORMS}.")
        else:
            names.add((host, port))
    return Allowed(names=frozenset(names), networks=tuple(networks))


def may_reach(host: str, port: int, addresses: Sequence[str], allowed: Allowed) -> bool:
    """Whether every address that the host has is public, or on the list."""
    return bool(addresses) and all(
        _is_public(_bare(each)) or _on_list(host, port, _bare(each), allowed)
        for each in addresses
    )


def is_listed(host: str, port: int, addresses: Sequence[str], allowed: Allowed) -> bool:
    """Whether every address that the host has is there because of the list."""
    return bool(addresses) and all(
        _on_list(host, port, _bare(each), allowed) for each in addresses
    )


def fault(method: str, headers: Mapping[str, str], timeout: float) -> str:
    """What is wrong with a request, in a sentence; nothing where it may be sent."""
    if method not in METHODS:
        return f"The method is one of {', '.join(METHODS)}."
    if not 0 < timeout <= LONGEST:
        return f"The time is more than 0 and at most {LONGEST:g} seconds."
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            return "A header has a name that is none."
        if name.lower() in FRAMING:
            return f"The header {name} is not given by who calls."
        if not HEADER_VALUE.fullmatch(value):
            return f"The header {name} is not one line of at most 8192 ASCII signs."
    return ""


def _on_list(host: str, port: int, address: Address, allowed: Allowed) -> bool:
    """A name stands for private addresses too; never for those that name no machine."""
    if any(
        address in network and only in (None, port)
        for network, only in allowed.networks
    ):
        return True
    name = host.lower().rstrip(".")
    named = (name, None) in allowed.names or (name, port) in allowed.names
    return named and _is_a_machine(address)


def _is_public(address: Address) -> bool:
    if any(address in network for network in SPECIAL) or address.is_multicast:
        return False
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return address.is_global


def _is_a_machine(address: Address) -> bool:
    """Not the link's own (metadata of clouds is there), nor a group, nor nothing."""
    return not (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (address.is_reserved and not address.is_loopback)
    )


def _bare(text: str) -> Address:
    """The address that is really reached: the IPv4 one within, where there is one."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and (address in MAPPED or address in NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _parts(entry: str) -> tuple[str, int | None]:
    """Host or network, and port."""
    text = entry.strip().lower()
    if _network(text) is not None:
        return text, None
    found = ENTRY.fullmatch(text)
    if found is None:
        raise ValueError(f"{entry!r} is no entry of the list: write {FORMS}.")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"{entry!r} has no port from 1 to 65535.")
    if "/" in (found["host"] or "") and port is not None:
        raise ValueError(f"{entry!r} is a network: it holds for every port, name none.")
    return found["v6"] or found["host"].rstrip("."), port


def _network(text: str) -> Network | None:
    """An address counts as a network of one."""
    try:
        found = ip_network(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Network) and (
        found.subnet_of(MAPPED) or found.subnet_of(NAT64)
    ):
        raise ValueError(f"{text!r} is an IPv4 address within IPv6: write it as IPv4.")
    return found


def _is_name(host: str) -> bool:
    return (
        len(host) <= MAX_NAME
        and NAME.fullmatch(host) is not None
        and NUMBER.fullmatch(host) is None
    )
