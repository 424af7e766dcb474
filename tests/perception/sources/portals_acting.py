"""A HubSpot account that is written into, for tests: as the reference says, and no more."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.perception.sources.portals import Portal

DEAL = ("dealstage", "amount", "closedate", "hs_manual_forecast_category")
MISSING = {
    "status": "error",
    "message": "resource not found",
    "category": "OBJECT_NOT_FOUND",
}
TAKEN = {
    "status": "error",
    "message": "That value is taken.",
    "category": "VALIDATION_ERROR",
}
ENDS = ("closedwon", "closedlost")
HANGING = {190: "companies", 192: "companies", 214: "deals", 216: "deals"}


class ActingPortal(Portal):
    """Notes and tasks are made and archived; deals and companies are changed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.rows["tasks"] = []
        self.hangs: dict[str, set[tuple[str, str]]] = {}
        # Properties of notes and tasks whose values are unique.
        self.unique: set[str] = set()
        # So many associations are told at once.
        self.page = 500

    def deal(self, company: str = "", **said: Any) -> dict[str, Any]:
        id_ = self.add("deals", self.now, company, **{**dict.fromkeys(DEAL), **said})
        return self.at("deals", id_)

    def at(self, noun: str, id_: str) -> dict[str, Any]:
        return next(row for row in self.rows[noun] if row["id"] == id_)

    def note(
        self, where: str, id_: str, noun: str = "notes", **said: Any
    ) -> dict[str, Any]:
        """What a person puts there."""
        made = self.add(noun, self.now, **said)
        self.hangs[made] = {(where, id_)}
        return self.at(noun, made)

    def act(self, name: str, path: str, given: Any, headers: Mapping[str, str]) -> Any:
        if name in ("search", "associations", "read"):
            return super().act(name, path, given, headers)
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"status": "error", "message": "Authentication not found."}
        if self.refusal:
            return self.refusal
        return getattr(self, f"_{name}")(_parts(path), given)

    def _search(self, rows: list[dict[str, Any]], given: Any) -> Any:
        (filter_,) = given["filterGroups"][0]["filters"]
        if filter_["operator"] != "EQ":
            return super()._search(rows, given)
        name, value = filter_["propertyName"], filter_["value"]
        found = [row for row in rows if row["properties"].get(name) == value]
        return 200, {"total": len(found), "results": found[: given["limit"]]}

    def _create(self, path: list[str], given: Any) -> Any:
        (noun,), said = path, given["properties"]
        for name in self.unique & set(said):
            if any(
                row["properties"].get(name) == said[name] for row in self.rows[noun]
            ):
                return 400, TAKEN
        id_ = self.add(noun, self.now, **said)
        self.hangs[id_] = {
            (HANGING[kind["associationTypeId"]], each["to"]["id"])
            for each in given.get("associations", ())
            for kind in each["types"]
        }
        return 201, self.at(noun, id_)

    def _get(self, path: list[str], given: Any) -> Any:
        row = self._one(path, given.get("idProperty"))
        if row is None:
            return 404, MISSING
        return 200, _shown(row, given.get("properties", "").split(","))

    def _update(self, path: list[str], given: Any) -> Any:
        row = self._one(path, None)
        if row is None:
            return 404, MISSING
        said = given["properties"]
        if said.get("dealstage") in ENDS:
            # As HubSpot does, where nobody has switched it off.
            row["properties"]["closedate"] = "2026-11-20T12:00:00Z"
        for name, value in said.items():
            row["properties"][name] = value or None
        return 200, row

    def _archive(self, path: list[str], given: Any) -> Any:
        # What is archived already is archived: it says so again.
        noun, id_ = path
        self.rows[noun] = [row for row in self.rows[noun] if row["id"] != id_]
        return 204, None

    def _hanging(self, path: list[str], given: Any) -> Any:
        where, noun = path[:2]
        (asked,) = given["inputs"]
        ids = [
            row["id"]
            for row in self.rows[noun]
            if (where, asked["id"]) in self.hangs.get(row["id"], ())
        ]
        start = int(asked.get("after", 0))
        page = ids[start : start + self.page]
        types = [{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": None}]
        to = [{"toObjectId": int(each), "associationTypes": types} for each in page]
        result: dict[str, Any] = {"from": {"id": asked["id"]}, "to": to}
        if start + self.page < len(ids):
            result["paging"] = {"next": {"after": str(start + self.page)}}
        return 200, {"status": "COMPLETE", "results": [result] if ids else []}

    def _several(self, path: list[str], given: Any) -> Any:
        ids = [each["id"] for each in given["inputs"]]
        rows = [row for row in self.rows[path[0]] if row["id"] in ids]
        shown = [_shown(row, given["properties"]) for row in rows]
        return 200, {"status": "COMPLETE", "results": shown}

    def _one(self, path: list[str], by: str | None) -> dict[str, Any] | None:
        noun, key = path
        return next(
            (
                row
                for row in self.rows[noun]
                if (row["properties"].get(by) if by else row["id"]) == key
            ),
            None,
        )


def _shown(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Only what is asked for; what is not defined is left out."""
    said = row["properties"]
    return {**row, "properties": {name: said[name] for name in names if name in said}}


def _parts(path: str) -> list[str]:
    """What a path names: /crm/v3/objects/notes/1, or /crm/v4/associations/deals/notes."""
    return [each for each in path.split("/")[4:] if each not in ("batch", "read")]
