"""SMTP: mails to customers, through the tenant's own mail server."""

from collections.abc import Mapping
from typing import Any

from perception.outlets.esmtp import opened
from perception.sources.base import Wire
from perception.sources.reading import held

# An address as it is written bare; domains in other scripts as they are sent (xn--…).
ADDRESS = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64})*"
    r"@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$"
)
DOMAIN = r"^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$"
PORTS = {"implicit": 465, "starttls": 587, "none": 25}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Mails that are sent",
    "properties": {
        "host": {
            "type": "string",
            "title": "Server",
            "pattern": "^[A-Za-z0-9_.:-]{1,253}$",
        },
        "port": {
            "type": "integer",
            "title": "Port",
            "description": "Left out: 465, 587 or 25, as TLS begins.",
            "minimum": 1,
            "maximum": 65535,
        },
        "tls": {
            "type": "string",
            "title": "When TLS begins",
            "description": "implicit: at once; starttls: after a greeting, and always; "
            "none: only servers on EGRESS_ALLOW are spoken to.",
            "enum": ["implicit", "starttls", "none"],
            "default": "implicit",
        },
        "user": {
            "type": "string",
            "title": "User",
            "description": "Left out: nobody logs in.",
            "minLength": 1,
            "maxLength": 320,
        },
        "from": {
            "type": "string",
            "title": "Our address",
            "description": "Mails come from it, and what cannot be delivered goes there.",
            "pattern": ADDRESS,
            "maxLength": 254,
        },
        "from_name": {
            "type": "string",
            "title": "Our name",
            "maxLength": 100,
            "default": "",
        },
        "writes_as": {
            "type": "string",
            "title": "Whom mails are from",
            "description": "us: our address; seller: who owns the account, where the "
            "server lets our user do that.",
            "enum": ["us", "seller"],
            "default": "us",
        },
        "answers_to": {
            "type": "string",
            "title": "Whom answers go to",
            "enum": ["us", "seller"],
            "default": "seller",
        },
        "id_domain": {
            "type": "string",
            "title": "Domain of message ids",
            "description": "Left out: that of our address.",
            "pattern": DOMAIN,
            "maxLength": 253,
        },
        "hold_s": {
            "type": "integer",
            "title": "Seconds that a mail is held back",
            "description": "So long it can be taken back; once it is sent it cannot.",
            "minimum": 0,
            "maximum": 3600,
            "default": 60,
        },
    },
    "required": ["host", "from"],
    "additionalProperties": False,
}


class Smtp:
    """One mail to one person at a time."""

    kind = "smtp"
    title = "E-mail (SMTP)"
    schema = SCHEMA
    secret = "Password of the user; none where nobody logs in"  # noqa: S105

    def greet(self, config: Mapping[str, Any], secret: str, wire: Wire) -> None:
        """Whether the server lets us in: it is left again at once."""
        with opened(settled(config), secret, wire):
            return


def settled(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration with everything that it leaves open."""
    given = held(SCHEMA, config)
    return {
        "port": PORTS[given["tls"]],
        "user": "",
        "id_domain": given["from"].rpartition("@")[2],
        **given,
    }
