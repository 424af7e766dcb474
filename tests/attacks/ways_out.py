"""Every way out of the house, each told to go where somebody else chose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from autonomy.opa import OpaPolicy
from autonomy.rules.catalogue import CORE
from autonomy.synthesizers.base import Asked
from autonomy.synthesizers.http import Http as Service
from autonomy.tools import outside
from autonomy.tools.base import ABSENT, Job, Someone
from autonomy.tools.hands import HANDS
from autonomy.tools.http import Http as Integrator
from perception.connectors import new_secret
from perception.egress import send
from perception.errors import EgressMalformed
from perception.outlets.registry import OUTLETS
from perception.sources.registry import SOURCES
from tests.autonomy.rules.test_approvals import facts
from tests.perception.sources.servers import NOW, SECRET, about, asked, wire

SECONDS = 5.0
# What each kind needs besides an address.
BESIDE: Mapping[str, Mapping[str, Any]] = {
    "calendar": {"user": "reader"},
    "feed": {"account": "a1"},
    "mailbox": {"user": "reader"},
    "smtp": {"from": "us@own.example", "user": "us"},
    "tryton": {"database": "d"},
    "warehouse": {"database": "d", "user": "u", "query": "SELECT 1 AS account"},
}
APP = orjson.dumps({"client_id": "a", "client_secret": "b"}).decode()
SECRETS = {"salesforce": APP, "outbound": new_secret(), "smtp": "s3cret"}
WORDS = {"field": "x", "value": "y", "title": "z", "text": "Words."}
# Files lie on this machine.
AT_HOME = ("files",)
HOSTS = ("mailbox", "smtp", "warehouse")
# Which kind of connector a tool goes through, where it is not named as the kind.
THROUGH = {
    "webhook": "outbound",
    "mail.draft": "mailbox",
    "mail.send": "smtp",
    "crm": "hubspot",
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way out. `by_url`: it is told a URL; else a host and a port."""

    name: str
    go: Callable[[str, str, int], Any]
    by_url: bool = True
    # It connects by a library of C, which no stand-in of ours sees.
    in_c: bool = False


def every_way() -> list[Way]:
    """All there are, from the lists that they are found by."""
    return [*_sources(), *_outlets(), *_hands(), *_others()]


def _config(kind: str, url: str, host: str, port: int) -> dict[str, Any]:
    beside = dict(BESIDE.get(kind, {}))
    if kind in HOSTS:
        plain = "none" if kind == "smtp" else False
        return {"host": host, "port": port, "tls": plain, **beside}
    if kind == "lookup":
        return {"url": f"{url}?of={{account}}", **beside}
    return beside if kind == "chat" else {"url": url, **beside}


def _secret(kind: str, url: str) -> str:
    return url if kind == "chat" else SECRETS.get(kind, SECRET)


def _sources() -> list[Way]:
    def way(kind: str) -> Way:
        def go(url: str, host: str, port: int) -> Any:
            source = SOURCES[kind]
            config, secret = _config(kind, url, host, port), _secret(kind, url)
            given = asked(config, secret=secret, **about(source))
            return source.pull(given, wire(timeout=SECONDS))

        return Way(
            name=f"source {kind}",
            go=go,
            by_url=kind not in HOSTS,
            in_c=kind == "warehouse",
        )

    return [way(kind) for kind in SOURCES if kind not in AT_HOME]


def _outlets() -> list[Way]:
    def way(kind: str) -> Way:
        def go(url: str, host: str, port: int) -> Any:
            config, secret = _config(kind, url, host, port), _secret(kind, url)
            return OUTLETS[kind].greet(config, secret, wire(timeout=SECONDS))

        return Way(name=f"outlet {kind}", go=go, by_url=kind not in HOSTS)

    return [way(kind) for kind in OUTLETS]


def _job(kind: str, url: str, host: str, port: int, **more: Any) -> Job:
    held: dict[str, Any] = {
        "key": "0198aaaa-0000-7000-8000-000000000007", "at": NOW, "attempt": 1,
        "config": _config(kind, url, host, port), "secret": _secret(kind, url),
        "ids": {}, "kind": kind, "account": {"external_id": "1", "name": "Acme"},
        "opportunity": "1", "contact": Someone(name="Ann", email="ann@acme.example"),
        "seller": Someone(name="Sue", email="sue@own.example"), **more,
    }  # fmt: skip
    return Job(**held)


def _hands() -> list[Way]:
    def way(key: str) -> Way:
        hand = HANDS[key]
        type_ = next((each for each in CORE.values() if each.traits.tool == key), None)
        kind = THROUGH.get(hand.acts_as, hand.acts_as)

        def go(url: str, host: str, port: int) -> Any:
            job = _job(
                kind, url, host, port,
                action_type=type_.key if type_ else key,
                parameters=dict(type_.example) if type_ else dict(WORDS),
            )  # fmt: skip
            line = outside.wire_for(job, SECONDS)
            seen = outside.see(hand, job, line) if hand.sees else ABSENT
            return (
                seen
                if isinstance(seen, outside.Called)
                else outside.act(hand, job, line, seen)
            )

        return Way(name=f"tool {key}", go=go, by_url=kind not in HOSTS)

    return [way(key) for key in HANDS]


def _others() -> list[Way]:
    def integrator(url: str, host: str, port: int) -> Any:
        job = _job(
            "http", url, host, port,
            secret=new_secret(), action_type="x", parameters={},
        )  # fmt: skip
        return outside.act(Integrator(), job, outside.wire_for(job, SECONDS), ABSENT)

    def service(url: str, host: str, port: int) -> Any:
        nobody = UUID(int=1)
        question = Asked(
            run_id=nobody, tenant=nobody, account=nobody, context={}, evidence=[],
            allowed_action_types=[],
        )  # fmt: skip
        return Service(url).propose(question, timeout=SECONDS)

    def opa(url: str, host: str, port: int) -> Any:
        try:
            policy = OpaPolicy(url)
        except ValueError as refusal:
            raise EgressMalformed(str(refusal)) from None
        return policy(facts())

    def plain(url: str, host: str, port: int) -> Any:
        return send("GET", url, headers={}, timeout=SECONDS)

    return [
        Way(name="tool of an integrator", go=integrator),
        Way(name="synthesizer http", go=service),
        Way(name="policy server", go=opa),
        Way(name="the way out itself", go=plain),
    ]
