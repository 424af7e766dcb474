"""`chat.send`: one message to a channel, by an incoming webhook. What is out stays out."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from autonomy.errors import ToolStopped
from autonomy.rules.actions import Reversal
from autonomy.rules.answers import Meaning, Said, read_answer
from autonomy.rules.catalogue import CHAT
from autonomy.tools.base import Blind, Image, Job, stopped
from perception.egress import Answer
from perception.outlets.chat import SCHEMA, address
from perception.sources.base import Wire
from perception.sources.reading import held, text

LONGEST = 8000
# Why a webhook does not post, in its own words. Nothing else that it says is shown.
WORDS = frozenset({
    "action_prohibited", "channel_is_archived", "channel_not_found", "invalid_blocks",
    "invalid_payload", "invalid_token", "message_too_long", "msg_too_long",
    "missing_text_or_fallback_or_attachments", "no_active_hooks", "no_service",
    "no_service_id", "no_team", "no_text", "posting_to_general_channel_denied",
    "team_disabled", "token_revoked", "too_many_attachments", "user_not_found",
})  # fmt: skip
_SIGNS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# What calls everybody, in chats that know it without signs around it.
_CALLS = re.compile(
    r"(?<![\w.])@(?=(?:all|channel|everyone|group|here)\b)", re.IGNORECASE
)


class ChatSend(Blind):
    """It reaches no channel but those that the connector names."""

    key = "chat.send"
    title = "A chat message (Slack-compatible webhook)"
    acts_as = "chat"
    # Only as long as it is held back.
    reversal = Reversal.RETRACTABLE
    # A webhook posts the same message twice.
    keyed = False
    timeout = 15.0
    takes: Mapping[str, Any] = CHAT

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        url = address(job.secret, wire)
        body = {"text": _text(job), **_channel(job)}
        headers = {"Content-Type": "application/json; charset=utf-8"}
        answer = wire.http("POST", url, headers=headers, body=orjson.dumps(body))
        said = _read(answer, job.at)
        if said.meaning is not Meaning.DONE:
            raise ToolStopped(said)
        return {"status": said.status}

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        raise stopped(
            Meaning.REFUSED, "A message that was posted cannot be taken back."
        )


def _text(job: Job) -> str:
    """The message, of which nothing is read as a link, a mention or a call to all."""
    given = job.parameters.get("text")
    said = text(given, LONGEST) if isinstance(given, str) else ""
    if not said:
        raise stopped(Meaning.REFUSED, "It holds no text.")
    return _CALLS.sub("@\u200b", said.translate(_SIGNS))


def _channel(job: Job) -> dict[str, str]:
    """Where it goes: what was written chooses among the connector's channels only."""
    config = held(SCHEMA, job.config)
    own = config.get("channel", "")
    named = job.parameters.get("channel") or own
    if not named:
        return {}
    if named != own and named not in config["channels"]:
        raise stopped(Meaning.REFUSED, "The connector does not name this channel.")
    return {"channel": named}


def _read(answer: Answer, at: datetime) -> Said:
    """Its status, and the word that goes with it."""
    status = answer.status
    word = answer.body[:100].decode("utf-8", "replace").strip().lower()
    if status >= 500 or (status < 300 and word != "ok"):
        detail = f"It answered {status}, and does not say whether it posted."
        return Said(meaning=Meaning.AMBIGUOUS, detail=detail, status=status)
    if status == 409:
        detail = "It answered 409."
        return Said(meaning=Meaning.REFUSED, detail=detail, status=status)
    said = read_answer(status, answer.headers.get("retry-after"), now=at)
    if said.meaning is Meaning.REFUSED and word in WORDS:
        return replace(said, detail=f"It answered {status}: {word}.")
    return said
