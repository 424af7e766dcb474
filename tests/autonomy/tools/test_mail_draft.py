"""X2, X3, X4: a draft is put where people find it, once, and taken back as it was put."""

import json
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from autonomy.models import Effect, Execution
from autonomy.perform import perform
from autonomy.rules.answers import Meaning
from autonomy.tools import mail_draft, outside
from autonomy.tools.base import ABSENT, Image, Job, Someone
from autonomy.tools.mail_draft import MailDraft
from autonomy.tools.outside import Called, wire_for
from ledger.scope import tenant_scope
from perception.models import Contact
from perception.sources.imap import Client
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import approved
from tests.autonomy.tools.postboxes import acting
from tests.conftest import NOW
from tests.perception.sources.servers import (
    SECRET,
    Dovecot,
    Imap,
    Pymap,
    cut,
    free_port,
)
from tests.races import in_threads

KEYS = (f"0198aaaa-0000-7000-8000-{number:012}" for number in range(1, 1000))
ANN = Someone(name="Ann Ä", email="ann@acme.example")
SAM = Someone(name="Sam Seller", email="sam@own.example")
HAND = MailDraft()


class Special(Dovecot):
    """One that says which folder is for drafts."""

    more = """
namespace inbox {
  inbox = yes
  mailbox Entwürfe {
    special_use = \\Drafts
    auto = create
  }
}
"""


@pytest.fixture(scope="module", params=[Pymap, Dovecot, Special])
def server(request: Any, tmp_path_factory: Any) -> Iterator[Imap]:
    made = request.param(tmp_path_factory.mktemp("imap"))
    yield made
    made.close()


@pytest.fixture
def there(server: Imap, settings: Any) -> "Drafts":
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    return Drafts(server)


class Drafts:
    """The folder of drafts as a person sees it."""

    def __init__(self, server: Imap) -> None:
        self.server = server
        self.name = "Entw&APw-rfe" if isinstance(server, Special) else "Drafts"

    def config(self, **given: Any) -> dict[str, Any]:
        return {
            "host": "127.0.0.1", "port": self.server.port, "tls": False,
            "user": self.server.user, "from": "sales@own.example", **given,
        }  # fmt: skip

    def job(self, key: str = "", **more: Any) -> Job:
        held: dict[str, Any] = {
            "key": key or next(KEYS), "at": NOW, "attempt": 1,
            "config": self.config(), "secret": SECRET, "action_type": "draft_email",
            "parameters": {"subject": "Grüße", "body": "Hallo,\n.\nbis bald"},
            "ids": {}, "contact": ANN, "seller": SAM, **more,
        }  # fmt: skip
        return Job(**held)

    def kept(self, key: str) -> list[tuple[int, bytes, bytes]]:
        """Number, flags and text of each copy."""
        with self.server._client() as client:
            if client.select(f'"{self.name}"', readonly=True)[0] != "OK":
                return []
            found = client.uid("SEARCH", "HEADER", "Message-ID", key)[1][0]
            mails = []
            for uid in (found or b"").split():
                kind, text = client.uid("FETCH", uid.decode(), "(FLAGS BODY.PEEK[])")[
                    1
                ][0]
                mails.append((int(uid), kind, text))
            return mails

    def put(self, mail: bytes) -> None:
        with self.server._client() as client:
            client.append(f'"{self.name}"', "(\\Draft)", None, mail)

    def flag(self, uid: int, flag: str) -> None:
        with self.server._client() as client:
            client.select(f'"{self.name}"')
            client.uid("STORE", str(uid), "+FLAGS", flag)

    def expunge(self) -> None:
        with self.server._client() as client:
            client.select(f'"{self.name}"')
            client.expunge()


def look(job: Job) -> Image:
    seen = outside.see(HAND, job, wire_for(job, 60))
    assert not isinstance(seen, Called), seen
    return seen


def act(job: Job) -> Called:
    return outside.act(HAND, job, wire_for(job, 60), ABSENT)


def restore(job: Job, after: Image) -> Called:
    return outside.restore(HAND, job, wire_for(job, 60), ABSENT, after)


def test_a_draft_is_put_where_drafts_are(there: Drafts) -> None:
    """X2: a person finds it as one of theirs, ready to be sent."""
    job = there.job()
    assert look(job) == ABSENT
    called = act(job)
    assert called.said.meaning is Meaning.DONE, called.said
    assert called.told == {"message_id": f"<{job.key}@own.example>"}
    ((_, flags, text),) = there.kept(job.key)
    assert b"\\Draft" in flags
    assert b"\\Seen" in flags
    mail = message_from_bytes(text, policy=default)
    assert mail["Subject"] == "Grüße"
    assert str(mail["To"]) == "Ann Ä <ann@acme.example>"
    assert str(mail["From"]) == "Sam Seller <sales@own.example>"
    assert mail.get_content().splitlines() == ["Hallo,", ".", "bis bald"]
    assert called.after == look(job)
    assert "Gr" not in json.dumps(called.after)
    nobody = there.job(contact=None)
    act(nobody)
    assert message_from_bytes(there.kept(nobody.key)[0][2])["To"] is None


def test_it_is_found_again_by_its_key(there: Drafts) -> None:
    """X3: killed between the call and the record, the next look says that it is done."""
    job = there.job()
    act(job)
    assert HAND.is_done(job, look(job))
    other = there.job()
    assert not HAND.is_done(other, look(other))
    assert HAND.origin(job, look(job)) == ABSENT


