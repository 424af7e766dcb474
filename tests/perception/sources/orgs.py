"""What a Salesforce org holds, for tests: queried, and written into, as the reference says."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

APP = {"client_id": "3MVG9", "client_secret": "shown-to-nobody"}
ENDED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
USED_UP = [
    {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
]
SOQL = re.compile(
    r"SELECT (?P<fields>[\w., ]+) FROM (?P<noun>\w+) WHERE SystemModstamp >= (?P<since>\S+)"
    r" ORDER BY SystemModstamp, Id"
)


class Org:
    """What an org holds, queried as the reference says; sessions end when told to."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, datetime, dict[str, Any]]] = []
        self.logins: list[dict[str, str]] = []
        self.session = ""
        self.lives = True
        self.refusal: tuple[int, Any] | None = None
        self.places: dict[str, list[dict[str, Any]]] = {}
        self.url = ""

    def add(self, noun: str, at: datetime, **said: Any) -> str:
        id_ = f"006{len(self.rows):015d}"
        stamp = at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        attributes = {
            "type": noun,
            "url": f"/services/data/v63.0/sobjects/{noun}/{id_}",
        }
        row = {"attributes": attributes, "Id": id_, "SystemModstamp": stamp, **said}
        self.rows.append((noun, at, row))
        return id_

    def act(self, name: str, path: str, given: Any, headers: Mapping[str, str]) -> Any:
        if name == "token":
            return self._log_in(given)
        if headers.get("Authorization") != f"Bearer {self.session}" or not self.lives:
            return 401, ENDED
        if self.refusal:
            return self.refusal
        if name == "query":
            return self._answer(self._found(given["q"]), headers)
        rows = self.places.pop(path, None)
        if rows is None:
            gone = {
                "message": "invalid query locator",
                "errorCode": "INVALID_QUERY_LOCATOR",
            }
            return 400, [gone]
        return self._answer(rows, headers)

    def _log_in(self, given: dict[str, str]) -> Any:
        self.logins.append(given)
        if given.get("client_secret", APP["client_secret"]) != APP["client_secret"]:
            return 400, {
                "error": "invalid_client",
                "error_description": "invalid client credentials",
            }
        self.session = f"00Dx!session-{len(self.logins)}"
        return 200, {
            "access_token": self.session,
            "instance_url": self.url,
            "token_type": "Bearer",
            "issued_at": "1278448384422",
        }

    def _found(self, soql: str) -> list[dict[str, Any]]:
        asked = SOQL.fullmatch(soql)
        assert asked is not None, soql
        since = datetime.fromisoformat(asked["since"])
        rows = [
            row for noun, at, row in self.rows if noun == asked["noun"] and at >= since
        ]
        return sorted(rows, key=lambda row: (row["SystemModstamp"], row["Id"]))

    def _answer(self, rows: list[dict[str, Any]], headers: Mapping[str, str]) -> Any:
        size = int(headers["Sforce-Query-Options"].removeprefix("batchSize="))
        assert size >= 200
        said: dict[str, Any] = {"totalSize": len(rows), "records": rows[:size]}
        said["done"] = len(rows) <= size
        if not said["done"]:
            place = f"/services/data/v63.0/query/01gD0000002HU6KIAW-{len(self.places)}0"
            self.places[place] = rows[size:]
            said["nextRecordsUrl"] = place
        return 200, said


WHERE = re.compile(
    r"SELECT (?P<fields>[\w., ]+) FROM (?P<noun>\w+) WHERE (?P<where>.+?)"
    r"(?: ORDER BY (?P<order>[\w, ]+?))?(?: LIMIT (?P<limit>\d+))?"
)
TERM = re.compile(r"(\w+) (=|>|>=) (?:'((?:[^'\\]|\\.)*)'|(\S+))")
# Long texts are no conditions.
FILTERED = {"Id", "WhatId", "CreatedDate", "Key__c", "Ours__c"}


