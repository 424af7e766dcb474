"""X2, X3: a mail leaves once, to the contact and nobody else; what is unknown is said."""

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from itertools import count
from typing import Any

import pytest
from hypothesis import given as given_
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from autonomy.rules.answers import Meaning
from autonomy.rules.catalogue import CORE
from autonomy.tools import letters, outside
from autonomy.tools.base import ABSENT, Job, Someone
from autonomy.tools.mail_send import MailSend
from autonomy.tools.outside import Called, wire_for
from perception.lines import Deadline
from perception.outlets.esmtp import Client
from tests.autonomy.tools.postboxes import (
    FINE,
    FROM,
    Postbox,
    config,
    postbox,
    scripted,
)
from tests.conftest import NOW
from tests.perception.sources.servers import free_port

KEY = "0198aaaa-0000-7000-8000-00000000000a"
ANN = Someone(name="Ann", email="ann@acme.example")
SELLER = Someone(name="Sam Seller", email="sam@own.example")
MESSAGE = {"subject": "After our call", "body": "Hello,\n\n.\n..dots\n\nBye"}
HAND = MailSend()


@pytest.fixture(scope="module")
def server() -> Iterator[Postbox]:
    with postbox() as made:
        yield made


@pytest.fixture
def box(server: Postbox, settings: Any) -> Postbox:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    server.sent.clear()
    server.says.clear()
    server.is_closed = False
    return server


def job(port: int, **more: Any) -> Job:
    held: dict[str, Any] = {
        "key": KEY, "at": NOW, "attempt": 1, "config": config(port), "secret": "",
        "action_type": "send_email", "parameters": MESSAGE, "ids": {},
        "contact": ANN, "seller": SELLER, **more,
    }  # fmt: skip
    return Job(**held)


def sent(given: Job) -> Called:
    return outside.act(HAND, given, wire_for(given, 60), ABSENT)


def test_one_mail_to_the_contact(box: Postbox) -> None:
    """X2, X3: who it is to, who answers go to, one id for one key."""
    called = sent(job(box.port))
    assert called.said.meaning is Meaning.DONE, called.said
    assert called.told == {"message_id": f"<{KEY}@own.example>"}
    (envelope,), (mail,) = box.sent, box.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == (FROM, [ANN.email])
    assert mail["Message-ID"] == f"<{KEY}@own.example>"
    assert mail["To"].addresses[0].addr_spec == ANN.email
    assert mail["From"].addresses[0].addr_spec == FROM
    assert str(mail["Reply-To"]) == "Sam Seller <sam@own.example>"
    assert mail["Date"].datetime == NOW
    assert mail["Subject"] == "After our call"
    assert mail.get_content().splitlines() == MESSAGE["body"].splitlines()
    assert mail.get_content_type() == "text/plain"


def test_whom_it_is_from_is_configured(box: Postbox) -> None:
    """Nothing that is proposed chooses a sender."""
    given = config(
        box.port, from_name="Own, Ltd", answers_to="us", id_domain="ids.example"
    )
    assert sent(job(box.port, config=given)).said.meaning is Meaning.DONE
    given = config(box.port, writes_as="seller")
    assert sent(job(box.port, config=given)).said.meaning is Meaning.DONE
    first, second = box.mails
    assert first["From"].addresses[0].display_name == "Own, Ltd"
    assert first["Reply-To"] is None
    assert first["Message-ID"] == f"<{KEY}@ids.example>"
    assert second["From"].addresses[0].addr_spec == SELLER.email
    assert {each.mail_from for each in box.sent} == {FROM}


def test_an_offer_is_a_mail_too(box: Postbox) -> None:
    """X2: proposals say what they sum up, and the amount."""
    for action_type in ("send_proposal", "discuss_pricing", "negotiate_terms"):
        offer = {**CORE[action_type].example, "amount": 12000}
        given = job(box.port, action_type=action_type, parameters=offer)
        assert sent(given).said.meaning is Meaning.DONE
    subjects = [str(each["Subject"]) for each in box.mails]
    assert subjects == ["Our proposal", "About pricing", "About the terms"]
    assert "Amount: 12,000" in box.mails[0].get_content()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"contact": None}, "no contact"),
        ({"contact": Someone(name="", email="")}, "no contact"),
        ({"contact": Someone(name="A", email="a@x.example>, <b@y.example")}, "written"),
        (
            {"contact": Someone(name="A", email="a@x.example\r\nRCPT TO:<b@y>")},
            "written",
        ),
        ({"contact": Someone(name="A", email="a@x.example\n")}, "written"),
        ({"parameters": {"text": "Hello"}}, "neither subject"),
        ({"parameters": {"subject": ["a"], "body": "b"}}, "neither subject"),
    ],
)
def test_what_cannot_be_sent_is_refused(box: Postbox, more: Any, said: str) -> None:
    """X3: certainly nothing left, and nothing ever will."""
    called = sent(job(box.port, **more))
    assert called.said.meaning is Meaning.REFUSED
    assert said in called.said.detail
    assert box.sent == []


def test_parameters_choose_no_recipient(box: Postbox) -> None:
    """P9: text from outside can name whoever it likes."""
    evil = {
        "subject": "Hi\r\nBcc: eve@evil.example\r\n\r\nx",
        "body": "Hi\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<eve@evil.example>\n.\rDATA",
        "to": "eve@evil.example", "cc": "eve@evil.example", "recipient": "eve@evil.example",
    }  # fmt: skip
    assert sent(job(box.port, parameters=evil)).said.meaning is Meaning.DONE
    (envelope,), (mail,) = box.sent, box.mails
    assert envelope.rcpt_tos == [ANN.email]
    assert (mail["Bcc"], mail["Cc"]) == (None, None)
    assert mail["Subject"] == "Hi Bcc: eve@evil.example x"
    assert len(mail.get_all("To")) == 1


