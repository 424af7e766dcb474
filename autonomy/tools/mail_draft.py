"""`mail.draft`: a mail in the folder of drafts, for a person to look at, change and send.

A kept mail never changes: whoever edits a draft puts another one in its place. So what
was looked at can be removed by its number without touching what somebody wrote.
"""

import email
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError
from imapclient.imapclient import DELETED, DRAFT, DRAFTS, SEEN

from autonomy.rules.answers import Meaning
from autonomy.tools import letters
from autonomy.tools.base import ABSENT, Image, Job, Making, Someone, stopped
from perception.sources.base import SourceFailed, SourceRefuses, Wire
from perception.sources.imap import Client, opened
from perception.sources.mailbox import SCHEMA
from perception.sources.reading import held

# Of each copy so much is looked at, and of so many copies.
PIECE = 64 * 1024
MOST = 8
# How often it is looked again where somebody else is at it.
LOOKS = 5
# What a person may change of a draft, besides its text.
EDITED = ("From", "Reply-To", "To", "Cc", "Bcc", "Subject")
NO_FOLDER = {b"\\noselect", b"\\nonexistent"}


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One mail in the folder that this key made."""

    uid: int
    digest: str


class MailDraft(Making):
    """Found again by its Message-ID, which the key alone makes."""

    key = "mail.draft"
    title = "Draft of a mail (IMAP)"
    acts_as = "mail.draft"
    timeout = 30.0
    takes = letters.TAKES
    keeps = "draft"

    def look(self, job: Job, wire: Wire) -> Image:
        config = _settled(job, wire)
        with opened(config, job.secret, wire) as client:
            name, is_there = _folder(client, config)
            return _image(_copies(client, name, job) if is_there else ())

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        config = _settled(job, wire)
        letter = _letter(job, config)
        mail = letter.written()
        with opened(config, job.secret, wire) as client:
            name, is_there = _folder(client, config)
            if not is_there:
                _make(client, name, config)
            _append(client, name, mail, config)
            _leave_one(client, _copies(client, name, job, to_change=True))
        return {"message_id": letter.id}

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        config = _settled(job, wire)
        with opened(config, job.secret, wire) as client:
            name, is_there = _folder(client, config)
            if not is_there:
                return
            found = _copies(client, name, job, to_change=True)
            if found and _image(found) != after:
                raise stopped(Meaning.MOVED, "Somebody has changed the draft.")
            _remove(client, [each.uid for each in found])


def _settled(job: Job, wire: Wire) -> Mapping[str, Any]:
    if not job.secret:
        raise SourceRefuses("There is no secret to log in with.")
    wire.hide(job.secret)
    return held(SCHEMA, job.config)


def _letter(job: Job, config: Mapping[str, Any]) -> letters.Letter:
    """The draft: from the mailbox's own address, to whom it concerns, if anybody."""
    own = [config.get("from", ""), config["user"]]
    us = next((each for each in own if letters.is_address(each)), "")
    seller = job.seller.name if job.seller else ""
    sender = Someone(name=seller, email=us) if us else job.seller
    domain = us.rpartition("@")[2] or config["host"].replace(":", "-").replace("_", "-")
    subject, body = letters.said(job)
    return letters.Letter(
        id=letters.id_of(job, domain),
        at=job.at,
        subject=subject,
        body=body,
        sender=letters.address_of(sender),
        to=letters.address_of(job.contact),
    )


def _folder(client: Client, config: Mapping[str, Any]) -> tuple[str, bool]:
    """The folder of drafts, as the server says or as configured, and if it is there."""
    listed = {
        name: {each.lower() for each in flags}
        for flags, _, name in client.list_folders()
    }
    there = {name: flags for name, flags in listed.items() if not flags & NO_FOLDER}
    named = sorted(name for name, flags in there.items() if DRAFTS.lower() in flags)
    name = named[0] if named else config["drafts"]
    return name, name in there


def _make(client: Client, name: str, config: Mapping[str, Any]) -> None:
    """The folder, unless somebody was faster; shown to people where that can be."""
    try:
        client.create_folder(name)
        client.subscribe_folder(name)
    except IMAPClientAbortError:
        raise
    except IMAPClientError:
        if not _folder(client, config)[1]:
            raise SourceRefuses(f"{config['host']} makes no folder {name!r}.") from None


def _append(client: Client, name: str, mail: bytes, config: Mapping[str, Any]) -> None:
    try:
        client.append(name, mail, flags=(DRAFT, SEEN))
    except IMAPClientAbortError:
        raise
    except IMAPClientError:
        raise SourceRefuses(f"{config['host']} does not take the draft.") from None


def _copies(
    client: Client, name: str, job: Job, *, to_change: bool = False
) -> Sequence[Copy]:
    """What the key made, the oldest first; what is marked as deleted is gone."""
    for _ in range(LOOKS):
        client.select_folder(name, readonly=not to_change)
        try:
            return _found(client, job)
        except IMAPClientAbortError:
            raise
        except IMAPClientError:
            # One was removed while it was read.
            continue
    raise SourceFailed("The folder of drafts does not keep still.")


def _found(client: Client, job: Job) -> Sequence[Copy]:
    uids = sorted(client.search(["HEADER", "Message-ID", job.key]))
    if len(uids) > MOST:
        raise SourceFailed("There are too many copies of the draft.")
    if not uids:
        return ()
    answers = client.fetch(uids, ["FLAGS", "RFC822.SIZE", f"BODY.PEEK[]<0.{PIECE}>"])
    return [
        Copy(uid=uid, digest=_digest(answers.get(uid, {}), job.key))
        for uid in uids
        if DELETED not in answers.get(uid, {}).get(b"FLAGS", ())
    ]


def _digest(answer: Mapping[bytes, Any], key: str) -> str:
    """All that a person may change, so that any change shows."""
    texts = (each for name, each in answer.items() if name.startswith(b"BODY[]"))
    raw = next(texts, None)
    if not isinstance(raw, bytes):
        raise IMAPClientError("It is gone.")
    mail = email.message_from_bytes(raw)
    head = [" ".join(str(mail.get(name, "")).split()) for name in EDITED]
    body = raw.partition(b"\r\n\r\n")[2]
    size = answer.get(b"RFC822.SIZE", 0) if len(raw) >= PIECE else 0
    whole = "\n".join([key, *head, str(size), ""]).encode("utf-8", "replace") + body
    return sha256(whole).hexdigest()


def _image(found: Sequence[Copy]) -> Image:
    """The same for any number of copies that are alike."""
    if not found:
        return ABSENT
    digests = sorted({each.digest for each in found})
    return {"there": True, "digest": "+".join(digests)}


def _leave_one(client: Client, found: Sequence[Copy]) -> None:
    """Two that overlapped left two: the oldest stays, and what differs from it."""
    alike = [each.uid for each in found if each.digest == found[0].digest]
    _remove(client, alike[1:])


def _remove(client: Client, uids: Sequence[int]) -> None:
    """These mails and no others, whatever else is marked as deleted."""
    if not uids:
        return
    client.delete_messages(uids, silent=True)
    if client.has_capability("UIDPLUS"):
        client.uid_expunge(uids)
    elif set(client.search("DELETED")) <= set(uids):
        client.expunge()
