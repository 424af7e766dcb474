"""Every tool in a world of its own: a server, an act, what is seen there, and people."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol
from uuid import UUID

from autonomy.registry import change_type
from ledger.scope import tenant_scope
from perception.models import Contact, Opportunity
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.crm_vendors import PLACES, Place, open_at
from tests.autonomy.tools.davs import MEETING, TASK, Calendars, calendars
from tests.autonomy.tools.peer import SECRET, Integrator, approved, bound, integrator
from tests.autonomy.tools.postboxes import acting, config, postbox
from tests.autonomy.tools.trytons import Shop, tryton
from tests.conftest import NOW
from tests.perception.sources.servers import Imap, Pymap

_NUMBERS = count()
SUBJECT = {"subject": "After our call", "body": "Here is what we agreed on."}


class World(Protocol):
    """One tool, and the place where it acts."""

    # Whether it can be taken back, and whether the same key has one effect there.
    undoes: bool
    keyed: bool
    action_type: str
    parameters: Mapping[str, Any]

    def open(self, desk: Desk) -> None:
        """The desk's tenant acts through it."""

    def seen(self) -> Any:
        """All that a person sees there, as it can be compared."""

    def effects(self) -> int:
        """How often it was done."""

    def change(self) -> None:
        """Somebody changes what the act left."""


def intend(world: World, desk: Desk) -> UUID:
    """An approved act of this world's kind."""
    with tenant_scope(desk.tenant):
        deal = Opportunity.objects.order_by("id").first()
        contact = Contact.objects.first()
    return approved(
        desk,
        world.action_type,
        dict(world.parameters),
        opportunity=deal,
        contact=contact,
    )


def bind(desk: Desk, action_type: str, tool: str) -> None:
    with tenant_scope(desk.tenant):
        change_type(action_type, {"tool": tool}, by=desk.admin, now=NOW)


class InCalendar:
    """A meeting, or a task, in a real Radicale."""

    undoes = keyed = True

    def __init__(self, server: Calendars, what: str) -> None:
        self.server, self.what = server, what
        meets = what == "meeting"
        self.action_type = "schedule_meeting" if meets else "create_follow_up_task"
        self.parameters: Mapping[str, Any] = MEETING if meets else TASK
        self.folder = f"c{next(_NUMBERS)}"
        server.make(self.folder)

    def open(self, desk: Desk) -> None:
        acting(desk, "calendar", self.server.config(f"{self.folder}/"))
        bind(desk, self.action_type, f"calendar.{self.what}")

    def seen(self) -> list[str]:
        _, body = self.server.ask("GET", f"{self.folder}/")
        return sorted(
            line
            for line in body.decode().splitlines()
            if line.startswith(("UID", "SUMMARY", "DTSTART", "DUE", "DESCRIPTION"))
        )

    def effects(self) -> int:
        return sum(line.startswith("UID") for line in self.seen())

    def change(self) -> None:
        (uid,) = [line for line in self.seen() if line.startswith("UID")]
        name = f"{uid.partition(':')[2].partition('@')[0]}.ics"
        title = self.parameters["title"]
        self.server.change(self.folder, (title, f"{title}!"), name=name)


class InDrafts:
    """A draft in a real mailbox."""

    undoes = keyed = True
    action_type = "draft_email"
    parameters: Mapping[str, Any] = SUBJECT

    def __init__(self, server: Imap) -> None:
        self.server = server
        server.anew("Drafts")

    def open(self, desk: Desk) -> None:
        given = {
            "host": "127.0.0.1", "port": self.server.port, "tls": False,
            "user": self.server.user, "from": "sales@own.example",
        }  # fmt: skip
        acting(desk, "mailbox", given)

    def seen(self) -> list[bytes]:
        with self.server._client() as client:
            client.select("Drafts", readonly=True)
            uids = client.search(None, "NOT DELETED")[1][0].split()
            return sorted(self._mail(client, uid) for uid in uids)

    def _mail(self, client: Any, uid: Any) -> bytes:
        mail: bytes = client.fetch(uid, "(RFC822)")[1][0][1]
        return mail

    def effects(self) -> int:
        return len(self.seen())

    def change(self) -> None:
        """As mail programs do: another mail in place of the one that was there."""
        with self.server._client() as client:
            client.select("Drafts")
            (uid,) = client.search(None, "NOT DELETED")[1][0].split()
            mail = self._mail(client, uid)
            client.store(uid, "+FLAGS", "\\Deleted")
            client.expunge()
            client.append("Drafts", "\\Draft", None, mail + b"One more line.\r\n")


