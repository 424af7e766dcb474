"""What sources over HTTP have in common: who asks, what statuses mean, JSON of strangers."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson

from perception.egress import Answer
from perception.errors import EgressFailed, EgressRefused
from perception.sources.base import SourceBarred, SourceFailed, SourceRefuses, Wire

LONGEST_WAIT = timedelta(days=1)
REFUSED = {
    401: "does not accept the secret",
    403: "does not let this secret in",
    404: "has nothing at this address",
    405: "does not take this kind of request at this address",
    407: "asks for a proxy's secret",
    410: "has nothing at this address any more",
}

# Nobody's name or password stands in it: secrets are kept apart, and sealed.
PLAIN_URL = r"^https?://[^\s/?#@\\]+([/?#]|$)"
URL: Mapping[str, Any] = {
    "type": "string",
    "title": "Address",
    "pattern": PLAIN_URL,
    "maxLength": 2000,
}
AUTH: Mapping[str, Any] = {
    "auth": {
        "type": "string",
        "title": "How the secret is shown",
        "description": "bearer: a token; basic: the password of the user below; "
        "header: in a header of the name below.",
        "enum": ["none", "bearer", "basic", "header"],
        "default": "none",
    },
    "user": {"type": "string", "title": "User", "maxLength": 200, "default": ""},
    "header": {
        "type": "string",
        "title": "Header of the secret",
        "maxLength": 100,
        "default": "X-Api-Key",
    },
}


def identified(config: Mapping[str, Any], secret: str, wire: Wire) -> dict[str, str]:
    """The headers that show who asks."""
    how = config["auth"]
    if how == "none":
        return {}
    if not secret:
        raise SourceRefuses(f"There is no secret, and {how} needs one.")
    wire.hide(secret)
    if how == "basic":
        both = b64encode(f"{config['user']}:{secret}".encode()).decode()
        wire.hide(both)
        return {"Authorization": f"Basic {both}"}
    if how == "header":
        return {config["header"]: secret}
    return {"Authorization": f"Bearer {secret}"}


def fetch(
    wire: Wire,
    method: str,
    url: str,
    *,
    now: datetime,
    headers: Mapping[str, str],
    body: bytes | None = None,
    fine: Sequence[int] = (200,),
) -> Answer:
    """One request whose answer can be used; whatever else comes is said in words."""
    try:
        answer = wire.http(method, url, headers=headers, body=body)
    except EgressRefused as refused:
        raise SourceBarred(refused.detail) from None
    except EgressFailed as failed:
        raise SourceFailed(failed.detail, is_unreached=not failed.ambiguous) from None
    if answer.status in fine:
        return answer
    there = urlsplit(url).netloc
    if answer.status in REFUSED:
        raise SourceRefuses(
            f"{there} {REFUSED[answer.status]} ({answer.status}).", status=answer.status
        )
    if 300 <= answer.status < 400:
        raise SourceFailed(
            f"{there} sends elsewhere ({answer.status}): configure the address itself."
        )
    until = _until(answer, now) if answer.status in (429, 503) else None
    raise SourceFailed(
        f"{there} answered {answer.status}.", until=until, status=answer.status
    )


def parsed(answer: Answer, url: str) -> Any:
    """The JSON of an answer."""
    try:
        return orjson.loads(answer.body)
    except (orjson.JSONDecodeError, RecursionError):
        raise SourceFailed(
            f"{urlsplit(url).netloc} answered with what is no JSON, or is nested too deeply."
        ) from None


def beside(url: str, link: str) -> str:
    """A link made whole; the secret goes nowhere but to where it belongs."""
    try:
        whole = urljoin(url, link)
        here, there = urlsplit(url), urlsplit(whole)
        same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    except ValueError:
        whole, same = link, False
    if not same:
        raise SourceFailed(
            f"{urlsplit(url).netloc} links to another place, which is not asked."
        )
    return whole


def _until(answer: Answer, now: datetime) -> datetime | None:
    """Where it said when to come back, and that is not too far off."""
    said = answer.headers.get("retry-after", "").strip()
    try:
        if said.isdecimal():
            wait = timedelta(seconds=int(said[:9]))
        else:
            wait = parsedate_to_datetime(said).astimezone(UTC) - now
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return now + min(max(wait, timedelta(0)), LONGEST_WAIT)