NAMES = st.text(max_size=60)


@given_(subject=st.text(max_size=200), body=st.text(max_size=500), name=NAMES)
@hypothesis(max_examples=150, deadline=None)
def test_what_is_written_is_what_is_read(subject: str, body: str, name: str) -> None:
    """A letter holds its words, whatever they are, and they hold no header."""
    given = job(1, parameters={"subject": subject, "body": body})
    subject, body = letters.said(given)
    to = letters.address_of(Someone(name=name, email=ANN.email))
    raw = letters.Letter(
        id="<k@own.example>", at=NOW, subject=subject, body=body, sender=None, to=to
    ).written()
    raw.decode("ascii")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    mail = message_from_bytes(raw, policy=default)
    assert sorted(mail.keys()) == [
        "Content-Transfer-Encoding", "Content-Type", "Date", "MIME-Version",
        "Message-ID", "Subject", "To",
    ]  # fmt: skip
    assert [each.addr_spec for each in mail["To"].addresses] == [ANN.email]
    assert " ".join(str(mail["Subject"]).split()) == subject
    assert mail.get_content().split() == body.split()


@pytest.mark.parametrize(
    ("hook", "reply", "meaning"),
    [
        ("MAIL", "550 no", Meaning.REFUSED),
        ("RCPT", "550 5.1.1 ann@acme.example unknown", Meaning.REFUSED),
        ("RCPT", "450 4.7.1 greylisted", Meaning.WAIT),
        ("DATA", "554 5.7.1 spam", Meaning.REFUSED),
        ("DATA", "452 4.3.1 full", Meaning.WAIT),
    ],
)
def test_the_servers_own_no_is_clear(
    box: Postbox, hook: str, reply: str, meaning: Meaning
) -> None:
    """X3: it refused, or it said that it may be asked again; its words stay there."""
    box.says[hook] = reply
    called = sent(job(box.port))
    assert called.said.meaning is meaning, called.said
    assert reply[:3] in called.said.detail
    assert "ann@" not in called.said.detail
    assert (called.said.wait is not None) == (meaning is Meaning.WAIT)
    assert box.sent == []


LETS = (FINE, FINE, FINE, b"354 go\r\n")


@pytest.mark.parametrize(
    ("replies", "meaning"),
    [
        ((b"",), Meaning.UNREACHED),
        ((FINE, b""), Meaning.UNREACHED),
        ((FINE, FINE, b""), Meaning.UNREACHED),
        ((FINE, FINE, FINE, b""), Meaning.UNREACHED),
        ((FINE, FINE, FINE, b"HTTP/1.1 200\r\n"), Meaning.UNREACHED),
        ((FINE, FINE, b"250-" + b"x" * 9000 + b"\r\n"), Meaning.UNREACHED),
        ((*LETS, b""), Meaning.AMBIGUOUS),
        ((*LETS, b"nonsense\r\n"), Meaning.AMBIGUOUS),
        ((*LETS, b"354 go on\r\n"), Meaning.AMBIGUOUS),
        ((*LETS, b"550" + b"x" * 9000 + b"\r\n"), Meaning.AMBIGUOUS),
        ((*LETS, b"421 closing\r\n"), Meaning.WAIT),
        ((*LETS, b"250-more\r\n250 yes\r\n"), Meaning.DONE),
        ((b"421 busy\r\n",), Meaning.WAIT),
        ((b"500 what\r\n",), Meaning.REFUSED),
    ],
)
def test_only_what_broke_after_the_last_dot_is_unknown(
    settings: Any, replies: Any, meaning: Meaning
) -> None:
    """X3: before the dot, nothing was sent; after it, nobody knows."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    with scripted(*replies) as (port, told):
        called = sent(job(port))
        assert called.said.meaning is meaning, called.said
    out = [each for each in told.heard if each == b".\r\n"]
    assert len(out) == (len(replies) == 5)


@pytest.mark.parametrize(
    ("replies", "meaning"),
    [((FINE, FINE), Meaning.UNREACHED), (LETS, Meaning.AMBIGUOUS)],
)
def test_slow_servers_are_not_waited_for(
    settings: Any, replies: Any, meaning: Meaning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X3: before the dot it never arrived, after it nobody knows."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    reads = count()
    real = Client.getreply

    def impatient(self: Client) -> Any:
        if next(reads) > len(replies):
            # What comes now never comes; so it is not waited for long.
            self.sock._deadline = Deadline(0.2)
        return real(self)

    monkeypatch.setattr(Client, "getreply", impatient)
    with scripted(*replies) as (port, _):
        called = sent(job(port))
    assert called.said.meaning is meaning, called.said
    assert "in time" in called.said.detail


def test_nobody_there_is_nobody_reached(settings: Any) -> None:
    """X3: a refused connection is no call."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    assert sent(job(free_port())).said.meaning is Meaning.UNREACHED


def test_who_may_not_be_reached_is_not(settings: Any, box: Postbox) -> None:
    """API7: the guarded way out, and no other."""
    settings.EGRESS_ALLOW = ()
    assert sent(job(box.port)).said.meaning is Meaning.FORBIDDEN
    assert box.sent == []


def test_what_is_out_stays_out(box: Postbox) -> None:
    """A6: RETRACTABLE until it is released, and no longer."""
    given = job(box.port)
    called = outside.restore(HAND, given, wire_for(given, 20), ABSENT, ABSENT)
    assert called.said.meaning is Meaning.REFUSED