class ByMail:
    """A mail that goes out, at a real SMTP server."""

    undoes = keyed = False
    action_type = "send_email"
    parameters: Mapping[str, Any] = SUBJECT

    def __init__(self, box: Any) -> None:
        self.box = box

    def open(self, desk: Desk) -> None:
        acting(desk, "smtp", config(self.box.port, hold_s=0))

    def seen(self) -> int:
        return len(self.box.sent)

    effects = seen

    def change(self) -> None:
        """Nobody changes what went out."""


class AtIntegrators:
    """Whatever an integrator does; a webhook of ours; or a chat."""

    def __init__(self, peer: Integrator, kind: str) -> None:
        self.peer, self.kind = peer, kind
        self.undoes, self.keyed = kind == "http", kind != "chat"
        self.action_type = (
            "send_chat_message" if kind == "chat" else "create_internal_note"
        )
        self.parameters: Mapping[str, Any] = {"text": "A note."}
        peer.body = b"ok"

    def open(self, desk: Desk) -> None:
        if self.kind == "http":
            bound(desk, self.peer.url)
        elif self.kind == "chat":
            acting(desk, "chat", {"hold_s": 0}, secret=self.peer.url)
        else:
            acting(desk, "outbound", {"url": self.peer.url}, secret=SECRET)
            bind(desk, self.action_type, "webhook.send")

    def seen(self) -> int:
        """Who knows the key does it once, and once takes it back."""
        if self.kind == "chat":
            return len(self.peer.asked)
        done = [key for key in self.peer.effects if not key.endswith(":undo")]
        return len(done) - (len(self.peer.effects) - len(done))

    effects = seen

    def change(self) -> None:
        self.peer.says(409)


class InCrm:
    """A note, a task, a field or a stage, in a real Tryton or at a stand-in."""

    undoes = keyed = True
    TYPES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "note": ("create_internal_note", {"text": "Usage fell by a third."}),
        "task": ("create_follow_up_task", {"title": "Call Ann"}),
        "field": ("modify_pricing", {"amount": 990, "reason": "As agreed."}),
        "stage": ("change_opportunity_stage", {"to_stage": "qualification"}),
    }

    def __init__(self, what: str) -> None:
        self.what = what
        self.action_type, self.parameters = self.TYPES[what]

    def settle(self, desk: Desk, code: str, deal: str) -> None:
        """The desk's account and deal are those there."""
        with tenant_scope(desk.tenant):
            desk.account.external_id = code
            desk.account.save(update_fields=["external_id"])
            rows = Opportunity.objects.filter(account=desk.account).order_by("id")
            Opportunity.objects.filter(pk=rows[0].pk).update(external_id=deal)
        bind(desk, self.action_type, f"crm.{self.what}")


