"""A day of an installation in which everything that can go wrong knows a secret."""

import base64
import json
import secrets
import socket
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import Fernet

from perception.rules.webhooks import sign
from tests.walks.canaries import DEPLOYED, KEPT, PERSONAL, Canary, digits, word
from tests.walks.doors import Tenant, tenants
from tests.walks.gossips import Gossip, as_mail, as_mailbox, chatter
from tests.walks.running import Running, installation
from tests.walks.visitor import Visitor

# A person of the tenant, with a password; a token; and what was said with a contact.
PLANT = """
import json
from django.utils import timezone
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception import tenants, tokens
from perception.interactions import keep
from perception.models import Account, Person
from perception.rules.roles import Role
from perception.sources.base import Met
given, now = json.loads({given!r}), timezone.now()
with tenant_scope(tenants.find_tenant("demo-1")):
    member = tenants.add_member(
        given["address"], given["name"], Role.ADMIN, password=given["password"], now=now
    )
    account = Account.objects.get(external_id=given["account"])
    keep(
        [
            (account.id, Met(external_id=each["channel"], direction="in", at=now, **each))
            for each in given["met"]
        ],
        connector=None,
        now=now,
    )
    print(json.dumps({{"token": tokens.issue(member, days=1, now=now)}}))
"""
# What breaks in the database quotes the row that broke it.
BREAKS = """
CREATE FUNCTION gossip() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW::text LIKE '%{word}%' THEN
        RAISE EXCEPTION 'no room' USING DETAIL = 'Failing row contains ' || NEW::text;
    END IF;
    RETURN NEW;
END $$;
{triggers}
SELECT 1
"""
BREAK = """CREATE TRIGGER gossip BEFORE {}
    FOR EACH ROW EXECUTE FUNCTION gossip();
"""
BROKEN = (
    "INSERT ON perception_contact", "INSERT ON perception_signal",
    "INSERT ON autonomy_effect", "UPDATE ON autonomy_approval",
)  # fmt: skip


def signing_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class Cage:
    """What is planted, by name."""

    canaries: dict[str, Canary] = field(default_factory=dict)

    def plant(self, kind: str, what: str, said: str = "") -> str:
        made = Canary(kind=kind, what=what, word=said or word())
        self.canaries[what] = made
        return made.word

    def word(self, what: str) -> str:
        return self.canaries[what].word


