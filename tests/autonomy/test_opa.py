"""A10: a policy in an OPA server decides as its twin in CEL; whatever fails asks."""

import json
import math
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import regorus

from autonomy.opa import MOST, PATH, OpaPolicy
from autonomy.policy import PLAINEST, compiled, shipped
from autonomy.rules.actions import Traits
from autonomy.rules.bundles import is_confidence, variables
from autonomy.rules.facts import BudgetLine, Facts, ModeAt, Reach
from autonomy.rules.judge import judge
from autonomy.rules.verdict import Decision, Judgement, Layer, ask

REGO = (Path(__file__).parent / "auto_approval.rego").read_text()
PACKAGE = "/v1/data/autonomy/auto_approval"
ALLOWS = {
    "decision": "AUTO_EXECUTE",
    "reason": "ALLOWED",
    "clause": "notes",
    "explanation": "Notes are fine.",
}


def facts(**given: Any) -> Facts:
    """The facts that a policy sees as these variables, and the plainest for the rest."""
    seen = {**PLAINEST, **given}
    traits = Traits(
        tier=seen["tier"],
        risk_level=seen["risk_level"],
        external_contact=seen["external_contact"],
        touches=tuple(seen["touches"]),
        reversal=seen["reversal"],
        idempotent=seen["idempotent"],
        tool="notes",
    )
    same = (
        "action_type origin confidence lifecycle tainted opted_in profile allowlisted "
        "min_confidence amount amount_cap within_hours"
    )
    return Facts(
        **{name: seen[name] for name in same.split()},
        day="2026-11-20",
        account="an account",
        seller=None,
        traits=traits,
        risk_level=None,
        stage=seen["stage"] or None,
        switches=(),
        modes=(ModeAt(scope="tenant", mode=seen["mode"]),),
        digest_delivered=True,
        contact=None,
        opted_out=False,
        account_reach=Reach(used=0, cap=9),
        contact_reach=Reach(used=0, cap=9),
        quiet=False,
        budgets=(BudgetLine(budget="acts", key="", scope="tenant", limit=9, used=0),),
    )


Reply = tuple[int, dict[str, str], bytes]