class InTryton(InCrm):
    def __init__(self, shop: Shop, what: str) -> None:
        super().__init__(what)
        self.shop = shop

    def open(self, desk: Desk) -> None:
        acting(desk, "tryton", self.shop.config(), secret=self.shop.crm.key)
        self.settle(desk, self.shop.code, str(self.shop.deal))

    def seen(self) -> Any:
        deal = self.shop.now("amount", "state")
        notes = [each["message"] for each in self.shop.notes()]
        tasks = [(each["name"], each["comment"]) for each in self.shop.tasks()]
        return [str(deal["amount"]), deal["state"], sorted(notes), sorted(tasks)]

    def effects(self) -> int:
        amount, state, notes, tasks = self.seen()
        match self.what:
            case "note":
                return len(notes)
            case "task":
                return len(tasks)
            case "field":
                return int("990" in amount)
            case _:
                return int(state == "opportunity")

    def change(self) -> None:
        match self.what:
            case "note":
                (note,) = self.shop.notes()
                said = {"message": f"{note['message']}\nMore."}
                anew = [["delete", [note["id"]]], ["create", [said]]]
                self.shop.change(notes=anew)
            case "task":
                (task,) = self.shop.tasks()
                path = f"project.work/{task['id']}"
                self.shop.crm.ask("PUT", path, {"name": "Call Bob"})
            case "field":
                self.shop.change(amount={"__class__": "Decimal", "decimal": "1000"})
            case _:
                self.shop.press("lost")


class AtVendor(InCrm):
    def __init__(self, place: Place, what: str) -> None:
        super().__init__(what)
        self.place = place
        there: Any = place
        there.there.now = datetime.now(UTC)
        if what == "stage":
            self.parameters = {"to_stage": "negotiation"}

    def open(self, desk: Desk) -> None:
        given = {"url": self.place.vendor.url}
        acting(desk, self.place.kind, given, secret=self.place.secret)
        self.settle(desk, self.place.account, self.place.deal_id)

    def seen(self) -> Any:
        made = [json.dumps(each, sort_keys=True, default=str) for each in self.made()]
        fields = (self.place.amount, self.place.stage)
        return [sorted(made), *(str(self.place.held(name)) for name in fields)]

    def made(self) -> list[dict[str, Any]]:
        return self.place.made()

    def effects(self) -> int:
        match self.what:
            case "field":
                return int(float(self.place.held(self.place.amount)) == 990)
            case "stage":
                return int(self.place.held(self.place.stage) == self.place.first)
            case _:
                return len(self.made())

    def change(self) -> None:
        match self.what:
            case "field":
                self.place.change(**{self.place.amount: 1000})
            case "stage":
                self.place.change(**{self.place.stage: self.place.second})
            case _:
                self.place.edit(" More.")


class Servers:
    """What worlds share, started when it is first needed."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.started: dict[str, Any] = {}

    def one(self, name: str, start: Callable[[], Any]) -> Any:
        if name not in self.started:
            self.started[name] = start()
        return self.started[name]

    def calendars(self) -> Calendars:
        def start() -> Any:
            return self.stack.enter_context(calendars())

        return self.one("dav", start)

    def mailbox(self) -> Imap:
        def start() -> Any:
            server = Pymap(Path(mkdtemp(prefix="imap-")))
            self.stack.callback(server.close)
            return server

        return self.one("imap", start)

    def tryton(self) -> Any:
        folder = Path(mkdtemp(prefix="crm-"))
        start = lambda: self.stack.enter_context(tryton(folder))  # noqa: E731
        return self.one("crm", start)


NAMES = (
    *("calendar.meeting", "calendar.task", "mail.draft", "mail.send"),
    *("http", "chat", "webhook"),
    *(f"tryton.{what}" for what in InCrm.TYPES),
    *(f"{kind}.{what}" for kind in sorted(PLACES) for what in InCrm.TYPES),
)


@contextmanager
def world(name: str, servers: Servers, settings: Any) -> Iterator[World]:
    """One of them, for one test."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    family, _, what = name.partition(".")
    with ExitStack() as stack:
        match family:
            case "calendar":
                yield InCalendar(servers.calendars(), what)
            case "mail":
                if what == "draft":
                    yield InDrafts(servers.mailbox())
                else:
                    yield ByMail(stack.enter_context(postbox()))
            case "http" | "chat" | "webhook":
                peer = stack.enter_context(integrator(settings))
                yield AtIntegrators(peer, family)
            case "tryton":
                yield InTryton(Shop(servers.tryton()), what)
            case _:
                place = stack.enter_context(open_at(family, settings))
                yield AtVendor(place, what)
