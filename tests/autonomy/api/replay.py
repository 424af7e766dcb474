"""What tests of simulations share: a mixed history, and the same computed once more."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from autonomy.budget import give_back
from autonomy.models import Receipt, Verdict
from autonomy.simulate import simulate
from ledger.scope import tenant_scope
from perception.models import Opportunity
from tests.autonomy.api.doors import another_account
from tests.autonomy.conftest import Desk

Plain = dict[str, Any]


AUTO, ASK, BLOCK = "AUTO_EXECUTE", "REQUIRE_APPROVAL", "BLOCK"


CHAIN = (BLOCK, ASK, AUTO)


BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


TYPES = [
    "create_internal_note", "draft_email", "log_interaction", "send_email",
    "commit_pricing", "launch_rocket", "progress_early_stage",
]  # fmt: skip


def tried(desk: Desk, **candidate: Any) -> Plain:
    return simulate(
        BEGIN, END, candidate, tenant=desk.tenant, progressed=lambda share: None
    )


def mixed(desk: Desk, count: int, seed: int) -> None:
    """Intents of every kind, while modes, budgets and stages change in between."""
    dice = random.Random(seed)
    accounts = [desk.account, *(another_account(desk.house, f"a-{n}") for n in (1, 2))]
    with tenant_scope(desk.tenant):
        deals = {
            account.id: [None, *Opportunity.objects.filter(account=account)]
            for account in accounts
        }
    desk.budget(9, each="account")
    for number in range(count):
        if number % 25 == 24:
            disturb(desk, dice, [account.id for account in accounts])
        account = dice.choice(accounts)
        deal = dice.choice(deals[account.id])
        desk.account = account
        made = desk.propose(
            dice.choice(TYPES),
            confidence=dice.choice([0.5, 0.69, 0.7, 0.9, 1.0]),
            risk_level=dice.choice([None, None, "LOW", "HIGH"]),
            opportunity=deal.id if deal else None,
        )
        if made.status == "APPROVED" and dice.random() < 0.2:
            with tenant_scope(desk.tenant):
                give_back(made.id)
    desk.account = accounts[0]


def disturb(desk: Desk, dice: random.Random, accounts: list[Any]) -> None:
    desk.mode(dice.choice(["AUTOPILOT", "AUTOPILOT", "APPROVAL", "ASSIST"]))
    desk.mode(
        dice.choice(["AUTOPILOT", "DISABLED", "SCHEDULED"]),
        account=dice.choice(accounts),
        action_type="log_interaction",
    )
    desk.budget(dice.choice([20, 40, 60]))
    desk.budget(dice.choice([0, 5, 30]), action_type="draft_email")


@dataclass
class Replay:
    """A second, small computation of what a candidate would have done."""

    mode: str | None = None
    limits: dict[str, int] = field(default_factory=dict)
    gated: frozenset[str] = frozenset()
    added: int | None = None
    policy: Callable[[Plain], str] | None = None
    used: Counter[Any] = field(default_factory=Counter)
    took: dict[Any, list[Any]] = field(default_factory=dict)

    def run(self) -> tuple[Counter[tuple[str, str]], set[str]]:
        """The matrix, and the intents that would newly run by themselves."""
        matrix: Counter[tuple[str, str]] = Counter()
        newly: set[str] = set()
        rows = Verdict.objects.filter(is_first=True).order_by("judged_at", "id")
        returns = list(
            Receipt.objects.exclude(returned_at=None)
            .order_by("returned_at")
            .values_list("returned_at", "intent_id")
        )
        for row in rows:
            while returns and returns[0][0] <= row.judged_at:  # type: ignore[operator]
                self.used.subtract(self.took.pop(returns.pop(0)[1], []))
            would = self.decide(row)
            matrix[row.decision, would] += 1
            if would == AUTO and row.decision != AUTO:
                newly.add(str(row.intent_id))
        return matrix, newly

    def decide(self, row: Verdict) -> str:
        anew = {"mode", "budget"} | ({"policy"} if self.policy else set())
        kept = [each["decision"] for each in row.layers if each["layer"] not in anew]
        if self.policy is not None:
            kept.append(self.policy(row.facts))
        lines = [
            (
                line["budget"],
                line["key"],
                self.limits.get(line["budget"], line["limit"]),
            )
            for line in row.facts["budgets"]
        ]
        if self.added is not None:
            lines.append(("added", "", self.added))
        left = all(self.used[line[:2]] < line[2] for line in lines)
        would = min([*kept, self.moded(row)], key=CHAIN.index)
        if row.facts["stage"] in self.gated:
            would = min(would, ASK, key=CHAIN.index)
        if would == AUTO and not (lines and left):
            would = ASK
        if would == AUTO:
            self.took[row.intent_id] = [line[:2] for line in lines]
            self.used.update(self.took[row.intent_id])
        return would

    def moded(self, row: Verdict) -> str:
        modes = {each["scope"]: each["mode"] for each in row.facts["modes"]}
        if self.mode is not None:
            modes["tenant"] = self.mode
        order = ("account_type", "tenant_type", "account", "tenant", "platform")
        found = next((modes[each] for each in order if modes[each]), "APPROVAL")
        return {"DISABLED": BLOCK, "AUTOPILOT": AUTO, "SCHEDULED": AUTO}.get(found, ASK)


def agrees(desk: Desk, report: Plain, replay: Replay) -> None:
    """The report says what the second computation says."""
    with tenant_scope(desk.tenant):
        matrix, newly = replay.run()
        owners = Verdict.objects.count()
    assert report["judged"] == owners == sum(matrix.values())
    assert report["unevaluable"] == 0
    for was in CHAIN:
        for would in CHAIN:
            assert report["matrix"][was][would] == matrix[was, would], (was, would)
    assert {each["intent"] for each in report["newly_autonomous"]} == newly
    assert report["newly_autonomous_total"] == len(newly)
    moved = {pair: n for pair, n in matrix.items() if pair[0] != pair[1]}
    assert report["differences"] == sum(moved.values())
    saved = sum(
        n * ((was == ASK) - (would == ASK)) for (was, would), n in moved.items()
    )
    assert report["approvals_saved"] == saved
    assert sum(report["outcomes_of_moved"].values()) == report["differences"]
