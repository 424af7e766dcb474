"""What a HubSpot account holds, for tests: searched as the reference says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

TOKEN = "pat-eu1-not-a-token"


class Portal:
    """What a HubSpot account holds, searched as the reference says."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.rows: dict[str, list[dict[str, Any]]] = {
            "deals": [],
            "companies": [],
            "notes": [],
        }
        self.on: dict[str, str] = {}
        self.refusal: tuple[int, Any] | None = None
        # A search ends here.
        self.most = 10_000

    def add(self, noun: str, at: datetime, company: str = "", **said: Any) -> str:
        id_ = str(1000 + sum(len(rows) for rows in self.rows.values()))
        moved = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row = {"id": id_, "createdAt": moved, "updatedAt": moved, "archived": False}
        row["properties"] = {"hs_lastmodifieddate": moved, **said}
        self.rows[noun].append(row)
        self.on[id_] = company
        return id_

    def act(self, name: str, path: str, given: Any, headers: Mapping[str, str]) -> Any:
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {
                "status": "error",
                "message": "Authentication credentials not found.",
            }
        if self.refusal:
            return self.refusal
        if name == "search":
            return self._search(self.rows[path.split("/")[4]], given)
        if name == "associations":
            return 200, {"status": "COMPLETE", "results": self._associated(given)}
        ids = {each["id"] for each in given["inputs"]}
        rows = [row for row in self.rows["companies"] if row["id"] in ids]
        return 200, {"status": "COMPLETE", "results": rows}

    def _search(self, rows: list[dict[str, Any]], given: Any) -> Any:
        (filter_,) = given["filterGroups"][0]["filters"]
        since = datetime.fromtimestamp(int(filter_["value"]) / 1000, UTC)
        found = [row for row in rows if _moved(row) >= since]
        found.sort(key=_moved)
        start = int(given.get("after", 0))
        if start + given["limit"] > self.most:
            return 400, {"status": "error", "message": "More than 10,000 results."}
        page = found[start : start + given["limit"]]
        said: dict[str, Any] = {"total": len(found), "results": page}
        if start + len(page) < len(found):
            said["paging"] = {"next": {"after": str(start + len(page)), "link": "?"}}
        return 200, said

    def _associated(self, given: Any) -> list[Any]:
        def to(id_: str, kind: int) -> dict[str, Any]:
            types = [{"category": "HUBSPOT_DEFINED", "typeId": kind, "label": None}]
            return {"toObjectId": id_, "associationTypes": types}

        return [
            {
                "from": {"id": each["id"]},
                "to": [to("7", 341), to(self.on[each["id"]], 5)],
            }
            for each in given["inputs"]
            if self.on[each["id"]]
        ]


def _moved(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["properties"]["hs_lastmodifieddate"])
