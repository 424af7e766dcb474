"""P9: a mailbox is only looked at; who answered is told from what machines sent."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from perception.sources.mails import Mail, new_of, read
from perception.sources.registry import SOURCES
from tests.perception.sources.servers import (
    NOW,
    Dovecot,
    Imap,
    Pymap,
    asked,
    everything,
    wire,
)

MAILBOX = SOURCES["mailbox"]
FROM = b"From: Carol <carol@acme.example>\r\nTo: us@own.example\r\n"


def mail(head: bytes = b"", body: bytes = b"Gladly.", id_: str = "m1") -> bytes:
    return FROM + head + f"Message-ID: <{id_}@x>\r\n\r\n".encode() + body


@pytest.fixture(scope="module", params=[Pymap, Dovecot])
def server(request: Any, tmp_path_factory: Any) -> Iterator[Imap]:
    made = request.param(tmp_path_factory.mktemp("imap"))
    yield made
    made.close()


@pytest.fixture
def folder(server: Imap, settings: Any, request: Any) -> str:
    """A folder of each test's own."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    name = f"F-{request.node.originalname[:30]}"
    server.anew(name)
    return name


def config(server: Imap, *folders: str, **given: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": server.port, "tls": False, "user": server.user,
        "own": ["own.example"], "folders": list(folders), "sent": [], **given,
    }  # fmt: skip


def test_who_answered_and_who_was_written_to(server: Imap, folder: str) -> None:
    """P9: a reply is a signal and an interaction; what we sent is an interaction."""
    sent = f"{folder}-sent"
    server.anew(sent)
    at = NOW - timedelta(hours=3)
    head = b"Subject: =?utf-8?q?Re=3A_Angebot_f=C3=BCr_K=C3=B6ln?=\r\nIn-Reply-To: <o1@own>\r\n"
    server.put(folder, mail(head, b"Gerne!\r\n\r\n> Wann?\r\n"), at)
    ours = b"From: us@own.example\r\nTo: carol@acme.example, bob@own.example\r\n"
    server.put(sent, ours + b"Subject: Offer\r\nMessage-ID: <o1@own>\r\n\r\nWhen?", at)
    given = config(server, folder, sent=[sent])
    pages, cursor = everything(MAILBOX, given)
    signal = pages[0].signals[0]
    assert signal.type == "reply_received"
    assert signal.payload == {
        "subject": "Re: Angebot für Köln",
        "text": "Gerne!",
        "message_id": "<m1@x>",
        "in_reply_to": "<o1@own>",
    }
    assert (tuple(signal.emails), signal.occurred_at) == (("carol@acme.example",), at)
    met = [(each.direction, tuple(each.emails)) for each in pages[0].interactions]
    assert met == [("in", ("carol@acme.example",)), ("out", ("carol@acme.example",))]
    assert everything(MAILBOX, given, cursor)[0][0].interactions == []
    # Nothing was marked as read: tests look, as the source does, without a trace.
    assert all(b"Seen" not in each for each in server.flags(folder))


def test_pages_follow_one_upon_another(server: Imap, folder: str) -> None:
    """P9: each mail once, the oldest first; old ones are not looked for."""
    server.put(folder, mail(id_="old"), NOW - timedelta(days=40))
    for number in range(45):
        server.put(folder, mail(id_=f"n{number}"))
    pages, cursor = everything(MAILBOX, config(server, folder))
    assert [len(page.signals) for page in pages] == [40, 5]
    server.anew(folder)
    server.put(folder, mail(id_="n44"))
    again, _ = everything(MAILBOX, config(server, folder), cursor)
    keys = [each.dedupe_key for page in pages for each in page.signals]
    assert [each.dedupe_key for page in again for each in page.signals] in (
        [keys[-1]],
        [],
    )