class Stub(ThreadingHTTPServer):
    """A server of OPA's data API, with the answers that it is told to give."""

    def __init__(self, reply: Callable[[str, bytes], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = reply
        self.asked: list[tuple[str, str | None, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        stub = self.server
        assert isinstance(stub, Stub)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stub.asked.append((self.path, self.headers["Content-Type"], body))
        status, headers, answer = stub.reply(self.path, body)
        try:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Tests say what matters themselves."""


def rego(path: str, body: bytes) -> Reply:
    """As OPA answers: a rule's value under `result`, and nothing where it has none."""
    engine = regorus.Engine()
    engine.add_policy("auto_approval.rego", REGO)
    engine.set_input_json(json.dumps(json.loads(body)["input"]))
    rule = path.removeprefix("/v1/").replace("/", ".")
    known = rule == "data.autonomy.auto_approval.decision"
    answer = {"result": json.loads(engine.eval_rule_as_json(rule))} if known else {}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


@pytest.fixture
def opa(settings: Any) -> Iterator[Callable[..., Stub]]:
    stubs: list[Stub] = []

    def start(reply: Callable[[str, bytes], Reply]) -> Stub:
        stub = Stub(reply)
        stubs.append(stub)
        Thread(target=stub.serve_forever, args=(0.01,)).start()
        settings.EGRESS_ALLOW = (f"127.0.0.1:{stub.server_port}",)
        return stub

    settings.DEBUG = False
    yield start
    for stub in stubs:
        stub.shutdown()
        stub.server_close()


@pytest.fixture
def says(opa: Callable[..., Stub]) -> Callable[..., OpaPolicy]:
    """A policy whose server gives this answer, whatever it is asked."""

    def answering(body: Any, status: int = 200, **headers: str) -> OpaPolicy:
        said = body if isinstance(body, bytes) else json.dumps(body).encode()
        return OpaPolicy(opa(lambda *_: (status, headers, said)).url)

    return answering


def error(why: str) -> Judgement:
    return ask(
        Layer.POLICY,
        "POLICY_ERROR",
        f"{why}, so a person decides.",
        "the policy server judges it",
    )


UNREACHED = error("The policy server may not be reached from here")
UNUSABLE = error("The policy server gave no answer that can be used")
NO_JSON = error("The policy server did not answer in JSON")
NO_RESULT = error("The policy server has no such policy, or no result")
NO_DECISION = error("The policy server's result is not a decision as agreed")


@pytest.mark.parametrize("case", shipped().tests, ids=lambda case: str(case.given))
def test_the_twin_passes_the_table_of_the_bundle(opa, case) -> None:
    told = facts(**case.given)
    seen = {**PLAINEST, **case.given}
    if not is_confidence(seen["confidence"]):
        seen["confidence"] = 0.0
    assert variables(told) == seen
    found = OpaPolicy(opa(rego).url)(told).stated()
    assert {name: found[name] for name in case.expect} == dict(case.expect)
    there = compiled(shipped())(told).stated()
    same = ("layer", "decision", "reason", "clause")
    assert [found[name] for name in same] == [there[name] for name in same]


def test_what_is_asked(opa) -> None:
    stub = opa(rego)
    told = facts(amount=12.5, touches=["stage"])
    assert OpaPolicy(stub.url)(told).decision is Decision.AUTO_EXECUTE
    [(path, kind, body)] = stub.asked
    assert path == "/v1/data/autonomy/auto_approval/decision"
    assert kind == "application/json"
    assert json.loads(body) == {"input": variables(told)}


def test_what_is_answered(says) -> None:
    assert says({"result": ALLOWS, "decision_id": "1"})(facts()) == Judgement(
        layer=Layer.POLICY,
        decision=Decision.AUTO_EXECUTE,
        reason="ALLOWED",
        clause="notes",
        explanation="Notes are fine.",
        remedies=(),
    )
    held = {**ALLOWS, "decision": "REQUIRE_APPROVAL", "reason": "NOTES_HELD"}
    assert says({"result": held})(facts()) == Judgement(
        layer=Layer.POLICY,
        decision=Decision.REQUIRE_APPROVAL,
        reason="NOTES_HELD",
        clause="notes",
        explanation="Notes are fine.",
        remedies=("the policy's clause notes does not apply",),
    )


def test_an_allowance_is_called_by_its_name(says) -> None:
    found = says({"result": {**ALLOWS, "reason": "BECAUSE"}})(facts())
    assert (found.decision, found.reason) == (Decision.AUTO_EXECUTE, "ALLOWED")


@pytest.mark.parametrize("decision", Decision)
@pytest.mark.parametrize(
    ("confidence", "minimum", "reason"),
    [
        (None, 0.7, "CONFIDENCE_INVALID"),
        (math.nan, 0.7, "CONFIDENCE_INVALID"),
        (math.inf, 0.7, "CONFIDENCE_INVALID"),
        (-0.1, 0.0, "CONFIDENCE_INVALID"),
        (1.01, 0.7, "CONFIDENCE_INVALID"),
        (math.nextafter(0.7, 0), 0.7, "CONFIDENCE_LOW"),
        (0.0, 0.7, "CONFIDENCE_LOW"),
        (0.7, 0.7, ""),
        (1.0, 0.7, ""),
        (0.0, 0.0, ""),
    ],
)
def test_confidence_only_lowers(says, decision, confidence, minimum, reason) -> None:
    policy = says({"result": {**ALLOWS, "decision": decision, "reason": "SAID"}})
    found = policy(facts(confidence=confidence, min_confidence=minimum))
    capped = reason if decision is Decision.AUTO_EXECUTE else "SAID"
    match decision, reason:
        case (Decision.BLOCK, _):
            wanted = (Decision.BLOCK, "SAID")
        case (_, "CONFIDENCE_INVALID"):
            wanted = (Decision.REQUIRE_APPROVAL, "CONFIDENCE_INVALID")
        case (_, "CONFIDENCE_LOW"):
            wanted = (Decision.REQUIRE_APPROVAL, capped)
        case _:
            wanted = (decision, capped or "ALLOWED")
    assert (found.decision, found.reason) == wanted


def test_all_that_would_have_to_change_is_said(says) -> None:
    held = {**ALLOWS, "decision": "REQUIRE_APPROVAL", "reason": "NOTES_HELD"}
    assert says({"result": held})(facts(confidence=0.5)).remedies == (
        "the policy's clause notes does not apply",
        "its confidence is 0.7 or more",
    )
    assert says({"result": ALLOWS})(facts(confidence=1.5)).remedies == (
        "it states a confidence from 0 to 1",
    )
    assert says({"result": ALLOWS})(facts()).remedies == ()


@pytest.mark.parametrize(
    "result",
    [
        True,
        "AUTO_EXECUTE",
        1,
        [],
        [ALLOWS],
        {},
        *({key: ALLOWS[key] for key in ALLOWS if key != left} for left in ALLOWS),
        *(
            {**ALLOWS, field: wrong}
            for field in ALLOWS
            for wrong in (None, True, 1, [], ["ALLOWED"], {}, "", " ", "A\0", "x" * 301)
        ),
        {**ALLOWS, "decision": "ALLOW"},
        {**ALLOWS, "decision": "auto_execute"},
        {**ALLOWS, "decision": "AUTO_EXECUTE "},
        {**ALLOWS, "reason": "allowed"},
        {**ALLOWS, "reason": "A" * 65},
        {**ALLOWS, "reason": "ALLOWED\n"},
        {**ALLOWS, "clause": "Notes"},
        {**ALLOWS, "clause": "n" * 65},
        {**ALLOWS, "clause": "notes\n"},
        {**ALLOWS, "explanation": "two\nlines"},
        {**ALLOWS, "explanation": "turned \u202e round"},
    ],
)
def test_a_result_that_is_no_decision(says, result) -> None:
    assert says({"result": result})(facts()) == NO_DECISION


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", NO_JSON),
        (b"allow", NO_JSON),
        (b'{"result": NaN}', NO_JSON),
        (b'{"result": Infinity}', NO_JSON),
        (b'{"result": "\xff"}', NO_JSON),
        (b"[" * 30000 + b"]" * 30000, NO_JSON),
        (json.dumps({"result": ALLOWS}).encode() + b"{}", NO_JSON),
        (b"{}", NO_RESULT),
        (b'{"result": null}', NO_RESULT),
        (b'{"decision": "AUTO_EXECUTE"}', NO_RESULT),
        (b"[]", NO_RESULT),
        (b"null", NO_RESULT),
        (b'"AUTO_EXECUTE"', NO_RESULT),
    ],
)
def test_an_answer_that_states_nothing(says, body, found) -> None:
    assert says(body)(facts()) == found


@pytest.mark.parametrize("status", [201, 204, 302, 400, 404, 500, 503])
def test_another_status(says, status) -> None:
    # A body beside 204 would be a fault of its own.
    body = b"" if status == 204 else {"result": ALLOWS}
    assert says(body, status, Location="/")(facts()) == error(
        f"The policy server answered with status {status}"
    )


def test_an_undefined_rule(opa) -> None:
    assert OpaPolicy(opa(rego).url, f"{PACKAGE}/other")(facts()) == NO_RESULT


def test_too_much(says) -> None:
    long = {"result": ALLOWS, "more": "x" * MOST}
    assert says(long)(facts()) == UNUSABLE
    assert says({"result": ALLOWS, "more": "x" * 60000})(facts()).reason == "ALLOWED"


def test_an_encoding_that_nobody_asked_for(says) -> None:
    policy = says({"result": ALLOWS}, **{"Content-Encoding": "gzip"})
    assert policy(facts()) == UNUSABLE


def test_too_late(opa) -> None:
    enough = Event()

    def late(*_: Any) -> Reply:
        enough.wait(10)
        return 200, {}, json.dumps({"result": ALLOWS}).encode()

    assert OpaPolicy(opa(late).url)(facts()) == UNUSABLE
    enough.set()


def test_nobody_there(opa) -> None:
    stub = opa(rego)
    stub.shutdown()
    stub.server_close()
    assert OpaPolicy(stub.url)(facts()) == UNUSABLE


def test_a_server_that_may_not_be_reached(opa, settings) -> None:
    stub = opa(rego)
    settings.EGRESS_ALLOW = ()
    assert OpaPolicy(stub.url)(facts()) == UNREACHED
    assert stub.asked == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_facts_that_json_cannot_say(opa, value) -> None:
    stub = opa(rego)
    found = OpaPolicy(stub.url)(facts(min_confidence=value))
    assert (found.decision, found.reason, found.explanation) == (
        Decision.REQUIRE_APPROVAL,
        "POLICY_ERROR",
        "The facts hold a number that is none, so a person decides.",
    )
    assert stub.asked == []


@pytest.mark.parametrize(
    ("url", "path", "version"),
    [
        ("http://opa:8181", PATH, f"opa:opa:8181{PATH}"),
        ("http://OPA:8181/", PATH, f"opa:opa:8181{PATH}"),
        ("https://opa.example", PATH, f"opa:opa.example:443{PATH}"),
        ("http://opa.example", PATH, f"opa:opa.example:80{PATH}"),
        ("http://[::1]:8181/base/", "/v1/data/a", "opa:[::1]:8181/base/v1/data/a"),
    ],
)
def test_the_version_says_who_judges(url, path, version) -> None:
    assert OpaPolicy(url, path).version == version


@pytest.mark.parametrize(
    "url",
    [
        "",
        "opa:8181",
        "ftp://opa",
        "http://",
        "http://user:secret@opa:8181",
        "http://opa?a=b",
        "http://opa#a",
    ],
)
def test_a_url_that_names_no_server(url) -> None:
    with pytest.raises(ValueError, match="The URL of an OPA server is") as refused:
        OpaPolicy(url)
    assert "secret" not in str(refused.value)


def test_every_other_layer_still_caps_it(says) -> None:
    policy = says({"result": ALLOWS})
    free, held = judge(facts(), policy), judge(facts(mode="ASSIST"), policy)
    assert (free.decision, free.policy_clause) == (Decision.AUTO_EXECUTE, "notes")
    assert free.policy_version == policy.version
    assert (held.decision, held.reason) == (Decision.REQUIRE_APPROVAL, "MODE_ASSIST")
    assert judge(facts(tier="HARD_STOP"), policy).decision is Decision.BLOCK
