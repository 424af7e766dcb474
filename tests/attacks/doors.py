"""Every door of the house, tried by everybody, with ids of their own, of others, of nobody."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import product
from random import Random
from typing import Any
from uuid import UUID

from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from uuid_utils.compat import uuid7

from autonomy.views import intent_acts, questions, settling
from config.catalogue import tenant_models
from config.planting import plant_row
from ledger.models import Checkpoint, Landmark, Leaf, Pending
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from perception import tenants, tokens
from perception.models import Membership, Person
from perception.rules.roles import Role
from plans.views.words import OFFERS, STEP_OFFERS
from tests.conftest import House, new_house

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET", "HEAD")
OWN, FOREIGN, ABSENT, VERB = "own", "foreign", "absent", "verb"
API = "api/v1/"
# Whose ids a noun in a path means, where it is not the name of a model.
MEANT = {
    "autopilot": "execution", "inbox": "approval", "doubts": "execution",
    "held": "intent", "undo": "execution", "stop": "killswitch",
    "webhooks": "connector", "simulate": "simulation", "ledger": "entry",
    "action-types": "actionrow", "digest": "digest",
    "learning": "suggestion",
}  # fmt: skip
# By these what is no id is called.
KEYED = {"actionrow": "key", "tool": "key"}
# Whatever a page may be told to do; what a verb does not know is not there.
VERBS = (
    *questions.ANSWERS, *intent_acts.VERBS, *OFFERS, *STEP_OFFERS,
    settling.LOOK, settling.DONE, settling.MISSING, questions.ANY,
)  # fmt: skip
_PART = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One path of the URL conf, as it is declared."""

    pattern: str
    name: str
    view: Any

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Kind and noun of each thing that has to be put in."""
        return [
            (found["kind"] or "str", _noun(self.pattern[: found.start()]))
            for found in _PART.finditer(self.pattern)
        ]

    def filled(self, values: Sequence[str]) -> str:
        left = iter(values)
        return "/" + _PART.sub(lambda _: next(left), self.pattern)


def _noun(before: str) -> str:
    words = [each for each in before.split("/") if each and "<" not in each]
    return words[-1] if words else ""


def every_route(
    patterns: Sequence[Any] | None = None, base: str = ""
) -> Iterator[Route]:
    """All that is declared, however it is nested."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = base + _plain(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from every_route(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield Route(pattern=path, name=pattern.name or "", view=pattern.callback)


def _plain(pattern: str) -> str:
    """Paths that are written as regular expressions, as the others are written."""
    named = re.sub(r"\(\?P<(\w+)>[^()]*(?:\([^()]*\))?[^()]*\)", r"<str:\1>", pattern)
    return named.replace("^", "").replace("$", "").replace(r"\.", ".")


def drawn(seed: int | None, part: int) -> Iterator[bool]:
    """One of so many; each where there is nothing to draw with."""
    chance = Random(seed)
    while True:
        yield seed is None or chance.random() * part < 1


def api() -> list[Route]:
    return [each for each in every_route() if each.pattern.startswith(API)]


def pages() -> list[Route]:
    """Those that say whom they are for."""
    return [each for each in every_route() if hasattr(each.view, "roles")]


def others() -> list[Route]:
    """Logins, health, the control center: whatever is no page of the house's own."""
    return [
        each
        for each in every_route()
        if not each.pattern.startswith(API) and not hasattr(each.view, "roles")
    ]


@dataclass(frozen=True, kw_only=True)
class World:
    """A house with one of everything, by the names of models."""

    house: House
    rows: Mapping[str, Any]

    def known(self, kind: str, noun: str) -> str:
        """The id or key of what is there; nothing where a key is everybody's."""
        name = MEANT.get(noun, _singular(noun))
        if kind == "uuid":
            row = self.rows[name]
            return str(getattr(row, "id", row.pk))
        if kind == "path":
            return str(self.rows[noun].pk) if noun in self.rows else ""
        return str(getattr(self.rows[name], KEYED[name])) if name in KEYED else ""


def _singular(noun: str) -> str:
    plain = noun.replace("-", "")
    for end, one in (("ies", "y"), ("ches", "ch"), ("s", "")):
        if plain.endswith(end):
            return plain.removesuffix(end) + one
    return plain


# A tree is grown: what is planted in it nobody signed, and it would stay broken.
TREE = {Pending, Leaf, Landmark, Checkpoint}


