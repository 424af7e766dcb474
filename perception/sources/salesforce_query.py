"""How Salesforce is spoken to: a login that is renewed once, SOQL, and its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson

from perception.egress import Answer
from perception.sources.base import Asked, SourceFailed, SourceRefuses, Wire
from perception.sources.crm import later, needed, refuses, rows_in, spoken
from perception.sources.reading import line, place
from perception.sources.web import beside, fetch, parsed

WHO = "Salesforce"
FORM = "application/x-www-form-urlencoded"
# Salesforce takes no smaller one.
BATCH = 200
# The calls of a day are used up: they come back bit by bit.
USED_UP = 3600.0
BUSY = 60.0
# What says in words that nothing was done.
REFUSALS = (400, 401, 403, 404)
Row = Mapping[str, Any]


class Forgotten(SourceFailed):
    """The place in a long answer is no longer known."""


class Org:
    """An org, asked as the user that the app logs in as."""

    def __init__(self, config: Mapping[str, Any], asked: Asked, wire: Wire) -> None:
        self.config, self.wire, self.now = config, wire, asked.now
        self.secret = _secret(needed(asked.secret, WHO))
        self.root = config["url"].rstrip("/")
        wire.hide(*self.secret.values())
        self._token = ""

    def query(self, soql: str) -> tuple[list[Row], str]:
        """The first rows of a query, and where the next are."""
        path = f"/services/data/v{self.config['version']}/query?q={quote_plus(soql)}"
        return self.rows(path)

    def rows(self, path: str) -> tuple[list[Row], str]:
        """Rows at a place of the org, and where the next are."""
        said = self._get(beside(f"{self.root}/", path))
        rows: list[Row] = [*rows_in(said, "records", WHO)]
        if not all(isinstance(row.get("Id"), str) for row in rows):
            raise SourceFailed(f"{WHO} answered with something else than records.")
        onward = place(said, "nextRecordsUrl")
        if place(said, "done") is False and not isinstance(onward, str):
            raise SourceFailed(f"{WHO} does not say where the next records are.")
        return rows, onward if isinstance(onward, str) else ""

    def _get(self, url: str) -> Any:
        """An answer; where the session has ended, after one more login."""
        shown = {"Sforce-Query-Options": f"batchSize={BATCH}"}
        return parsed(self._tried("GET", url, shown), url)

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        shown: Mapping[str, str] | None = None,
        fine: Sequence[int] = (200,),
    ) -> tuple[int, Any]:
        """One request: the status that is fine, and the JSON that came, if any."""
        url = f"{self.root}/services/data/v{self.config['version']}/{path}"
        written = None if body is None else orjson.dumps(body)
        answer = self._tried(method, url, shown or {}, written, fine)
        return answer.status, parsed(answer, url) if answer.body else None

    def _tried(
        self,
        method: str,
        url: str,
        shown: Mapping[str, str],
        body: bytes | None = None,
        fine: Sequence[int] = (200,),
    ) -> Answer:
        """A session that has ended did nothing: after one more login, it is asked again."""
        if not self._token:
            self.log_in()
        answer = self._once(method, url, shown, body, fine)
        if answer.status == 401:
            self.log_in()
            answer = self._once(method, url, shown, body, fine)
        if answer.status not in fine:
            raise _refusal(answer, self.now)
        return answer

    def _once(
        self,
        method: str,
        url: str,
        shown: Mapping[str, str],
        body: bytes | None,
        fine: Sequence[int],
    ) -> Answer:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            **({} if body is None else {"Content-Type": "application/json"}),
            **shown,
        }
        return fetch(
            self.wire,
            method,
            url,
            now=self.now,
            headers=headers,
            body=body,
            fine=(*fine, *REFUSALS),
        )

    def log_in(self) -> None:
        """Begin a session."""
        url = f"{self.root}/services/oauth2/token"
        body = urlencode(self.secret).encode()
        headers = {"Content-Type": FORM, "Accept": "application/json"}
        told = len(self.wire.said)
        answer = fetch(
            self.wire,
            "POST",
            url,
            now=self.now,
            headers=headers,
            body=body,
            fine=(200, 400, 401),
        )
        # What a login is answered holds tokens: nobody is shown it.
        for number in range(told, len(self.wire.said)):
            shown = replace(self.wire.said[number], answer=f"{answer.status} …")
            self.wire.said[number] = shown
        said = parsed(answer, url)
        if answer.status != 200:
            reason = line(place(said, "error_description") or place(said, "error"))
            raise SourceRefuses(
                f"{WHO} does not accept the secret: {reason}", status=401
            )
        token, there = place(said, "access_token"), place(said, "instance_url")
        if not isinstance(token, str) or not token:
            raise SourceFailed(f"{WHO} logs in without a token.")
        self.wire.hide(token)
        if isinstance(there, str) and _host(there) != _host(self.root):
            raise SourceRefuses(
                f"The org is at {line(there, 200)}: configure this address."
            )
        self._token = token


def _secret(written: str) -> dict[str, str]:
    """What the app shows: its own credentials, or a token that renews a person's."""
    try:
        found = orjson.loads(written)
    except orjson.JSONDecodeError:
        found = None
    names = {"client_id", "client_secret", "refresh_token"}
    if (
        not isinstance(found, dict)
        or not {"client_id"} < set(found) <= names
        or not all(isinstance(value, str) and value for value in found.values())
    ):
        raise SourceRefuses(
            "The secret is JSON with client_id, and client_secret or refresh_token."
        )
    how = "refresh_token" if "refresh_token" in found else "client_credentials"
    return {"grant_type": how, **found}


def _refusal(answer: Answer, now: datetime) -> SourceFailed:
    """What it says against it; its status counts, whatever form the words have."""
    said, status = spoken(answer), answer.status
    code, message = line(place(said, "0.errorCode")), line(place(said, "0.message"))
    if code == "REQUEST_LIMIT_EXCEEDED":
        until = later(answer, now=now, otherwise=USED_UP)
        used_up = f"{WHO} has no calls left: {message}"
        return SourceFailed(used_up, until=until, status=status)
    if code in ("SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT"):
        until = later(answer, now=now, otherwise=BUSY)
        return SourceFailed(f"{WHO} is busy: {code}.", until=until, status=status)
    if code == "INVALID_QUERY_LOCATOR":
        return Forgotten(f"{WHO} no longer knows the next records.")
    if status == 401:
        ended = f"{WHO} ends every session at once: {code}."
        return SourceRefuses(ended, status=status)
    return refuses(WHO, f"{code}: {message}", status)


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def written(at: datetime) -> str:
    """A moment as SOQL has it."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def moment_of(told: Any) -> datetime | None:
    """A moment as Salesforce writes it, with +0000 for its zone."""
    try:
        at = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else None
