"""CHAT: an incoming webhook as Slack has it, and those that are compatible with it."""

from collections.abc import Mapping
from typing import Any

from perception.outlets.knock import knock
from perception.sources.base import SourceRefuses, Wire
from perception.sources.reading import held

# A path that is shorter tells nothing, and may be part of any word.
TELLING = 8
CHANNEL: Mapping[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Chat",
    "properties": {
        "channel": {
            **CHANNEL,
            "title": "Channel",
            "description": "Where messages go that name none. Without it: where the "
            "webhook leads.",
        },
        "channels": {
            "type": "array",
            "title": "Further channels that a message may name",
            "description": "A message to any other channel is not sent.",
            "items": CHANNEL,
            "maxItems": 100,
            "default": [],
        },
        "hold_s": {
            "type": "integer",
            "title": "Seconds that a message is held back",
            "description": "So long it can be taken back; once it is posted it cannot.",
            "minimum": 0,
            "maximum": 3600,
            "default": 60,
        },
    },
    "additionalProperties": False,
}


class Chat:
    """Messages to a channel. The address of its webhook is the secret."""

    kind = "chat"
    title = "Chat (Slack-compatible webhook)"
    schema = SCHEMA
    secret = "Address of the incoming webhook (https://…)"  # noqa: S105

    def greet(self, config: Mapping[str, Any], secret: str, wire: Wire) -> None:
        """Whether the webhook can be connected to: whatever it is sent, it posts."""
        held(SCHEMA, config)
        knock(address(secret, wire), wire)


def address(secret: str, wire: Wire) -> str:
    """The address to post to, in no part of which it is shown."""
    url = secret.strip()
    if not url:
        raise SourceRefuses("There is no secret: give the address of the webhook.")
    bare = url.partition("?")[0]
    path = bare.partition("://")[2].partition("/")[2]
    wire.hide(url, bare, *([path] if len(path) >= TELLING else []))
    return url
