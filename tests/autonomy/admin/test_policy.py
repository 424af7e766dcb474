"""Bundles, policy data, profiles and simulations in the pages."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from autonomy import policies, profiles, simulate
from autonomy.admin.sources import Unreadable, difference, read, written
from autonomy.models import Activation, Bundle, PolicyData, Profile, Simulation
from autonomy.policy import shipped
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception import tenants
from perception.models import Membership
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member, narrower, stated
from tests.autonomy.conftest import Desk

HERE = "/admin/autonomy"


def saved(desk: Desk, admin: Client, plain: dict[str, Any]) -> Bundle:
    """A version, saved by the form."""
    given = {"name": plain["name"], "text": written(plain)}
    answer = admin.post(f"{HERE}/bundle/add/", given)
    assert answer.status_code == 302, answer.content.decode()
    with tenant_scope(desk.tenant):
        made = Bundle.objects.latest("saved_at")
    assert answer.headers["Location"] == f"{HERE}/bundle/{made.pk}/change/"
    return made


def wider() -> dict[str, Any]:
    """The shipped bundle without its rule on confidence: it lets more run."""
    plain = shipped().plain()
    plain["name"] = "wider"
    plain["clauses"] = [each for each in plain["clauses"] if each["id"] != "amount_cap"]
    plain["tests"] = [each for each in plain["tests"] if "amount" not in each["given"]]
    return plain


def test_the_form_starts_from_what_is_in_force(desk: Desk, admin: Client) -> None:
    page = admin.get(f"{HERE}/bundle/add/").content.decode()
    assert "allowlisted_low_risk" in page
    assert read(written(shipped().plain())).plain["clauses"][0]["id"] == "hard_stop"
    assert difference(shipped().plain(), shipped().plain()) == []
    assert ("removed", "-  - id: amount_cap") in difference(shipped().plain(), wider())


def test_a_narrower_version_is_saved_and_comes_into_force(
    desk: Desk, admin: Client
) -> None:
    bundle = saved(desk, admin, narrower())
    assert stated(desk.house, Kind.POLICY_SAVED)[0].data["version"] == bundle.version
    path = f"{HERE}/bundle/{bundle.pk}"
    page = admin.get(f"{path}/change/").content.decode()
    assert '<div class="added">+  - id: tainted</div>' in page
    asked = admin.get(f"{path}/activate/").content.decode()
    assert "It lets no more run than what is in force." in asked
    assert admin.post(f"{path}/activate/").status_code == 302
    assert stated(desk.house, Kind.POLICY_ACTIVATED)[0].data["widens"] is False
    assert "in force" in admin.get(f"{path}/change/").content.decode()
    assert admin.post(f"{HERE}/bundle/roll-back/").status_code == 302
    assert stated(desk.house, Kind.POLICY_ROLLED_BACK)[0].data["after"] == (
        shipped().version
    )
    page = admin.get(f"{HERE}/bundle/").content.decode()
    assert "the policy as it was shipped" in page
    assert "Rolled back" in page
    answer = admin.post(f"{HERE}/bundle/roll-back/", follow=True)
    assert "There is no earlier policy to go back to." in answer.content.decode()


def test_a_wider_version_needs_a_trial_and_a_second_person(
    desk: Desk, admin: Client
) -> None:
    bundle = saved(desk, admin, wider())
    path = f"{HERE}/bundle/{bundle.pk}/activate/"
    assert "needs a completed simulation" in admin.get(path).content.decode()
    refused = admin.post(path, follow=True).content.decode()
    assert "Activation needs a completed simulation" in refused
    trial = admin.get(f"{HERE}/simulation/add/?bundle={bundle.pk}").content.decode()
    assert f'<option value="{bundle.pk}" selected' in trial
    answer = admin.post(f"{HERE}/simulation/add/", {"days": 1, "bundle": bundle.pk})
    assert answer.status_code == 302
    with tenant_scope(desk.tenant):
        asked = Simulation.objects.get()
    simulate.run(asked.id, tenant=desk.tenant, now=timezone.now())
    assert "A second person must activate it" in admin.get(path).content.decode()
    waits = admin.post(path, follow=True).content.decode()
    assert "It waits for a second person" in waits
    assert "waits for a second person" in waits
    again = admin.post(path, follow=True).content.decode()
    assert "another person must activate it too" in again
    with tenant_scope(desk.tenant):
        email = f"second@{desk.house.slug}.example"
        second = tenants.add_member(email, "Second", Role.ADMIN, now=timezone.now())
        second = Membership.objects.select_related("person").get(pk=second.pk)
    other = Client()
    other.force_login(second.person)
    assert other.post(path).status_code == 302
    with tenant_scope(desk.tenant):
        assert Activation.objects.get().signed_by_id == second.pk
    assert stated(desk.house, Kind.POLICY_ACTIVATED)[0].actor["id"] == str(second.pk)


def test_an_approver_signs_what_waits_for_a_second_person(
    desk: Desk, admin: Client
) -> None:
    """A10, U2: they read versions as the API lets them, sign one, and no more."""
    bundle, other = saved(desk, admin, wider()), saved(desk, admin, narrower())
    approver = member(desk.house, Role.APPROVER)
    path = f"{HERE}/bundle/{bundle.pk}"
    assert 'class="gv-button' not in approver.get(f"{HERE}/bundle/").content.decode()
    assert "Activate …" not in approver.get(f"{path}/change/").content.decode()
    for one in (bundle, other):
        door = f"{HERE}/bundle/{one.pk}/activate/"
        for ask in (approver.get, approver.post):
            refused = ask(door, follow=True).content.decode()
            assert "An admin asks for it first" in refused
    with tenant_scope(desk.tenant):
        assert not Activation.objects.exists()
    admin.post(f"{HERE}/simulation/add/", {"days": 1, "bundle": bundle.pk})
    with tenant_scope(desk.tenant):
        trial = Simulation.objects.get()
    simulate.run(trial.id, tenant=desk.tenant, now=timezone.now())
    admin.post(f"{path}/activate/")
    page = approver.get(f"{path}/change/").content.decode()
    assert "waits for a second person" in page
    assert f'href="{path}/activate/"' in page
    assert "Try it on the past" not in page
    asked = approver.get(f"{path}/activate/").content.decode()
    assert "the second person brings it into force" in asked
    signed = approver.post(f"{path}/activate/", follow=True).content.decode()
    assert "It is in force." in signed
    with tenant_scope(desk.tenant):
        made = Activation.objects.get()
    assert made.signed_by_id == desk.house.members[Role.APPROVER].id
    for closed in ("add", "roll-back", "preview"):
        url = f"{HERE}/bundle/{closed}/"
        assert approver.get(url).status_code == 403, closed
        assert approver.post(url).status_code == 403, closed


CLAUSE = """clauses:
  - id: one
    ceiling: AUTO_EXECUTE
    condition: {condition}
    reason: ALLOWED
    explanation: It may.