class ActingOrg(Org):
    """An org whose tasks are made and thrown away, and whose records are changed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.products = False

    def record(self, noun: str, **said: Any) -> dict[str, Any]:
        """A record as it stands, for people and for the API alike."""
        id_ = f"00T{len(self.rows):012d}AAA"
        stamp = self._stamp()
        attributes = {
            "type": noun,
            "url": f"/services/data/v63.0/sobjects/{noun}/{id_}",
        }
        row = {"attributes": attributes, "Id": id_, "CreatedDate": stamp}
        row |= {"LastModifiedDate": stamp, **said}
        self.rows.append((noun, self.now, row))
        return row

    def of(self, noun: str) -> list[dict[str, Any]]:
        return [row for each, _, row in self.rows if each == noun]

    def change(self, row: dict[str, Any], **said: Any) -> None:
        """What anybody does to a record."""
        row.update(said, LastModifiedDate=self._stamp())

    def _stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    def act(self, name: str, path: str, given: Any, headers: Mapping[str, str]) -> Any:
        if name in ("token", "query", "next"):
            return super().act(name, path, given, headers)
        if headers.get("Authorization") != f"Bearer {self.session}" or not self.lives:
            return 401, ENDED
        if self.refusal:
            return self.refusal
        return getattr(self, f"_{name}")(path.split("/")[5:], given, headers)

    def _found(self, soql: str) -> list[dict[str, Any]]:
        asked = WHERE.fullmatch(soql)
        assert asked is not None, soql
        if SOQL.fullmatch(soql):
            return super()._found(soql)
        rows = self.of(asked["noun"])
        for term in asked["where"].split(" AND "):
            part = TERM.fullmatch(term)
            assert part is not None, term
            name, sign, quoted, bare = part.groups()
            assert name in FILTERED, f"{name} can not be filtered in a query call"
            rows = [row for row in rows if _fits(row.get(name), sign, quoted, bare)]
        rows.sort(key=lambda row: row["Id"])
        fields = [each.strip() for each in asked["fields"].split(",")]
        shown = [
            {
                "attributes": row["attributes"],
                **{f.partition(".")[0]: row.get(f.partition(".")[0]) for f in fields},
            }
            for row in rows
        ]
        return shown[: int(asked["limit"] or 2000)]

    def _create(self, path: list[str], given: Any, _: Mapping[str, str]) -> Any:
        row = self.record("Task", **{**TASK, **given})
        return 201, {"id": row["Id"], "errors": [], "success": True}

    def _upsert(self, path: list[str], given: Any, _: Mapping[str, str]) -> Any:
        _sobject, field, key = path
        rows = [row for row in self.of("Task") if row.get(field) == key]
        if len(rows) > 1:
            return 300, [row["attributes"]["url"] for row in rows]
        if rows:
            self.change(rows[0], **given)
        row = rows[0] if rows else self.record("Task", **{**TASK, field: key, **given})
        said = {"id": row["Id"], "errors": [], "success": True}
        return (200 if rows else 201), {**said, "created": not rows}

    def _delete(self, path: list[str], given: Any, _: Mapping[str, str]) -> Any:
        left = [each for each in self.rows if each[2]["Id"] != path[1]]
        if len(left) == len(self.rows):
            gone = {"errorCode": "ENTITY_IS_DELETED", "message": "entity is deleted"}
            return 404, [gone]
        self.rows = left
        return 204, None

    def _get(self, path: list[str], given: Any, _: Mapping[str, str]) -> Any:
        row = self._at(path)
        if row is None:
            return 404, MISSING
        fields = given["fields"].split(",")
        if unknown := [each for each in fields if each not in row]:
            said = f"No such column {unknown[0]!r} on sobject of type {path[0]}"
            return 400, [{"errorCode": "INVALID_FIELD", "message": said}]
        found = {each: row[each] for each in fields}
        return 200, {"attributes": row["attributes"], "Id": row["Id"], **found}

    def _update(self, path: list[str], given: Any, headers: Mapping[str, str]) -> Any:
        row = self._at(path)
        if row is None:
            return 404, MISSING
        since = parsedate_to_datetime(headers["If-Unmodified-Since"])
        if datetime.fromisoformat(row["LastModifiedDate"]) > since:
            return 412, None
        # A stage sets what belongs to it, where the request says nothing else of that.
        along = STAGES.get(given.get("StageName", ""), {})
        self.change(row, **{**along, **given})
        return 204, None

    def _at(self, path: list[str]) -> dict[str, Any] | None:
        return next((row for row in self.of(path[0]) if row["Id"] == path[1]), None)


TASK = {
    "Status": "Not Started", "Priority": "Normal", "OwnerId": "005000000000001AAA",
    "WhoId": None, "ActivityDate": None,
}  # fmt: skip
MISSING = [
    {"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}
]
STAGES = {
    "Negotiation/Review": {"Probability": 90.0, "ForecastCategoryName": "Commit"},
    "Prospecting": {"Probability": 10.0, "ForecastCategoryName": "Pipeline"},
    "Closed Won": {"Probability": 100.0, "ForecastCategoryName": "Closed"},
}


def _fits(held: Any, sign: str, quoted: str | None, bare: str | None) -> bool:
    if bare is not None:
        return datetime.fromisoformat(held) >= datetime.fromisoformat(bare)
    told = re.sub(r"\\(.)", r"\1", quoted or "")
    return held == told if sign == "=" else str(held) > told