def test_a_large_mail_is_read_as_far_as_its_beginning(
    server: Imap, folder: str
) -> None:
    """P9: what it weighs does not count."""
    if isinstance(server, Pymap):
        pytest.skip("pymap keeps no mail of this size")
    server.put(
        folder, mail(body=b"Gladly.\r\n\r\n-- \r\n" + (b"x" * 998 + b"\r\n") * 100_000)
    )
    found = MAILBOX.pull(asked(config(server, folder)), wire(limit=2**20))
    assert found.signals[0].payload["text"] == "Gladly."


def test_folders_that_are_not_there_are_said(server: Imap, folder: str) -> None:
    found = MAILBOX.pull(asked(config(server, folder, "No such")), wire())
    assert list(found.skipped) == ["There is no folder 'No such'."]


def seen(raw: bytes) -> Mail:
    return read(raw, received=None, now=NOW)


@pytest.mark.parametrize(
    "head",
    [
        b"Auto-Submitted: auto-replied\r\n",
        b"Auto-Submitted: auto-generated; x=y\r\n",
        b"Precedence: bulk\r\n",
        b"Precedence: auto_reply\r\n",
        b"List-Unsubscribe: <mailto:x@y>\r\n",
        b"X-Autoreply: yes\r\n",
        b"Return-Path: <>\r\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
    ],
)
def test_machines_do_not_reply(head) -> None:
    """P9: absences, lists and bounces are no answers."""
    assert seen(mail(head)).by_machine
    assert not seen(mail()).by_machine
    assert not seen(mail(b"Auto-Submitted: no\r\n")).by_machine


def test_nor_does_the_postmaster() -> None:
    for author in (b"MAILER-DAEMON@x.example", b"", b"<>", b"no-reply@x.example"):
        assert seen(b"From: " + author + b"\r\n\r\nSorry").by_machine


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (
            "Yes.\n\nOn Mon, 3 Nov 2026 at 10:00, Us <us@own.example>\nwrote:\n> When?",
            "Yes.",
        ),
        ("Ja.\n\nAm 03.11.2026 um 10:00 schrieb Us:\n> Wann?", "Ja."),
        ("Yes.\n-----Original Message-----\nFrom: us", "Yes."),
        ("Yes.\n\n________________________________\nFrom: us", "Yes."),
        ("Yes.\n\nFrom: Us\nSent: Monday\nTo: Carol\n\nWhen?", "Yes."),
        ("> When?\n\nOn Friday.\n\n> Where?\n\nHere.", "On Friday.\n\nHere."),
        ("On Monday Us wrote:\n> When?\n\nOn Friday.", "On Friday."),
        ("Yes.\n-- \nCarol\n+49 1", "Yes."),
        ("I wrote to Bob already.\nHe agrees.", "I wrote to Bob already.\nHe agrees."),
        ("", ""),
    ],
)
def test_only_what_is_new_is_kept(body, kept) -> None:
    """P9: quotes and signatures are cut."""
    assert new_of(body.replace("\n", "\r\n")) == kept


def test_texts_in_any_form() -> None:
    """P9: wrong charsets survive, HTML is read as text, attachments are not."""
    for head, body, text in (
        (b"Content-Type: text/plain; charset=utf-8\r\n", b"K\xf6ln", "Köln"),
        (b"Content-Type: text/plain; charset=none-such\r\n", "Köln".encode(), "Köln"),
        (b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n", b"S8O2bG4", "Köln"),
        (b"Content-Type: text/html\r\n", b"<style>p{}</style><p>Hi<br>there</p><img src=http://x/>", "Hi\nthere"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\nContent-Disposition: attachment\r\n\r\nno\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>yes</b>\r\n--b--", "yes"),
        (b"Content-Type: application/pdf\r\n", b"%PDF", ""),
    ):  # fmt: skip
        assert seen(mail(head, body)).text == text
    assert len(seen(mail(body=b"x" * 50_000)).text) == 2000
    assert (
        seen(b"From: c@acme.example\r\n\r\n").id
        == seen(b"From: c@acme.example\r\n\r\nx").id
    )