tests:
  - given: {given}
    expect: {expect}
"""


def bundle_of(
    condition: str = "allowlisted && tier == 'AUTONOMOUS'",
    given: str = "{}",
    expect: str = "{decision: AUTO_EXECUTE}",
) -> str:
    return CLAUSE.format(condition=condition, given=given, expect=expect)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clauses: [", "Line 1, column 11: "),
        ("clauses:\n\t- x", "Line 2, column 1: "),
        ("- a\n- b", "Write clauses: and tests:"),
        ("other: 1", "Write clauses: and tests:"),
        ("", "This field is required"),
        ("a: &a [x]\nclauses: [*a]", "Line 2, column 11: Write it out"),
        ("clauses: " + "[" * 40 + "]" * 40, "nested too deeply"),
        ("clauses: []\nclauses: []", "Line 2, column 1: This is said twice"),
        ("clauses: 5", "Give a list of clauses"),
        (bundle_of("true"), "Line 4, column 16: condition must be text; write it in"),
        (bundle_of("confidance > 0.7"), "Line 4 (clauses[0].condition, line 1, column 1)"),
        (bundle_of("allowlisted &&"), "Line 4 (clauses[0].condition, line 1, column 1"),
        (bundle_of("risk_level"), "this is a string"),
        (bundle_of(given="{amount: 1}"), "Line 8 (tests[0], line 1, column 1)"),
        (bundle_of(given="{amount: 2026-01-01}"), "Write texts, numbers"),
        (bundle_of(given="{touches: [[a]]}"), "given.touches must be plain"),
        (bundle_of(expect="{decision: 1}"), "expect.decision must be plain"),
        (bundle_of(expect="{decision: BLOCK}"), "tests[0]: decision is AUTO_EXECUTE"),
    ],
)  # fmt: skip
def test_a_fault_is_shown_with_its_place(
    desk: Desk, admin: Client, text: str, said: str
) -> None:
    given = {"name": "mine", "text": text}
    answer = admin.post(f"{HERE}/bundle/add/", given)
    assert answer.status_code == 200
    page = answer.content.decode().replace("&#x27;", "'").replace("&amp;", "&")
    assert said in page
    assert stated(desk.house, Kind.POLICY_SAVED) == []
    preview = admin.post(f"{HERE}/bundle/preview/", given)
    assert said in preview.content.decode().replace("&#x27;", "'")


def test_what_cannot_be_dumped_is_unreadable() -> None:
    for text in ("clauses: [.nan]", "clauses: [!!binary aGk=]", "clauses: [.inf]"):
        with pytest.raises(Unreadable):
            read(text)


def test_a_bundle_is_previewed(desk: Desk, admin: Client) -> None:
    desk.propose()
    desk.propose()
    plain = narrower()
    plain["clauses"][1]["condition"] = "origin == 'agent'"
    plain["tests"] = plain["tests"][1:2]
    given = {"name": "mine", "text": written(plain)}
    found = admin.post(f"{HERE}/bundle/preview/", given).content.decode()
    assert "0 of last week’s 2 acts would have run alone (today’s setting: 2)" in found
    assert stated(desk.house, Kind.POLICY_SAVED) == []


def data_form(**more: Any) -> dict[str, Any]:
    return {
        "allowlist": ["draft_email", "create_internal_note"],
        "minimum": "0.8",
        "minimums": "draft_email: 0.9\n\n",
        "cap": "1000",
        "caps": "send_proposal: 5000",
        "start": "08:00",
        "end": "18:00",
        "days": ["0", "4"],
        **more,
    }


def test_policy_data_are_changed_field_by_field(desk: Desk, admin: Client) -> None:
    page = admin.get(f"{HERE}/policydata/add/").content.decode()
    assert 'value="create_internal_note"' in page
    assert admin.post(f"{HERE}/policydata/add/", data_form()).status_code == 302
    with tenant_scope(desk.tenant):
        held = policies.data_in_force()
        row = PolicyData.objects.get()
    assert held["min_confidence"] == {"default": 0.8, "draft_email": 0.9}
    assert held["amount_caps"] == {"default": 1000.0, "send_proposal": 5000.0}
    assert held["hours"] == {"start": "08:00", "end": "18:00", "days": [0, 4]}
    assert set(held["allowlist"]) == {"draft_email", "create_internal_note"}
    entry = stated(desk.house, Kind.SETTING_CHANGED)[-1]
    assert entry.data["before"]["min_confidence"] == {"default": 0.7}
    assert entry.data["after"]["min_confidence"] == held["min_confidence"]
    page = admin.get(f"{HERE}/policydata/{row.pk}/change/").content.decode()
    assert "08:00 to 18:00, Monday, Friday" in page
    assert "draft email 0.9" in page
    again = admin.post(f"{HERE}/policydata/add/", data_form())
    assert "This is what is in force already." in again.content.decode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"minimum": "1.1"}, "less than or equal to 1"),
        ({"minimum": ""}, "This field is required"),
        ({"minimums": "draft_email 0.9"}, "Line 1: write a type and a number 0 to 1"),
        ({"minimums": "\ndraft_email: nan"}, "Line 2: write a type"),
        ({"minimums": "fly: 0.9"}, "There is no action type fly."),
        ({"caps": "send_proposal: -1"}, "Line 1: write a type and a number of 0"),
        ({"cap": "nan"}, "Enter a number"),
        ({"end": ""}, "Give both, or neither."),
        ({"end": "07:00"}, "It must be after the start."),
        ({"end": "25:00"}, "Enter a valid value"),
        ({"start": "", "end": ""}, "Days need hours"),
        ({"server": "opa.example"}, "The URL of an OPA server is https://host"),
        ({"server_path": "/v1"}, "A path needs a server."),
        ({"allowlist": ["fly"]}, "fly is not one of the available choices"),
    ],
)
def test_wrong_data_are_refused_at_their_field(
    desk: Desk, admin: Client, wrong: dict[str, Any], said: str
) -> None:
    before = len(stated(desk.house, Kind.SETTING_CHANGED))
    answer = admin.post(f"{HERE}/policydata/add/", data_form(**wrong))
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert len(stated(desk.house, Kind.SETTING_CHANGED)) == before


def test_a_policy_server_is_kept_when_other_data_change(
    desk: Desk, admin: Client
) -> None:
    given = data_form(server="https://opa.example", server_path="/v1/data/x")
    assert admin.post(f"{HERE}/policydata/add/", given).status_code == 302
    page = admin.get(f"{HERE}/policydata/add/").content.decode()
    assert 'value="https://opa.example"' in page
    with tenant_scope(desk.tenant):
        row, held = PolicyData.objects.get(), policies.data_in_force()
    assert held["opa"] == {"url": "https://opa.example", "path": "/v1/data/x"}
    page = admin.get(f"{HERE}/policydata/{row.pk}/change/").content.decode()
    assert "https://opa.example/v1/data/x" in page
    page = admin.get(f"{HERE}/bundle/").content.decode()
    assert "https://opa.example judges in place" in page
    assert admin.post(f"{HERE}/policydata/add/", data_form()).status_code == 302
    with tenant_scope(desk.tenant):
        assert "opa" not in policies.data_in_force()


def test_a_profile_is_signed_and_withdrawn(desk: Desk, admin: Client) -> None:
    with tenant_scope(desk.tenant):
        offered = profiles.install(
            "send_follow_up_email", hold_seconds=90, now=timezone.now()
        )
    path = f"{HERE}/profile/{offered.pk}"
    assert "offered" in admin.get(f"{path}/change/").content.decode()
    assert "held back for 90 seconds" in admin.get(f"{path}/sign/").content.decode()
    assert admin.post(f"{path}/sign/").status_code == 302
    entry = stated(desk.house, Kind.SETTING_CHANGED)[-1]
    assert (entry.data["what"], entry.data["setting"]) == ("signed", "profile")
    assert entry.actor["id"] == str(desk.house.members[Role.ADMIN].id)
    page = admin.get(f"{path}/change/").content.decode()
    assert "send follow up email: signed" in page
    assert admin.post(f"{path}/sign/").status_code == 302
    assert stated(desk.house, Kind.SETTING_CHANGED)[-1].number == entry.number
    assert admin.post(f"{path}/withdraw/").status_code == 302
    with tenant_scope(desk.tenant):
        assert not Profile.objects.exists()
    assert stated(desk.house, Kind.SETTING_CHANGED)[-1].data["what"] == "withdrawn"


def test_a_simulation_is_asked_for_and_reports(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(mode="APPROVAL")
    client = member(desk.house, Role.ADMIN)
    desk.propose()
    desk.propose("send_email")
    add = f"{HERE}/simulation/add/"
    nothing = client.post(add, {"days": 7}).content.decode()
    assert "Choose something to be different." in nothing
    assert client.post(add, {"days": 0, "mode": "ASSIST"}).status_code == 200
    answer = client.post(add, {"days": 7, "mode": "AUTOPILOT"})
    assert answer.status_code == 302
    page = client.get(answer.headers["Location"]).content.decode()
    assert 'hx-trigger="every 3s"' in page
    with tenant_scope(desk.tenant):
        asked = Simulation.objects.get()
    simulate.run(asked.id, tenant=desk.tenant, now=timezone.now())
    page = client.get(answer.headers["Location"]).content.decode()
    assert "hx-trigger" not in page
    assert "<strong>1</strong> would newly have run alone" in page
    assert "create internal note" in page
    assert "Acme" in page
