"""X2, X3: a message is posted once, to a channel of the connector; what is unknown is said."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from autonomy import perform as performing
from autonomy.errors import ToolStopped
from autonomy.models import Execution
from autonomy.perform import perform
from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT, Job
from autonomy.tools.chat import WORDS, ChatSend
from autonomy.tools.outside import Called, wire_for
from ledger.scope import tenant_scope
from perception.outlets.registry import OUTLETS
from perception.sources.base import SourceBarred, SourceFailed, SourceRefuses
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import approved, due
from tests.autonomy.tools.postboxes import acting
from tests.autonomy.tools.slack import REFUSALS, WAIT, Slack, slack
from tests.conftest import NOW
from tests.perception.sources.servers import Peer, free_port, wire

KEY = "0198aaaa-0000-7000-8000-00000000000d"
HAND = ChatSend()


class Killed(BaseException):
    """As abrupt as kill -9."""


@pytest.fixture
def there(settings: Any) -> Iterator[Slack]:
    with slack(settings) as made:
        yield made


def job(url: str, text: Any = "Hello", config: Any = None, **more: Any) -> Job:
    held: dict[str, Any] = {
        "key": KEY, "at": NOW, "attempt": 1, "config": config or {}, "secret": url,
        "action_type": "send_chat_message", "parameters": {"text": text, **more},
        "ids": {},
    }  # fmt: skip
    return Job(**held)


def sent(given: Job, seconds: float = 20) -> Called:
    return outside.act(HAND, given, wire_for(given, seconds), ABSENT)


def test_one_message_as_slack_takes_it(there: Slack) -> None:
    """X2: the text, and nothing that was not asked for."""
    called = sent(job(there.url))
    assert called.said.meaning is Meaning.DONE, called.said
    assert (called.said.status, called.told) == (200, {})
    assert there.posted == [{"text": "Hello"}]


@pytest.mark.parametrize(
    ("text", "posted"),
    [
        ("<!channel> & <@U012AB3CD>", "&lt;!channel&gt; &amp; &lt;@U012AB3CD&gt;"),
        ("<https://evil.example|our site>", "&lt;https://evil.example|our site&gt;"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        (
            "@channel, @Here! a@all.example",
            "@\u200bchannel, @\u200bHere! a@all.example",
        ),
        ("one\r\ntwo\x00\u202ethree", "one\ntwo three"),
        ("a\ud800b", "a?b"),
    ],
)
def test_nothing_that_is_written_calls_or_links(
    there: Slack, text: str, posted: str
) -> None:
    """P9: text from outside is text."""
    assert sent(job(there.url, text)).said.meaning is Meaning.DONE
    assert there.posted == [{"text": posted}]


def test_the_longest_message_fits(there: Slack) -> None:
    """X2: as long as the catalogue lets it be, and every sign of it escaped."""
    assert sent(job(there.url, "&" * 8000)).said.meaning is Meaning.DONE
    assert there.posted == [{"text": "&amp;" * 8000}]


def test_a_channel_is_one_of_the_connectors(there: Slack) -> None:
    """P9: what is written chooses among what is configured, and nothing else."""
    config = {"channel": "#sales", "channels": ["#renewals"]}
    for named, where in (
        ({}, "#sales"),
        ({"channel": "#sales"}, "#sales"),
        ({"channel": "#renewals"}, "#renewals"),
    ):
        assert sent(job(there.url, config=config, **named)).said.meaning is Meaning.DONE
        assert there.posted.pop() == {"text": "Hello", "channel": where}
    for given in (config, {}):
        called = sent(job(there.url, config=given, channel="@everybody"))
        assert called.said.meaning is Meaning.REFUSED
        assert "@everybody" not in called.said.detail
    assert there.posted == []


@pytest.mark.parametrize("text", [None, 5, "", " \x00\n"])
def test_without_a_text_nothing_is_posted(there: Slack, text: Any) -> None:
    """X3: certainly nothing left."""
    assert sent(job(there.url, text)).said.meaning is Meaning.REFUSED
    assert there.asked == []


@pytest.mark.parametrize("word", REFUSALS)
def test_its_own_no_is_clear(there: Slack, word: str) -> None:
    """X3: it says why, in a word that is known."""
    assert word in WORDS
    there.says = [word]
    called = sent(job(there.url))
    assert called.said.meaning is Meaning.REFUSED
    assert word in called.said.detail
    assert there.posted == []


@pytest.mark.parametrize(
    ("told", "meaning"),
    [
        ("rollup_error", Meaning.AMBIGUOUS),
        ((503, b"busy"), Meaning.AMBIGUOUS),
        ((200, b"<html>Log in</html>"), Meaning.AMBIGUOUS),
        ((200, b""), Meaning.AMBIGUOUS),
        ((302, b""), Meaning.AMBIGUOUS),
        ((0, b""), Meaning.AMBIGUOUS),
        ((409, b"private words"), Meaning.REFUSED),
        ((404, b"private words"), Meaning.REFUSED),
        ("rate_limited", Meaning.WAIT),
    ],
)
def test_what_it_answers_has_a_meaning(
    there: Slack, told: Any, meaning: Meaning
) -> None:
    """X3: only its own yes is one; its words are not believed, nor shown."""
    there.says = [told]
    called = sent(job(there.url))
    assert called.said.meaning is meaning, called.said
    assert "private" not in called.said.detail
    assert called.said.wait == (WAIT if meaning is Meaning.WAIT else None)


def test_the_address_is_shown_nowhere(there: Slack) -> None:
    """SEC: whoever knows it can post."""
    given = job(f"{there.url}?thread=secret-of-a-query")
    for url in (given.secret, there.url.replace("/services", "\n/services")):
        way = wire_for(job(url), 20)
        called = outside.act(HAND, job(url), way, ABSENT)
        told = json.dumps([each.request + each.answer for each in way.said])
        assert "XXXX" not in told + called.said.detail + repr(job(url))
        assert "secret-of" not in told
    assert sent(job("")).said.meaning is Meaning.REFUSED


def test_who_is_not_there_was_not_told(there: Slack, settings: Any) -> None:
    """X3: it never arrived, or was not let out."""
    gone = f"http://127.0.0.1:{free_port()}/services/T/B/X"
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    assert sent(job(gone)).said.meaning is Meaning.UNREACHED
    peer = Peer(lambda caller: caller.recv(65536) and caller.recv(1) and None)
    try:
        called = sent(job(f"http://127.0.0.1:{peer.port}/hook"), seconds=3)
    finally:
        peer.close()
    assert called.said.meaning is Meaning.AMBIGUOUS
    settings.EGRESS_ALLOW = ()
    assert sent(job(there.url)).said.meaning is Meaning.FORBIDDEN
    assert there.asked == []


def test_what_is_out_stays_out(there: Slack) -> None:
    """A6: it can be called off as long as it is held back, and not after."""
    given = job(there.url)
    with pytest.raises(ToolStopped) as refusal:
        HAND.restore(given, wire_for(given, 20), ABSENT, ABSENT)
    assert refusal.value.said.meaning is Meaning.REFUSED
    assert there.asked == []


def test_a_greeting_posts_nothing(there: Slack, settings: Any) -> None:
    """Connected to, and left again; what is wrong is said."""
    chat = OUTLETS["chat"]
    chat.greet({}, there.url, wire())
    for secret, wrong in (
        ("", SourceRefuses),
        ("hooks.example/services", SourceRefuses),
        ("ftp://hooks.example/", SourceRefuses),
        ("https://a@hooks.example/", SourceRefuses),
        ("https://[x/", SourceRefuses),
        (f"http://127.0.0.1:{free_port()}/", SourceBarred),
    ):
        with pytest.raises(wrong):
            chat.greet({}, secret, wire())
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    with pytest.raises(SourceFailed):
        chat.greet({}, f"http://127.0.0.1:{free_port()}/", wire())
    assert there.asked == []


def test_from_the_permit_to_the_channel(desk: Desk, there: Slack) -> None:
    """X1, X2: one message, whatever is repeated; told to wait, it comes again."""
    acting(desk, "chat", {"channel": "#sales"}, there.url)
    intent = approved(desk, "send_chat_message")
    there.says = ["rate_limited"]
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    assert there.posted == []
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert [each["channel"] for each in there.posted] == ["#sales"]


@pytest.mark.parametrize("lost", [True, False])
def test_what_may_have_been_posted_goes_to_a_person(
    desk: Desk, there: Slack, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """X1, X3: no answer, or nobody who heard it: never a second message."""
    acting(desk, "chat", {}, there.url)
    intent = approved(desk, "send_chat_message")

    def die(*_: object, **__: object) -> None:
        raise Killed

    if lost:
        there.says = [(0, b"")]
        assert perform(intent, tenant=desk.tenant) == "IN_DOUBT"
    else:
        with monkeypatch.context() as patched:
            patched.setattr(performing, "_recorded", die)
            with pytest.raises(Killed):
                perform(intent, tenant=desk.tenant)
    due(desk, intent)
    said = perform(intent, tenant=desk.tenant)
    assert said == ("NOTHING" if lost else "IN_DOUBT")
    assert len(there.posted) == 1
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get(intent_id=intent)
    assert execution.status == "IN_DOUBT"
    assert there.url not in json.dumps([execution.outcome, execution.error])
