"""`config`: what it shows, refuses and does, and for whom."""

import json
import os
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from autonomy.models import Bundle, Mode, Verdict
from config.as_code import standing as standing_of
from config.as_code.planning import plan, tried
from config.as_code.text import write
from config.as_code.told import compared
from config.operate.management.commands.config import Command
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Person
from perception.rules.roles import Role
from tests.autonomy.api.small import NARROWER
from tests.config.as_code.conftest import Files

AUTOPILOT = "modes:\n  - mode: AUTOPILOT\n"
ASSIST = "modes:\n  - mode: ASSIST\n"
SCHEDULED = "modes:\n  - mode: SCHEDULED\n"
DATA = "min_confidence: {default: 0.9}, amount_caps: {}"
SECRET = "whsec_" + "c2VjcmV0" * 4


def mode(files: Files) -> list[str]:
    with tenant_scope(files.desk.tenant):
        return list(Mode.objects.values_list("mode", flat=True))


def digest(files: Files) -> str:
    with tenant_scope(files.desk.tenant):
        return standing_of.digest_of(standing_of.standing())


def stated(files: Files) -> int:
    with tenant_scope(files.desk.tenant):
        return Entry.objects.count()


WRONG = [
    ("nonsense: 1\n", "line 1: nonsense: There is no such section"),
    ("version: 2\n", "line 1: version: This house reads version 1."),
    ("modes: 3\n", "line 1: modes: This is a list"),
    ("modes:\n  - AUTO\n", "line 2: modes[0]: Write names with their values here."),
    ("modes:\n  - mode: AUTO\n", 'line 2: modes[0].mode: "AUTO" is not a valid choice.'),
    ("modes:\n  - mood: ASSIST\n", "line 2: modes[0].mood: This name is not known"),
    ("modes:\n  - account: acme\n", "line 2: modes[0].mode: This is missing."),
    (ASSIST + "  - mode: APPROVAL\n", "line 3: modes[1]: The same scope as in line 2."),
    (
        "modes:\n  - mode: ASSIST\n    account: elsewhere\n",
        "line 3: modes[0].account: There is no account 'elsewhere' here.",
    ),
    (
        "modes:\n  - mode: ASSIST\n    action_type: fly\n",
        "line 3: modes[0].action_type: There is no action type 'fly' here.",
    ),
    (
        "budgets:\n  - seller: x@y.example\n    limit_per_day: 1\n",
        "line 2: budgets[0].seller: There is no seller 'x@y.example' here.",
    ),
    ("budgets:\n  - limit_per_day: '5'\n", "line 2: budgets[0].limit_per_day: "),
    ("budgets:\n  - limit_per_day: -1\n", "line 2: budgets[0].limit_per_day: Ensure this"),
    ("budgets:\n  - {limit_per_day: 1, each: account, account: acme}\n",
     "line 2: budgets[0].each: Give either each"),
    ("opt_ins:\n  - granted: yes\n", "line 2: opt_ins[0].granted: "),
    ("settings:\n  digest_hour: 24\n", "line 2: settings.digest_hour: Ensure"),
    ("settings:\n  four_eyes: null\n", "line 2: settings.four_eyes: Write a value"),
    ("settings:\n  timezone: 5\n", "line 2: settings.timezone: "),
    ("settings:\n  quiet_hours: {start: 20:00}\n", "line 2: settings.quiet_hours: Give start"),
    ("settings:\n", "line 1: settings: Write names with their values here."),
    ("triggers:\n  SOMETIMES: {enabled: true}\n", "line 2: triggers.SOMETIMES: There is SIGNAL"),
    ("triggers:\n  MANUAL:\n    debounce_s: 1.5\n", "line 3: triggers.MANUAL.debounce_s: "),
    ("tools:\n  shop: {url: https://a.example, effect: KEYED}\n",
     "line 2: tools.shop.secret: A new tool needs a secret"),
    ("tools:\n  shop: {url: https://a.example, effect: KEYED, secret: whsec_x}\n",
     "line 2: tools.shop.secret: Name a variable that holds it"),
    ("tools:\n  shop: {url: https://a.example, effect: KEYED, secret: env:NO_SUCH}\n",
     "line 2: tools.shop.secret: NO_SUCH is not set here."),
    ("tools:\n  shop: {url: https://a.example, effect: KEYED, secret: env:PATH}\n",
     "line 2: tools.shop.secret: PATH holds no secret"),
    ("tools:\n  mail.send: {url: https://a.example, effect: KEYED, secret: env:SHOP}\n",
     "line 2: tools.mail.send: mail.send is the house's own."),
    ("action_types:\n  commit_pricing:\n    tier: AUTONOMOUS\n",
     "line 2: action_types.commit_pricing: commit_pricing: a tier only becomes stricter"),
    ("action_types:\n  draft_email:\n    tool: nowhere\n",
     "line 3: action_types.draft_email.tool: There is no tool 'nowhere' here."),
    ("action_types:\n  draft_email: {risk_level: LOW}\n",
     "line 2: action_types.draft_email.risk_level: This name is not known"),
    ("action_types:\n  Fly: {tier: AUTONOMOUS}\n", "line 2: action_types.Fly: A name is in"),
    ("action_types:\n  fly: {tier: AUTONOMOUS}\n", "line 2: action_types.fly.schema: This is missing."),
    ("policy_data:\n  allowlist: [fly]\n  min_confidence: {default: 1}\n  amount_caps: {}\n  hours: {}\n",
     "line 2: policy_data.allowlist: There is no action type 'fly' here."),
    ("policy_data:\n  allowlist: []\n", "line 1: policy_data.min_confidence: This is missing."),
    ("policy_bundle:\n  name: b\n  tests: []\n  clauses:\n    - id: a\n",
     "line 5: policy_bundle.clauses[0].ceiling: This is missing."),
]  # fmt: skip


