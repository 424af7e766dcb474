"""Hosts of a test's own, in network namespaces: two of the house, and an integrator's.

The links between them can be cut, both ways or one way, and made to lose what they
carry. No address of theirs is known outside.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from uuid import uuid4

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
HOSTS = ("near", "far", "out")
# Who is joined to whom, and by which addresses; `out` has one more, known to both.
LINKS = (
    ("near", "10.99.0.1", "far", "10.99.0.2"),
    ("near", "10.99.1.1", "out", "10.99.1.2"),
    ("far", "10.99.2.1", "out", "10.99.2.2"),
)
NEAR, FAR, OUT = "10.99.0.1", "10.99.2.1", "10.99.9.9"
DEAF = """
table inet siege {{
  chain heard {{ type filter hook input priority 0; iifname "{link}" {what} drop; }}
}}
"""
LOSES = "numgen random mod 100 < {part}"


def why_not() -> str:
    """Why there are none here; empty where they can be made."""
    for program, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(program) is None:
            return f"Debian's package {package} is not installed."
    name = f"siege-{uuid4().hex[:6]}"
    made = _said("ip", "netns", "add", name)
    if made:
        return f"Network namespaces cannot be made here: {made.splitlines()[0]}"
    shut = _said("ip", "netns", "exec", name, "nft", "add", "table", "inet", "siege")
    _said("ip", "netns", "del", name)
    return f"The kernel has no nftables: {shut.splitlines()[0]}" if shut else ""


def _said(*words: str, given: str = "") -> str:
    """What a command complained about."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, input=given
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr + "refused"


class Net:
    """Near, far and out, while it lasts."""

    def __init__(self) -> None:
        mark = uuid4().hex[:6]
        self.names = {host: f"siege-{mark}-{host}" for host in HOSTS}

    def __enter__(self) -> Self:
        for host in HOSTS:
            self._do("ip", "netns", "add", self.names[host])
            self.run(host, "ip", "link", "set", "lo", "up")
        for one, its, other, others in LINKS:
            self._do(
                "ip", "link", "add", other, "netns", self.names[one], "type", "veth",
                "peer", "name", one, "netns", self.names[other],
            )  # fmt: skip
            for host, link, address in ((one, other, its), (other, one, others)):
                self.run(host, "ip", "address", "add", f"{address}/30", "dev", link)
                self.run(host, "ip", "link", "set", link, "up")
        self.run("out", "ip", "address", "add", f"{OUT}/32", "dev", "lo")
        for host, way in (("near", "10.99.1.2"), ("far", "10.99.2.2")):
            self.run(host, "ip", "route", "add", OUT, "via", way)
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.names.values():
            _said("ip", "netns", "del", name)

    @contextmanager
    def on(self, host: str) -> Iterator[None]:
        """This thread, and all that it starts, is on that host."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.names[host]}", os.O_RDONLY)
        try:
            _enter(there)
            yield
        finally:
            _enter(before)
            os.close(before)
            os.close(there)

    def goes_down(self) -> None:
        """The cable is pulled."""
        self.run("far", "ip", "link", "set", "near", "down")

    def goes_deaf(self, *hosts: str, loses: int = 100) -> None:
        """Of what the other says, these hear nothing, or lose so many of a hundred."""
        for host in hosts:
            link = "far" if host == "near" else "near"
            what = "" if loses == 100 else LOSES.format(part=loses)
            text = DEAF.format(link=link, what=what)
            self.run(host, "nft", "-f", "-", given=text)

    def heals(self) -> None:
        for host in ("near", "far"):
            self.run(host, "nft", "flush", "ruleset")
        self.run("far", "ip", "link", "set", "near", "up")

    def run(self, host: str, *words: str, given: str = "") -> None:
        self._do("ip", "netns", "exec", self.names[host], *words, given=given)

    def _do(self, *words: str, given: str = "") -> None:
        said = _said(*words, given=given)
        assert not said, (words, said)


def _enter(namespace: int) -> None:
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