@dataclass
class Day:
    """The installation, its tenant, a person with a browser, and every answer."""

    running: Running
    cage: Cage
    tenant: Tenant
    gossip: Gossip
    visitor: Visitor
    answers: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    contact: str = ""
    name: str = ""

    def ask(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        """One request of the API; its answer is kept, whatever it is."""
        status, said, headers = self.tenant.ask(method, path, body, **more)
        self.answers.append((status, bytes(headers), json.dumps(said).encode()))
        return said

    def raw(self, text: bytes) -> None:
        """What is no HTTP, sent all the same."""
        with socket.create_connection(("127.0.0.1", self.running.port), 30) as line:
            line.sendall(text)
            with suppress(OSError):
                said = b"".join(iter(lambda: line.recv(65536), b""))
                self.answers.append((400, b"", said))


def deployment(cage: Cage, knows: Gossip, mails: int) -> dict[str, str]:
    """What a deployer gives by the environment; every secret of it is planted."""
    seed = base64.b64encode(secrets.token_bytes(32)).decode()
    mail = cage.plant(DEPLOYED, "the password of mails")
    return {
        "SECRET_KEY": cage.plant(DEPLOYED, "the key of cookies", word(50)),
        "FIELD_KEYS": cage.plant(
            DEPLOYED, "the key of fields", Fernet.generate_key().decode()
        ),
        "LEDGER_SIGNING_KEY": cage.plant(DEPLOYED, "the key of the ledger", seed),
        "EMAIL_URL": f"smtp://house%40own.example:{mail}@127.0.0.1:{mails}",
        "OIDC_ISSUER": f"http://{knows.place}",
        "OIDC_CLIENT_ID": "autonomy",
        "OIDC_CLIENT_SECRET": cage.plant(DEPLOYED, "the secret of single sign-on"),
        "SYNTHESIZER": "llm",
        "LLM_MODEL": "openai:gpt-5-mini",
        "OPENAI_BASE_URL": f"http://{knows.place}/v1",
        "OPENAI_API_KEY": cage.plant(DEPLOYED, "the key of the model"),
        "ANTHROPIC_BASE_URL": f"http://{knows.place}",
        "ANTHROPIC_API_KEY": cage.plant(DEPLOYED, "the key of another model"),
        "EGRESS_ALLOW": "127.0.0.1",
        "MAX_ATTEMPTS": "2",
    }


@contextmanager
def day(**env: str) -> Iterator[Day]:
    """An installation after its day, still running."""
    cage = Cage()
    knows = [cage.plant(KEPT, "what a tool knows", signing_secret())]
    with ExitStack() as beside:
        gossip = beside.enter_context(Gossip(knows))
        mails = beside.enter_context(chatter(b"220 gossip\r\n", as_mail))
        box = beside.enter_context(chatter(b"* OK gossip\r\n", as_mailbox))
        given = {**deployment(cage, gossip, mails), **env}
        running = beside.enter_context(installation(**given))
        running.start()
        (tenant,) = tenants(running, 1, 3)
        one = Day(running, cage, tenant, gossip, Visitor(running.port))
        _plant(one, box)
        _work(one)
        _fail(one)
        _look(one)
        running.wait_for(tenant.is_done, 120)
        yield one
        running.stop()


def _plant(day: Day, box: int) -> None:
    """Secrets and people, through the doors that they really come in by."""
    cage, tenant = day.cage, day.tenant
    tenant.free()
    name, address = "the name of a contact", "the address of a contact"
    phone = cage.plant(PERSONAL, "the phone of a contact", "+49 30 " + digits(9))
    ann = {
        "external_id": "c-ann",
        "name": f"Ann {cage.plant(PERSONAL, name).title()}",
        "email": f"{cage.plant(PERSONAL, address)}@acme.example",
    }
    account = {"external_id": "acme", "name": "Acme", "contacts": [ann]}
    made = tenant.tell("POST", "accounts/", account)
    day.contact, day.name = made["contacts"][0]["id"], ann["name"]
    mail, meeting = "the text of a mail", "the text of a meeting"
    met = [
        {"channel": "email", "emails": [ann["email"]], "subject": "Renewal",
         "text": f"{cage.plant(PERSONAL, mail)}, call {phone}. {ann['name']}"},
        {"channel": "meeting", "emails": [ann["email"]], "subject": "Kick-off",
         "text": f"{ann['name']} said {cage.plant(PERSONAL, meeting)}."},
    ]  # fmt: skip
    person = {
        "address": f"{cage.plant(PERSONAL, 'the address of a member')}@own.example",
        "name": cage.plant(PERSONAL, "the name of a member"),
        "password": cage.plant(KEPT, "the password of a member"),
        "account": "acme",
        "met": met,
    }
    code = PLANT.format(given=json.dumps(person))
    said = json.loads(
        day.running.manage("shell", "-v", "0", "-c", code).splitlines()[-1]
    )
    cage.plant(KEPT, "a token", said["token"])
    tool = {
        "key": "gossip", "url": f"http://{day.gossip.place}/tool", "effect": "KEYED",
        "secret": cage.word("what a tool knows"), "undo": True, "timeout_s": 9,
        "rate_per_s": 100,
    }  # fmt: skip
    day.ask("POST", "tools/", tool)
    tenant.change("action-types/create_follow_up_task/", {"tool": "gossip"})
    url = f"http://{day.gossip.place}/feed?key=x"
    for kind, what, config in (
        ("mailbox", "the password of a mailbox",
         {"host": "127.0.0.1", "port": box, "tls": False, "user": "us@own.example"}),
        ("http", "the secret of a source",
         {"url": url, "auth": "bearer", "type": "news"}),
    ):  # fmt: skip
        given = {"kind": kind, "name": what, "config": config}
        made = day.ask(
            "POST", "connectors/", {**given, "secret": cage.plant(KEPT, what)}
        )
        assert "id" in made, made
        day.ask("POST", f"connectors/{made['id']}/try/", {})


def _work(day: Day) -> None:
    """Signals, a delivery, proposals, answers of people, acts, an undo."""
    cage, tenant, name = day.cage, day.tenant, day.name
    said = cage.plant(PERSONAL, "a word of a signal")
    signal = {
        "account": "acme", "type": "ticket_escalated", "dedupe_key": "hunt 1",
        "payload": {"title": f"{said} {name}", "contact": "c-ann", "severity": "high"},
    }  # fmt: skip
    tenant.post(signal)
    _deliver(day)
    note = cage.plant(PERSONAL, "the words of a note")
    kept = _propose(day, "create_internal_note", {"text": f"{note} of {name}"})
    _propose(day, "create_follow_up_task", {"title": f"Call {note}", "details": name})
    letter = cage.plant(PERSONAL, "the words of a letter")
    mail = {"subject": f"For {name}", "body": letter}
    for verb, body in (
        ("edit", {"parameters": {**mail, "body": f"{letter} once more"}}),
        ("reject", {"cause": "timing", "note": cage.plant(PERSONAL, "a reason")}),
    ):
        asked = _propose(day, "send_email", mail)
        (question,) = tenant.tell("GET", f"approvals/?intent={asked}")["results"]
        day.ask("POST", f"approvals/{question['id']}/{verb}/", body)
    step = {"action_type": "create_internal_note", "parameters": {"text": name}}
    course = {"account": "acme", "plan_type": "EXPANSION", "steps": [step]}
    plan = day.ask("POST", "plans/", {**course, "rationale": f"{name} asked, {note}."})
    assert "id" in plan, plan
    day.running.wait_for(tenant.is_done, 120)
    (done,) = tenant.tell("GET", f"executions/?intent={kept}")["results"]
    day.ask("POST", f"executions/{done['id']}/undo/", {"reason": "Not now."})


def _propose(day: Day, action: str, parameters: dict[str, Any]) -> str:
    given = {
        "account": "acme", "action_type": action, "parameters": parameters,
        "confidence": 0.9, "rationale": "Ann asked.", "contact": day.contact,
    }  # fmt: skip
    return str(day.ask("POST", "intents/", given)["id"])


def _deliver(day: Day) -> None:
    """A webhook: one delivery that holds, one that is no signal, one not signed."""
    secret = day.cage.plant(KEPT, "the secret of a webhook", signing_secret())
    given = {"kind": "webhook", "name": "Tickets", "secret": secret}
    made = day.ask("POST", "connectors/", given)
    said = day.cage.plant(PERSONAL, "a word of a delivery")
    whole = {"account": "acme", "type": "news", "payload": {"title": said}}
    for number, body in enumerate((whole, {**whole, "account": said}, {"no": said})):
        text = json.dumps(body).encode()
        signed = sign(secret, message=f"m{number}", at=datetime.now(UTC), body=text)
        day.ask("POST", f"webhooks/{made['id']}/", body, **signed)
        day.ask(
            "POST", f"webhooks/{made['id']}/", body, **{**signed, "webhook-id": "x"}
        )
    day.ask("POST", f"connectors/{made['id']}/rotate/", {"secret": "whsec_" + said})


def _fail(day: Day) -> None:
    """The database breaks with rows in its words; requests that are no good."""
    cage = day.cage
    row = cage.plant(PERSONAL, "a row that broke")
    triggers = "".join(map(BREAK.format, BROKEN))
    day.running.sql(BREAKS.format(word=row, triggers=triggers))
    person = {"external_id": row, "name": row, "email": f"{row}@acme.example"}
    account = {"external_id": "b", "name": "B", "contacts": [person]}
    day.ask("POST", "accounts/", account)
    signal = {"account": "acme", "type": "news", "payload": {"title": row}}
    day.ask("POST", "signals/", signal, role="integration")
    _propose(day, "create_internal_note", {"text": row})
    secret = cage.word("what a tool knows")
    bad = {"key": "second", "url": "http://x/", "effect": "NONE", "secret": secret[:-9]}
    cage.plant(KEPT, "most of what a tool knows", secret[:-9])
    day.ask("POST", "tools/", bad)
    day.ask("POST", "connectors/", {"kind": "http", "name": "", "secret": secret})
    day.ask("GET", "accounts/", token=cage.word("a token") + "x")
    day.ask("GET", f"accounts/?token={cage.word('a token')}&limit=none")
    sent = urllib.parse.quote(cage.word("a token"))
    day.raw(f"GET /?key={sent} HTTP/9.9 and more\r\n\r\n".encode())
    day.raw(f"GET / HTTP/1.1\r\nAuthorization Bearer {sent}\r\n\r\n".encode())


def _look(day: Day) -> None:
    """A person logs in, once with a slip; sees what is there, and what is not."""
    cage, visitor = day.cage, day.visitor
    email = f"{cage.word('the address of a member')}@own.example"
    slip = cage.plant(KEPT, "a password with a slip")
    visitor.log_in(email, slip)
    page = visitor.log_in(email, cage.word("the password of a member"))
    assert page.url.endswith("/"), page.url
    visitor.see(f"/nowhere/{slip}/")
    waits = day.tenant.tell("GET", "approvals/?status=PENDING")["results"][0]["id"]
    path, note = f"/inbox/{waits}/", cage.word("a row that broke")
    token = visitor.token(path)
    visitor.see(path + "reject/", csrfmiddlewaretoken=token, cause="idea", note=note)
    stranger = Visitor(day.running.port)
    stranger.send("/auth/oidc/oidc/login/")
    visitor.pages += stranger.pages


def erase(day: Day) -> None:
    """The contact asks to be forgotten."""
    path = f"/admin/perception/contact/{day.contact}/erase/"
    page = day.visitor.send(path)
    assert b"Erased" in page.body, page.status