def test_taken_back_nothing_of_it_is_left(there: Drafts) -> None:
    """X4: this mail and no other, whatever else is marked as deleted."""
    job, beside, marked = there.job(), there.job(), there.job()
    for each in (beside, job, marked):
        act(each)
    there.flag(there.kept(marked.key)[0][0], "\\Deleted")
    assert look(marked) == ABSENT
    called = restore(job, look(job))
    assert called.said.meaning is Meaning.DONE, called.said
    assert called.after == ABSENT
    assert there.kept(job.key) == []
    assert [len(there.kept(each.key)) for each in (beside, marked)] == [1, 1]
    # Once more, and nothing is to be done.
    assert restore(job, called.after).said.meaning is Meaning.DONE


def test_without_uidplus_others_are_spared_too(
    there: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X4: what somebody else marked as deleted is theirs to remove."""
    there.expunge()
    job, marked = there.job(), there.job()
    for each in (job, marked):
        act(each)
    monkeypatch.setattr(Client, "has_capability", lambda *_: False)
    uid = there.kept(marked.key)[0][0]
    there.flag(uid, "\\Deleted")
    assert restore(job, look(job)).after == ABSENT
    assert [len(there.kept(each.key)) for each in (job, marked)] == [1, 1]
    assert b"\\Deleted" in there.kept(job.key)[0][1]
    there.expunge()
    alone = there.job()
    act(alone)
    assert restore(alone, look(alone)).after == ABSENT
    assert there.kept(alone.key) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"bis bald", b"bis morgen"),
        (b"Subject: ", b"Subject: Re: "),
        (b"To: ", b"To: bob@acme.example, "),
        (b"Subject: ", b"Bcc: eve@acme.example\r\nSubject: "),
    ],
)
def test_what_somebody_changed_is_seen_and_stays(
    there: Drafts, old: bytes, new: bytes
) -> None:
    """X4: a conflict, and nothing is touched."""
    job = there.job()
    act(job)
    after = look(job)
    ((uid, _, text),) = there.kept(job.key)
    assert old in text
    there.put(text.replace(old, new, 1))
    there.flag(uid, "\\Deleted")
    there.expunge()
    assert look(job) not in (after, ABSENT)
    called = restore(job, after)
    assert called.said.meaning is Meaning.MOVED
    assert [each[2].count(new) for each in there.kept(job.key)] == [1]


def test_reading_and_flagging_it_changes_nothing(there: Drafts) -> None:
    """X4: the image holds what counts, and nothing that moves by itself."""
    job = there.job()
    act(job)
    after = look(job)
    uid = there.kept(job.key)[0][0]
    there.flag(uid, "\\Flagged")
    there.put(b"Subject: another\r\n\r\nx")
    assert look(job) == after
    there.flag(uid, "\\Deleted")
    assert look(job) == ABSENT


def test_two_that_overlapped_leave_one(
    there: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X1: both looked before either had acted."""
    job = there.job()
    said = in_threads(4, lambda _: act(job))
    assert {each.said.meaning for each in said} == {Meaning.DONE}
    assert len(there.kept(job.key)) == 1
    assert {json.dumps(each.after) for each in said} == {json.dumps(look(job))}
    # One died in between: two are left, shown as one, and taken back as one.
    twice = there.job()
    act(twice)
    with monkeypatch.context() as patched:
        patched.setattr(mail_draft, "_leave_one", lambda *_: None)
        act(twice)
    assert len(there.kept(twice.key)) == 2
    once = there.job(key=twice.key)
    assert HAND.is_done(once, look(once))
    assert restore(once, look(once)).after == ABSENT
    assert there.kept(twice.key) == []


def test_what_a_stranger_edited_is_not_thrown_away_as_a_copy(there: Drafts) -> None:
    """X4: only copies that are alike are too many."""
    job = there.job()
    act(job)
    text = there.kept(job.key)[0][2]
    there.put(text.replace(b"bald", b"gleich"))
    act(job)
    kept = there.kept(job.key)
    assert sorted(each[2].count(b"gleich") for each in kept) == [0, 1]
    assert restore(job, look(job)).after == ABSENT


def test_servers_that_do_not_want_to(there: Drafts) -> None:
    """X3: unreached, refused and unknown are told apart."""
    away = there.job(config=there.config(port=free_port()))
    assert act(away).said.meaning is Meaning.UNREACHED
    for secret in ("wrong", ""):
        called = act(there.job(secret=secret))
        assert called.said.meaning is Meaning.REFUSED
    for after in (0, 60, 200, 500, 900):
        job = there.job()
        with cut(there.server.port, after) as port:
            config = there.config(port=port)
            called = act(there.job(key=job.key, config=config))
        fine = (Meaning.AMBIGUOUS, Meaning.UNREACHED, Meaning.DONE)
        assert called.said.meaning in fine
        if called.said.meaning is Meaning.DONE:
            assert len(there.kept(job.key)) == 1


def test_from_the_permit_to_the_folder(there: Drafts, desk: Desk) -> None:
    """X1, X2: the draft is kept here, and put there."""
    acting(desk, "mailbox", there.config())
    with tenant_scope(desk.tenant):
        ann = Contact.objects.get(external_id="c1")
    intent = approved(desk, "draft_email", contact=ann)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    ((_, _, text),) = there.kept(str(intent))
    assert b"After our call" in text
    assert b"ann@acme.example" in text
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get(intent_id=intent)
        assert Effect.objects.get().kind == "draft"
    assert execution.before == dict(ABSENT)
    assert execution.after is not None
    assert execution.after["there"]
    said = json.dumps([execution.outcome, execution.after])
    assert "ann@" not in said
