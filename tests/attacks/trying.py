"""One request after another, and what must never be after any of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.messages.storage.cookie import CookieStorage
from django.db import connection
from django.test import Client

from config.catalogue import GLOBAL_TABLES, tenant_models
from tests.attacks.doors import ABSENT, FOREIGN, SAFE, Town

# What sessions of Django and beats of others change by themselves.
# Crossings are counted, by whoever looks for a tenant.
UNWATCHED = (
    "django_session", "perception_heartbeat", "autonomy_houseboard", "ledger_systemuse",
)  # fmt: skip
# Says that no worker, beat or relay lives, as in these tests none does.
HONEST = ("/readyz",)
SHORT = 6
# Each is another with every answer or second, whatever was asked for.
_TOKEN = re.compile(
    r'name="csrfmiddlewaretoken" value="[^"]*"|[?&]next=[^"&\s]*|data-pass="[^"]*"'
)


class Watch:
    """Every row of these tenants and of the house itself, in one statement."""

    def __init__(self, superuser: Any, *tenants: UUID) -> None:
        self._cursor = superuser.cursor()
        self._tenants = [str(each) for each in tenants]
        rows = "sum(hashtextextended(t::text, 0))"
        fenced = [
            f"SELECT '{table}' || ' of ' || tenant_id, count(*), {rows} FROM {table} t "
            "WHERE tenant_id = ANY(%(tenants)s::uuid[]) GROUP BY tenant_id"
            for table in sorted(model._meta.db_table for model in tenant_models())
        ]
        shared = [
            f"SELECT '{table}', count(*), {rows} FROM {table} t"
            for table in sorted(GLOBAL_TABLES - set(UNWATCHED))
        ]
        self._statement = " UNION ALL ".join([*fenced, *shared])
        self._before = self._look()

    def _look(self) -> dict[str, Any]:
        self._cursor.execute(self._statement, {"tenants": self._tenants})
        return {table: (count, sum_) for table, count, sum_ in self._cursor.fetchall()}

    def changed(self) -> list[str]:
        """The tables that are not as they were when this was asked last."""
        before, self._before = self._before, self._look()
        names = {*before, *self._before}
        return sorted(n for n in names if before.get(n) != self._before.get(n))


@dataclass(frozen=True, kw_only=True)
class Came:
    """What came back, with nothing in it that was different in what was asked."""

    status: int
    code: str
    said: str
    asked: int


@dataclass
class Trials:
    """What was tried in a town, and what must never be."""

    given: Town
    watch: Watch
    cells: int = 0
    began: float = field(default_factory=process_time)
    # What was done, as it may be, by whom.
    done: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def send(
        self, client: Client, method: str, path: str, values: Sequence[str], **more: Any
    ) -> Came:
        """One request. Nothing of the other house is told, but what was asked for."""
        self.cells += 1
        asked = _Count()
        with connection.execute_wrapper(asked):
            answer: Any = client.generic(method, path, **more)
            body = _body(answer)
        came = Came(
            status=answer.status_code,
            code=_code(body),
            said=_without(body + _beside(answer), values),
            asked=asked.count,
        )
        what = f"{method} {path}"
        told = [each for each in self.given.telling if each in body]
        strange = [each for each in told if each not in values]
        self.expect(not strange, f"{what}: it shows {strange} of the other house")
        sound = came.status < 500 or path in HONEST
        self.expect(sound, f"{what}: {came.status}")
        return came

    def post(
        self, client: Client, path: str, values: Sequence[str], form: Mapping[str, str]
    ) -> Came:
        """A form, as browsers send it."""
        data = urlencode(form).encode()
        kind = "application/x-www-form-urlencoded"
        return self.send(client, "POST", path, values, data=data, content_type=kind)

    def settle(
        self, what: str, method: str, answers: Sequence[Came], *, refused: bool = False
    ) -> None:
        """Who is refused changes nothing, nor who only looks; nobody ever changes
        anything of the other house.
        """
        changed = self.watch.changed()
        theirs = str(self.given.theirs.house.tenant)
        touched = [table for table in changed if theirs in table]
        self.expect(not touched, f"{what}: {touched} of the other house changed")
        # When a token was used last is kept, wherever it was let in.
        used = f"perception_apitoken of {self.given.mine.house.tenant}"
        mine = [table for table in changed if table not in (used, *touched)]
        if not mine:
            return
        if method in SAFE or refused or all(each.status >= 400 for each in answers):
            self.expect(holds=False, fault=f"{what}: {mine} changed")
        else:
            self.done.append(f"{what}: {mine}")

    def expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def alike(self, what: str, answers: Mapping[str, Came]) -> None:
        """What is foreign answers like what does not exist: in every word, at any cost."""
        for sort, came in answers.items():
            like = answers.get(sort.replace(FOREIGN, ABSENT))
            if FOREIGN in sort and like is not None:
                self.expect(
                    came == like, f"{what}: {sort} is told apart: {came} {like}"
                )


class _Count:
    """How many statements were asked: what takes longer tells as much as words."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Any, *asked: Any) -> Any:
        self.count += 1
        return execute(*asked)


def _body(answer: Any) -> str:
    parts = answer.streaming_content if answer.streaming else [answer.content]
    body = b"".join(parts)
    answer.close()
    return body.decode("utf-8", "replace")


def _beside(answer: Any) -> str:
    """Where it leads to, and what is kept to be told there."""
    told = answer.cookies.get("messages")
    storage: Any = CookieStorage(answer.wsgi_request)
    kept = storage._decode(told.value) if told else ""
    return f"{answer.headers.get('Location', '')} {kept}"


def _code(body: str) -> str:
    found = re.search(r'"code":\s?"([A-Z_]+)"', body)
    return found[1] if found else ""


def _without(body: str, values: Sequence[str]) -> str:
    for value in values:
        # A number of a few digits stands for itself in a path alone.
        body = body.replace(value if len(value) > SHORT else f"/{value}/", "…")
    return _TOKEN.sub("", body)
