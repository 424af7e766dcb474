"""How HubSpot is spoken to: search by time, associations in batches, and its limits."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from perception.egress import Answer
from perception.sources.base import Asked, SourceFailed, SourceRefuses, Wire
from perception.sources.crm import later, needed, refuses, rows_in, spoken
from perception.sources.reading import NAME, line, place
from perception.sources.web import fetch, parsed

WHO = "HubSpot"
PAGE = 100
CHANGED = "hs_lastmodifieddate"
# The association of a deal with its primary company.
PRIMARY = 5
# What each policy of limits has as its window, where no Retry-After says it.
WINDOWS = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0, "DAILY": 3600.0}
# What says in words, or by a time to come back, that nothing was done.
REFUSALS = (400, 401, 403, 404, 409, 423, 429, 477)
# Locks last two seconds.
LOCKED = 2.0
Row = Mapping[str, Any]


class Portal:
    """HubSpot, asked with a private app's token."""

    def __init__(self, config: Mapping[str, Any], asked: Asked, wire: Wire) -> None:
        self.config, self.wire, self.now = config, wire, asked.now
        self.root = config["url"].rstrip("/")
        self._shown = {
            "Authorization": f"Bearer {needed(asked.secret, WHO)}",
            "Content-Type": "application/json",
        }
        wire.hide(asked.secret)

    def changed(
        self, noun: str, properties: Sequence[str], since: datetime, after: str
    ) -> tuple[list[Row], str]:
        """What changed, oldest first, and where to go on.

        A search ends at ten thousand, so a page begins at the time the one before ended
        at; within one time, it goes on by HubSpot's `after`.
        """
        place_, _, onward = after.partition("/")
        from_ = place_ or str(_milliseconds(since))
        filter_ = {"propertyName": CHANGED, "operator": "GTE", "value": from_}
        asked = {
            "filterGroups": [{"filters": [filter_]}],
            "sorts": [{"propertyName": CHANGED, "direction": "ASCENDING"}],
            "properties": [each for each in properties if each],
            "limit": PAGE,
            **({"after": onward} if onward else {}),
        }
        said = self.post(f"crm/v3/objects/{noun}/search", asked)
        rows: list[Row] = [*rows_in(said, "results", WHO)]
        if not all(
            row.get("id") and isinstance(row.get("properties"), dict) for row in rows
        ):
            raise SourceFailed(f"{WHO} answered with something else than objects.")
        more = line(place(said, "paging.next.after"))
        if not rows or not more:
            return rows, ""
        last = str(_milliseconds(moved(rows[-1])))
        return rows, f"{from_}/{more}" if last == from_ else f"{last}/"

    def companies_of(self, noun: str, rows: Sequence[Row]) -> dict[str, str]:
        """The account of each row: its first company, the primary one where one is."""
        if not rows:
            return {}
        inputs = {"inputs": [{"id": str(row["id"])} for row in rows]}
        said = self.post(f"crm/v4/associations/{noun}/companies/batch/read", inputs)
        found = {
            line(place(row, "from.id")): _primary(row.get("to"))
            for row in rows_in(said, "results", WHO)
        }
        names = self._names(sorted({id_ for id_ in found.values() if id_}))
        return {row: names.get(id_, "") for row, id_ in found.items()}

    def _names(self, ids: Sequence[str]) -> dict[str, str]:
        """The external ids of companies."""
        own = self.config["account"]
        if not own or not ids:
            return {id_: id_ for id_ in ids}
        inputs = {"properties": [own], "inputs": [{"id": id_} for id_ in ids]}
        said = self.post("crm/v3/objects/companies/batch/read", inputs)
        rows = rows_in(said, "results", WHO)
        return {line(row.get("id")): self.named(row) for row in rows}

    def named(self, company: Row) -> str:
        """The external id of the account that a company is."""
        own = self.config["account"]
        return line(place(company, f"properties.{own}" if own else "id"), NAME)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """A question: HubSpot takes them as POST."""
        return self.ask("POST", path, body)[1]

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        fine: Sequence[int] = (200, 207),
    ) -> tuple[int, Any]:
        """One request: the status that is fine, and the JSON that came, if any."""
        url = f"{self.root}/{path}"
        answer = fetch(
            self.wire,
            method,
            url,
            now=self.now,
            headers=self._shown,
            body=None if body is None else orjson.dumps(body),
            fine=(*fine, *REFUSALS),
        )
        if answer.status not in fine:
            raise _refusal(answer, self.now)
        return answer.status, parsed(answer, url) if answer.body else None


def _refusal(answer: Answer, now: datetime) -> SourceFailed:
    """What it says against it; its status counts, whatever form the words have."""
    said, status = spoken(answer), answer.status
    message = line(place(said, "message"))
    words = {
        401: f"{WHO} does not accept the secret.",
        403: f"{WHO} does not let the app do this: {message}",
        404: f"{WHO} has no such thing: {message}",
    }
    if status in (423, 477):
        until = later(answer, now=now, otherwise=LOCKED)
        busy = f"{WHO} is busy with this account."
        return SourceFailed(busy, until=until, status=status)
    if status == 429:
        policy = line(place(said, "policyName"), 50) or "of its own"
        until = later(answer, now=now, otherwise=WINDOWS.get(policy, 10.0))
        limit = f"{WHO} is at its limit {policy}."
        return SourceFailed(limit, until=until, status=status)
    if status in words:
        return SourceRefuses(words[status], status=status)
    return refuses(WHO, message, status)


def _primary(to: Any) -> str:
    """The company that an object belongs to: the primary one, or the first."""
    companies = [each for each in to if isinstance(each, dict)] if to else []
    first = ""
    for each in companies:
        id_ = line(each.get("toObjectId"), NAME)
        kinds = each.get("associationTypes") or []
        if any(place(kind, "typeId") == PRIMARY for kind in kinds):
            return id_
        first = first or id_
    return first


def moment_of(written: Any) -> datetime | None:
    """A time of HubSpot's."""
    try:
        at = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def moved(row: Row) -> datetime:
    """When an object was changed."""
    at = moment_of(place(row, f"properties.{CHANGED}")) or moment_of(
        row.get("updatedAt")
    )
    if at is None:
        raise SourceFailed(f"{WHO} does not say when an object was changed.")
    return at


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
