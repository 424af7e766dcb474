"""kill_switch and policy: what operators do by command (A1, A10, A13)."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import call_command

from autonomy.execute import start
from autonomy.models import KillSwitch
from ledger.models import Entry
from ledger.rules.canonical import canonical
from ledger.rules.note import parse_verifier_key
from ledger.scope import PLATFORM, tenant_scope
from ledger.signing import public_key
from tests.autonomy.api.commands import Run, refused, runner
from tests.autonomy.conftest import Desk


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


def switch(desk: Desk, verb: str, *more: str) -> tuple[str, ...]:
    reason = () if verb in ("list", "certificate") else ("--reason", "A drill.")
    return ("kill_switch", verb, "--tenant", desk.house.slug, *reason, *more)


def switches(desk: Desk) -> int:
    with tenant_scope(desk.tenant):
        return KillSwitch.objects.count()


# --- kill_switch ----------------------------------------------------------------------------


def test_on_and_off(desk: Desk, run: Run) -> None:
    """A1: by an operator, stated as such; off lets go in stages."""
    on = json.loads(run(*switch(desk, "on", "--json")))
    assert [(each["scope"], each["status"]) for each in on] == [("tenant", "on")]
    assert desk.propose().status == "BLOCKED"
    off = json.loads(run(*switch(desk, "off", "--json")))
    assert [(each["id"], each["status"]) for each in off] == [
        (on[0]["id"], "returning")
    ]
    assert desk.propose().status == "AWAITING_APPROVAL"
    run(*switch(desk, "off", "--id", on[0]["id"]))
    assert desk.propose().status == "APPROVED"
    with tenant_scope(desk.tenant):
        actors = Entry.objects.filter(kind__startswith="kill_switch.")
        assert {entry.actor["id"] for entry in actors} == {"operator"}
        assert actors.count() == 3


@pytest.mark.parametrize(
    ("option", "target"),
    [
        ("--action-type", "create_internal_note"),
        ("--action-type", " Create_Internal_Note "),
        ("--account", "{account}"),
        ("--account", "{ACCOUNT}"),
        ("--seller", "{seller}"),
        ("--tool", "internal.note"),
        ("--connector", "internal"),
    ],
)
def test_what_was_switched_on_is_switched_off_in_the_same_words(
    desk: Desk, run: Run, option: str, target: str
) -> None:
    """A1: nobody has to look up how the house writes it."""
    account = str(desk.account.id)
    named = target.format(
        account=account, ACCOUNT=account.upper(), seller=desk.account.owner_id
    )
    run(*switch(desk, "on", option, named))
    assert desk.propose().status == "BLOCKED"
    run(*switch(desk, "off", option, named, "--hold", "0"))
    assert desk.propose().status == "APPROVED"


def test_the_whole_house(desk: Desk, run: Run) -> None:
    """A1: without a tenant; every tenant stops, and the certificate counts them all."""
    try:
        (on,) = json.loads(run("kill_switch", "on", "--reason", "A drill.", "--json"))
        assert on["scope"] == "global"
        assert desk.propose().status == "BLOCKED"
        (shown,) = json.loads(run("kill_switch", "certificate", "--id", on["id"]))
        assert shown["acts_after"] == 0
        assert f"on         global  since {on['committed_at']}" in run(
            "kill_switch", "list"
        )
    finally:
        call_command("kill_switch", "off", "--reason", "Over.", "--hold", "0")
    assert desk.propose().status == "APPROVED"
    with tenant_scope(PLATFORM):
        last = Entry.objects.filter(kind="kill_switch.released").order_by("number")
        assert last.last().data["scope"] == "global"


def test_the_list(desk: Desk, run: Run) -> None:
    assert run(*switch(desk, "list")) == "No kill switch was ever on here."
    run(*switch(desk, "on", "--tool", "internal.note"))
    said = run(*switch(desk, "list"))
    assert said.startswith("on         tool internal.note  since ")
    assert said.endswith("A drill.")


def test_the_certificate_verifies_offline(desk: Desk, run: Run) -> None:
    """A1: with the ledger's public key, over the canonical rest; not when changed."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        assert start(intent.id).execution
    (on,) = json.loads(run(*switch(desk, "on", "--json")))
    (shown,) = json.loads(run(*switch(desk, "certificate", "--id", on["id"])))
    assert (shown["acts_before"], shown["acts_after"]) == (1, 0)
    text, _, lines = shown.pop("signature").partition("\n\n")
    key = parse_verifier_key(public_key())
    dash, name, encoded = lines.removesuffix("\n").split(" ")
    blob = base64.b64decode(encoded, validate=True)
    assert (dash, name, blob[:4]) == ("—", key.name, key.key_id)
    public = Ed25519PublicKey.from_public_bytes(key.public)
    public.verify(blob[4:], canonical(shown) + b"\n")
    assert text.encode() == canonical(shown)
    with pytest.raises(InvalidSignature):
        public.verify(blob[4:], canonical({**shown, "acts_after": 1}) + b"\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("on", "--tenant", "{slug}"), "Say why, with --reason."),
        (("on", "--tenant", "{slug}", "--reason", " "), "Say why, with --reason."),
        (("on", "--tenant", "nobody", "--reason", "x"), "There is no such tenant."),
        (("on", "--tool", "x", "--reason", "x"), "--tool needs --tenant."),
        (
            ("on", "--tenant", "{slug}", "--account", "acme", "--reason", "x"),
            "'acme' is not the id of an account.",
        ),
        (
            ("on", "--tenant", "{slug}", "--reason", "x" * 301),
            "300",
        ),
        (
            ("on", "--tenant", "{slug}", "--tool", "x" * 65, "--reason", "x"),
            "",
        ),
        (("off", "--tenant", "{slug}", "--reason", "x"), "No such switch is on."),
        (("certificate", "--tenant", "{slug}"), "Name the switch with --id."),
        (("off", "--id", "1", "--reason", "x"), "'1' is not an id"),
        (("blow", "--reason", "x"), "invalid choice: 'blow'"),
    ],
)
def test_a_switch_that_cannot_be_pressed_says_why(
    desk: Desk, words: tuple[str, ...], said: str
) -> None:
    """A1: in one line, and nothing was done."""
    named = [word.format(slug=desk.house.slug) for word in words]
    assert said in refused("kill_switch", *named)
    assert switches(desk) == 0
    assert desk.propose().status == "APPROVED"


# --- policy -----------------------------------------------------------------------------------
