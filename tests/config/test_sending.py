"""Ids are sent on a line that is kept, as Celery itself would send them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from kombu.exceptions import OperationalError

from autonomy import tasks
from config.celery import app
from config.sending import CONFIRMED_WITHIN, LINE
from tests.races import in_threads

IDS = {"run": "one", "tenant": "another"}
# What is made anew for each message; who is told of a result, which nobody asks for; and
# what Celery says twice.
OWN = {"id", "root_id", "correlation_id", "delivery_tag", "reply_to"}
TWICE = {"argsrepr", "kwargsrepr"}


@pytest.fixture
def broker(services: None) -> Iterator["redis.Redis"]:
    found = redis.Redis.from_url(settings.REDIS_URL)
    found.delete("gate", "decide")
    yield found
    found.delete("gate", "decide")


def taken(broker: "redis.Redis", queue: str) -> dict[str, Any]:
    message: Any = broker.rpop(queue)
    return dict(json.loads(message))


def alike(message: dict[str, Any]) -> Any:
    """Without what is each message's own."""
    return {
        name: alike(value) if isinstance(value, dict) else value
        for name, value in message.items()
        if name not in OWN
    }


def test_it_is_the_message_that_celery_would_send(broker: "redis.Redis") -> None:
    tasks.gate.send(IDS)
    tasks.gate.apply_async(
        kwargs=IDS, argsrepr="", kwargsrepr="", retry=False, ignore_result=True
    )
    ours, theirs = taken(broker, "gate"), taken(broker, "gate")
    for name in TWICE:
        assert theirs["properties"].pop(name) == theirs["headers"][name]
    assert alike(ours) == alike(theirs)
    assert json.loads(base64.b64decode(ours["body"]))[1] == IDS
    assert ours["headers"]["id"] != theirs["headers"]["id"]


def test_each_thread_has_its_line_and_each_task_its_queue(
    broker: "redis.Redis",
) -> None:
    in_threads(4, lambda number: [tasks.gate.send(IDS) for _ in range(25)])
    tasks.decide.send(IDS)
    assert broker.llen("gate") == 100
    assert broker.llen("decide") == 1


def test_a_line_that_broke_is_replaced(
    broker: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends is told by the one error that says that the broker is away."""
    tasks.gate.send(IDS)
    kept = LINE.producer
    channel = kept.channel

    def dead(*_: Any, **__: Any) -> Any:
        raise redis.exceptions.ConnectionError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(channel, "basic_publish", dead)
        with pytest.raises(OperationalError, match="gone"):
            tasks.gate.send(IDS)
    assert LINE.producer is None
    tasks.gate.send(IDS)
    assert broker.llen("gate") == 2


def test_a_server_that_let_go_of_the_line_is_asked_anew(broker: "redis.Redis") -> None:
    """Redis closes every connection, as a restart does."""
    tasks.gate.send(IDS)
    broker.client_kill_filter(_type="normal", skipme=True)
    try:
        tasks.gate.send(IDS)
    except OperationalError:
        tasks.gate.send(IDS)
    assert broker.llen("gate") == 2


def test_rabbitmq_says_that_it_has_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(
        app.amqp, "send_task_message", lambda *_, **more: given.update(more)
    )
    tasks.gate.send(IDS)
    assert given["confirm_timeout"] == CONFIRMED_WITHIN
    assert given["retry"] is False