def test_what_is_wrong_is_said_at_its_line(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear line each; neither plan nor apply changes anything."""
    monkeypatch.setitem(os.environ, "SHOP", SECRET)
    before = (digest(files), stated(files))
    for text, said in WRONG:
        for code, heard in (files.plan(text), files.apply(text)):
            assert code == 1, text
            assert said in heard, heard
            assert SECRET not in heard
    assert (digest(files), stated(files)) == before


def test_everything_wrong_is_said_at_once(files: Files) -> None:
    """Faults of form, shape, name and law together, in the order of lines."""
    text = (
        "modes:\n  - mode: AUTO\n  - account: nobody\n    mode: ASSIST\nmodes: []\n"
        "action_types:\n  commit_pricing: {tier: AUTONOMOUS}\n"
    )
    code, said = files.plan(text)
    lines = [int(each.split()[1].rstrip(":")) for each in said.splitlines()[1:]]
    assert (code, lines) == (1, [2, 3, 5, 7])
    assert "4 things speak against this file; nothing was changed:" in said


def test_a_clause_is_refused_at_its_line(files: Files) -> None:
    """A10: what the engine says, and a bundle that fails its own tests."""
    bundle = {**NARROWER, "clauses": [*NARROWER["clauses"]]}
    bundle["clauses"][1] = {**bundle["clauses"][1], "condition": "stage == 5"}
    text = write({"policy_bundle": bundle}, "")
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "stage == 5" in row)
    code, said = files.plan(text)
    assert code == 1
    assert f"line {line}: policy_bundle.clauses[1].condition: " in said
    failing = {**NARROWER, "tests": [{"given": {}, "expect": {"decision": "BLOCK"}}]}
    code, said = files.plan(write({"policy_bundle": failing}, ""))
    assert (code, "policy_bundle.tests[0]: decision is AUTO_EXECUTE" in said) == (
        1,
        True,
    )
    with tenant_scope(files.desk.tenant):
        assert not Bundle.objects.exists()


def test_a_plan_is_shown_with_its_lines(files: Files) -> None:
    """What it would change, whether that widens, and the digest to apply it with."""
    code, said = files.plan(ASSIST + "settings:\n  digest_hour: 9\n")
    assert code == 2
    assert "~ modes, everything: AUTOPILOT → ASSIST  (line 2)" in said
    assert "~ settings, digest_hour: 8 → 9  (line 4)" in said
    assert "None of it widens autonomy." in said
    assert f"--expect {digest(files)}" in said
    assert mode(files) == ["AUTOPILOT"]


@pytest.mark.parametrize(
    ("text", "would", "aside"),
    [
        (ASSIST, 0, []),
        ("modes: []\n", 0, []),
        ("modes: []\nsettings:\n  default_mode: AUTOPILOT\n", 3, []),
        ("budgets:\n  - limit_per_day: 2\n", 2, []),
        ("budgets: []\n", 0, []),
        ("budgets:\n  - {each: account, limit_per_day: 1}\n", 1, []),
        (f"policy_data: {{allowlist: [], {DATA}, hours: {{}}}}\n", 0, []),
        (
            f"policy_data: {{allowlist: [create_internal_note], {DATA},"
            " hours: {start: 08:00, end: 09:00}}\n",
            3,
            ["hours of policy data"],
        ),
        (SCHEDULED + "settings:\n  digest_hour: 9\n", 3, ["settings"]),
    ],
)
def test_a_plan_is_tried_on_last_week(
    files: Files, text: str, would: int, aside: list[str]
) -> None:
    """A13: by the product's own preview; what it does not know of, is named."""
    for _ in range(3):
        files.desk.propose()
    with tenant_scope(files.desk.tenant):
        newest = Verdict.objects.latest("judged_at").judged_at
        seen, left = tried(plan(text, {}), now=newest + timedelta(seconds=1))
    assert (seen.acts, seen.would, seen.does) == (3, would, 3)
    assert left == aside
    said = compared(seen, left)
    assert said[0] == (
        f"Of the last 7 days' 3 acts, {would} would have run alone instead of 3."
    )
    assert [line for line in said if line.startswith("Not in")] == [
        f"Not in these numbers: {each}." for each in aside
    ]


def test_exits_tell_what_a_plan_found(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 nothing to do, 2 changes, 1 an error, a wrong option too."""
    assert files.plan(AUTOPILOT)[0] == 0
    assert files.plan(ASSIST)[0] == 2
    assert files.call("plan", ASSIST, "--file", "/nowhere.yaml")[0] == 1
    for argv in (["plan"], ["fly"], ["plan", "--tenant", "a", "--nonsense"]):
        with pytest.raises(SystemExit) as end:
            Command().run_from_argv(["manage.py", "config", *argv])
        assert end.value.code == 1


def test_programs_read_a_plan_as_json(files: Files) -> None:
    """The same as in words, with the simulation beside it."""
    out = StringIO()
    files.path.write_text(SCHEDULED)
    named = ["--tenant", files.desk.house.slug, "--file", str(files.path), "--json"]
    with pytest.raises(SystemExit) as end:
        call_command("config", "plan", *named, stdout=out)
    said = json.loads(out.getvalue())
    assert end.value.code == 2
    assert said["digest"] == digest(files)
    assert said["changes"] == [
        {
            "section": "modes",
            "key": ["", ""],
            "before": {"mode": "AUTOPILOT"},
            "after": {"mode": "SCHEDULED"},
            "line": 2,
            "widens": "AUTOPILOT becomes SCHEDULED",
            "said": "~ modes, everything: AUTOPILOT → SCHEDULED",
        }
    ]
    assert said["simulation"]["acts"] == 0


def test_an_export_goes_to_a_file_or_out(files: Files) -> None:
    """What is written is what is planned to nothing."""
    out, named = StringIO(), ["--tenant", files.desk.house.slug]
    call_command("config", "export", *named, stdout=out)
    assert out.getvalue() == files.export()
    call_command("config", "export", *named, "--file", str(files.path), stdout=out)
    assert files.path.read_text() == files.export()
    with pytest.raises(CommandError, match="no-such"):
        call_command("config", "export", "--tenant", "no-such")


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.ADMIN, 200), (Role.AUDITOR, 200), (Role.APPROVER, 403), (Role.SELLER, 403)],
)
def test_overseers_download_it(files: Files, role: Role, status: int) -> None:
    """Read only, from the admin; nobody else may, and strangers log in first."""
    house, client = files.desk.house, Client()
    url = "/admin/as-code.yaml"
    assert client.get(url).status_code == 302
    client.force_login(Person.objects.get(pk=house.members[role].person_id))
    answer = client.get(url)
    assert answer.status_code == status
    if status == 200:
        assert answer.content.decode() == files.export()
        assert house.slug in answer.headers["Content-Disposition"]
        assert client.post(url).status_code in (403, 405)
        assert (url in client.get("/admin/autonomy/mode/").content.decode()) is (
            role is Role.ADMIN
        )
