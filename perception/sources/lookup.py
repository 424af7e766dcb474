"""Lookup: a JSON endpoint that is asked about one account at a time."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from perception.sources import http
from perception.sources.base import Asked, Found, Reach, SourceRefuses, Wire
from perception.sources.reading import held
from perception.sources.web import URL

HERE = "{account}"
# Behind the host: which machine is asked, no account says.
ADDRESS = r"^https?://[^\s/?#{}@\\]+[/?][^#]*\{account\}"

SCHEMA: Mapping[str, Any] = {
    **http.SCHEMA,
    "title": "A JSON endpoint about one account",
    "properties": {
        **http.SCHEMA["properties"],
        "url": {
            **URL,
            "description": "What is asked by GET. Behind the host it holds {account}, where "
            "the external id of an account is put.",
            "pattern": ADDRESS,
        },
        "fields": {
            **http.SCHEMA["properties"]["fields"],
            "description": "Paths within an item, as company.id. Items that name no account "
            "belong to the one that is asked about.",
            "properties": {
                name: shown
                for name, shown in http.SCHEMA["properties"]["fields"]["properties"].items()
                if name != "email"
            },
        },
    },
}  # fmt: skip


class Lookup:
    """What an endpoint knows about an account; each item becomes a signal of it."""

    kind = "lookup"
    title = "JSON over HTTP, account by account"
    reach = Reach.ACCOUNT
    schema = SCHEMA
    secret = http.Http.secret

    def pull(self, asked: Asked, wire: Wire) -> Found:
        config = held(SCHEMA, asked.config)
        about = "" if asked.account is None else asked.account.external_id
        if not about:
            raise SourceRefuses("There is no account to ask about.")
        if about in (".", ".."):
            # In a path these mean another place.
            raise SourceRefuses(f"An account called {about!r} cannot be asked about.")
        url = config["url"].replace(HERE, quote(about, safe=""))
        return http.listed(self.kind, {**config, "url": url}, asked, wire, about=about)
