"""How a Tryton server is spoken to: its REST interface, and values JSON has no word for."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import orjson

from perception.egress import Answer
from perception.sources.base import SourceFailed, Wire
from perception.sources.crm import needed, refuses
from perception.sources.reading import NAME, line, place
from perception.sources.web import fetch

WHO = "Tryton"
NOTES = 100
WHEN = ("create_date", "write_date")
PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")
Row = Mapping[str, Any]


class Server:
    """A server, asked with a key and in the context that the configuration names."""

    def __init__(
        self, config: Mapping[str, Any], secret: str, wire: Wire, now: datetime
    ) -> None:
        self.config, self.wire, self.now = config, wire, now
        self.root = f"{config['url'].rstrip('/')}/{config['database']}/rest/model"
        self._shown = {"Authorization": f"Bearer {needed(secret, WHO)}"}
        wire.hide(secret)

    def search(
        self,
        model: str,
        domain: list[Any],
        fields: Sequence[str],
        *,
        most: int,
        at: datetime | None = None,
    ) -> list[Row]:
        """Rows by id; with `at`, as they were then."""
        query = [
            ("d", _encoded(domain)),
            ("o", _encoded([["id", "ASC"]])),
            ("s", str(most)),
            *(("f", name) for name in fields),
        ]
        return self._rows("GET", f"{model}?{urlencode(query)}", at=at)

    def notes(self, domain: list[Any]) -> list[Row]:
        """Notes on the objects that the domain names: more than a URL could hold."""
        body = {
            "domain": domain,
            "order": [["id", "ASC"]],
            "limit": NOTES,
            "fields_names": ["resource", "message", *WHEN],
        }
        return self._rows("POST", "ir.note/search_read", body=orjson.dumps(body))

    def make(self, model: str, values: Mapping[str, Any]) -> None:
        """Create one row."""
        self._ask("POST", model, body=_bytes(values))

    def change(self, model: str, id_: int, values: Mapping[str, Any]) -> None:
        """Write into one row. Nothing can be asked to hold meanwhile."""
        self._ask("PUT", f"{model}/{id_}", body=_bytes(values))

    def press(self, model: str, id_: int, button: str) -> None:
        """Press a button of one row, where its state and the user's rights allow it."""
        self._ask("POST", f"{model}/{id_}/{button}", body=b"{}")

    def remove(self, model: str, id_: int) -> None:
        """Delete one row; it is fine where it is gone."""
        self._ask("DELETE", f"{model}/{id_}", fine=(200, 204, 400, 404))

    def types(self, model: str, fields: Sequence[str]) -> dict[str, str]:
        """The types of those fields that there are."""
        body = _bytes({"fields_names": list(fields)})
        found = _json(self._ask("POST", f"{model}/fields_get", body=body))
        if not isinstance(found, dict):
            raise SourceFailed(f"{WHO} did not tell its fields.")
        return {name: line(place(found, f"{name}.type")) for name in found}

    def has(self, model: str) -> bool:
        """Whether a module brings this model."""
        return bool(self.search("ir.model", [["name", "=", model]], ["name"], most=1))

    def account(self, row: Row, path: str) -> str:
        """The external id of the account that a party is."""
        return line(place(row, path + self.config["account"]), NAME)

    def _rows(
        self,
        method: str,
        path: str,
        *,
        at: datetime | None = None,
        body: bytes | None = None,
    ) -> list[Row]:
        return _read(self._ask(method, path, at=at, body=body))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        at: datetime | None = None,
        body: bytes | None = None,
        fine: Sequence[int] = (200, 204, 400),
    ) -> Answer:
        headers = {**self._shown, "Content-Type": "application/json"}
        context: dict[str, Any] = {} if at is None else {"_datetime": stamp(at)}
        if self.config["company"]:
            context["company"] = self.config["company"]
        if context:
            headers["X-Tryton-Context"] = _encoded(context)
        answer = fetch(
            self.wire,
            method,
            f"{self.root}/{path}",
            now=self.now,
            headers=headers,
            body=body,
            fine=fine,
        )
        if answer.status == 400:
            raise refuses(WHO, _reason(answer))
        return answer


def stamp(at: datetime) -> dict[str, Any]:
    """Tryton's clock shows UTC, and does not say so."""
    at = at.astimezone(UTC)
    return {"__class__": "datetime", **{name: getattr(at, name) for name in PARTS}}


def _encoded(value: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(value)).decode()


def _bytes(values: Mapping[str, Any]) -> bytes:
    return orjson.dumps(values, default=_tagged, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _tagged(value: Any) -> dict[str, Any]:
    """What JSON has no word for, as Tryton writes it."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, date) and not isinstance(value, datetime):
        return {
            "__class__": "date",
            **{name: getattr(value, name) for name in PARTS[:3]},
        }
    raise TypeError


def _value(found: dict[str, Any]) -> Any:
    match found.pop("__class__", None):
        case "datetime":
            return datetime(**found, tzinfo=UTC)
        case "date":
            return date(**found)
        case "Decimal":
            return Decimal(found["decimal"])
        case _:
            return found


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body, object_hook=_value)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        raise SourceFailed(f"{WHO} did not answer in its own JSON.") from None


def _read(answer: Answer) -> list[Row]:
    rows = _json(answer)
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("id"), int) for row in rows
    ):
        raise SourceFailed(f"{WHO} answered with something else than rows.")
    return rows


def _reason(answer: Answer) -> str:
    """What Tryton says against it, where it says so."""
    try:
        return str(json.loads(answer.body)["message"])
    except (LookupError, RecursionError, TypeError, ValueError):
        return "the request is not as it should be."