def _planted(house: House) -> World:
    rows: dict[Any, Any] = {}
    with tenant_scope(house.tenant):
        for model in tenant_models():
            if model not in TREE:
                plant_row(model, house.tenant, rows)
    seal_tenant(house.tenant, now=datetime.now(UTC))
    with tenant_scope(house.tenant):
        rows |= {model: model.objects.first() for model in (Leaf, Checkpoint)}
    named = {str(model._meta.model_name): row for model, row in rows.items()}
    return World(house=house, rows=named)


@dataclass(kw_only=True)
class Town:
    """Two houses with one of everything, and those who stand outside."""

    mine: World
    theirs: World
    # Words that a credential is shown with, by who shows it.
    strangers: Mapping[str, Mapping[str, str]]
    sessions: dict[Role, str] = field(default_factory=dict)

    @property
    def tenants(self) -> tuple[UUID, UUID]:
        return self.mine.house.tenant, self.theirs.house.tenant

    @cached_property
    def telling(self) -> list[str]:
        """Whatever names something of the other house."""
        house = self.theirs.house
        ids = {str(getattr(row, "id", row.pk)) for row in self.theirs.rows.values()}
        return [
            *(id_ for id_ in ids if len(id_) == 36),
            *(str(each.pk) for each in house.members.values()),
            str(house.tenant),
            house.slug,
        ]

    def headers(self, who: Role | str) -> dict[str, str]:
        if isinstance(who, Role):
            return {"authorization": f"Bearer {self.mine.house.tokens[who]}"}
        return dict(self.strangers[who])

    def session(self, who: Role) -> Client:
        """A browser that somebody is logged in with, and was told nothing yet."""
        if who not in self.sessions:
            client = Client()
            person = self.mine.house.members[who].person_id
            client.force_login(Person.objects.get(pk=person))
            self.sessions[who] = client.cookies[settings.SESSION_COOKIE_NAME].value
        fresh = Client(raise_request_exception=False)
        fresh.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[who]
        return fresh


@cache
def town() -> Town:
    """One for all who try; what they do stays."""
    mine, theirs = _planted(new_house()), _planted(new_house())
    given = Town(
        mine=mine, theirs=theirs, strangers=_strangers(mine.house, theirs.house)
    )
    for role in Role:
        given.session(role)
    return given


def _strangers(mine: House, theirs: House) -> dict[str, dict[str, str]]:
    now = datetime.now(UTC)
    with tenant_scope(mine.tenant):
        admin = mine.members[Role.ADMIN]
        expired = tokens.issue(admin, days=1, now=now - timedelta(days=2))
        revoked = tokens.issue(admin, days=1, now=now)
        tokens.revoke(tokens.find(revoked, now=now)[0].pk, now=now)
        # Somebody who is a member no more.
        gone = _gone(mine, now)
    secret = theirs.tokens[Role.ADMIN].split("_", 2)[2]
    forged = f"aut_{mine.tenant.hex}_{secret}"
    shown = {"expired": expired, "revoked": revoked, "gone": gone, "forged": forged}
    bearers = {who: {"authorization": f"Bearer {text}"} for who, text in shown.items()}
    return {"nobody": {}, **bearers}


def _gone(house: House, now: datetime) -> str:
    email = f"gone@{house.slug}.example"
    member = tenants.add_member(email, "Gone", Role.ADMIN, now=now)
    text = tokens.issue(member, days=30, now=now)
    Membership.objects.filter(pk=member.pk).update(is_active=False)
    return text


# --- Which ids -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Way:
    """A path that is filled: of which sort its ids are, and what else stands in it."""

    sort: str
    verb: str
    values: tuple[str, ...]


def ways(given: Town, route: Route) -> list[Way]:
    """Each mixture of own, foreign and absent ids, with each verb there is."""
    places = [_values(given, *part) for part in route.parts]
    return [
        Way(
            sort="+".join(dict.fromkeys(s for s, _ in mixture if s != VERB)) or OWN,
            verb="".join(value for sort, value in mixture if sort == VERB),
            values=tuple(value for _, value in mixture),
        )
        for mixture in product(*places)
    ]


def _values(given: Town, kind: str, noun: str) -> list[tuple[str, str]]:
    if kind == "slug":
        return [(VERB, verb) for verb in dict.fromkeys(VERBS)]
    there = [(OWN, given.mine), (FOREIGN, given.theirs)]
    found = [(sort, world.known(kind, noun)) for sort, world in there]
    nowhere = uuid7()
    alike = str(nowhere) if len(found[0][1]) == 36 else str(2**40)
    absent = {"uuid": str(nowhere), "path": alike}.get(kind, nowhere.hex[-12:])
    return [*((sort, value) for sort, value in found if value), (ABSENT, absent)]
