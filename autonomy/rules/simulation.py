"""A13: judge recorded intents again, in order, under what might be in force instead."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from autonomy.rules.facts import BudgetLine, Facts, ModeAt, Reach
from autonomy.rules.verdict import Decision, Verdict

SHOWN = 500
WEEK = timedelta(days=7)
# An intent in one of these reached its contact, whoever let it.
REACHED = frozenset({"APPROVED", "EXECUTING", "IN_DOUBT", "SUCCEEDED"})


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRow:
    """A budget as somebody might set it. `id`: the row that it would replace."""

    id: str
    is_new: bool
    account: str | None
    seller: str | None
    action_type: str
    each: str
    limit: int

    def key_for(self, facts: Facts) -> str | None:
        """For whom it counts, if it covers this act at all."""
        covers = (
            self.action_type in ("", facts.action_type)
            and self.account in (None, facts.account)
            and self.seller in (None, facts.seller)
        )
        if not covers:
            return None
        if self.each == "seller" or self.seller:
            return facts.seller
        return facts.account if self.each == "account" or self.account else "tenant"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeRow:
    """A mode as somebody might set it, at its scope."""

    account: str | None
    action_type: str
    mode: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What might be in force, besides a bundle."""

    modes: tuple[ModeRow, ...] = ()
    budgets: tuple[BudgetRow, ...] = ()
    # Further stages in which people act.
    gated_stages: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One intent of the past: the facts then, what was decided, what became of it."""

    intent: str
    at: datetime
    facts: Facts
    decision: str
    status: str
    reaches_out: bool


Key = tuple[str, str, str]


@dataclass(kw_only=True)
class State:
    """What the candidate's world has used up beyond, or less than, the recorded one."""

    spent: Counter[Key] = field(default_factory=Counter)
    counted: Counter[Key] = field(default_factory=Counter)
    reached: list[tuple[datetime, str, str | None]] = field(default_factory=list)
    only_recorded: dict[str, tuple[BudgetLine, ...]] = field(default_factory=dict)
    days: dict[str, str] = field(default_factory=dict)

    def as_seen(self, recorded: Recorded, candidate: Candidate) -> Facts:
        """The facts of then, in the world of the candidate."""
        facts = recorded.facts
        return replace(
            facts,
            modes=_modes(facts, candidate.modes),
            budgets=self._budgets(facts, candidate.budgets),
            account_reach=self._reach(recorded, facts.account_reach, 1, facts.account),
            contact_reach=self._reach(recorded, facts.contact_reach, 2, facts.contact),
        )

    def note(self, recorded: Recorded, facts: Facts, verdict: Verdict) -> None:
        """Remember what this verdict would have used."""
        was = recorded.decision == Decision.AUTO_EXECUTE
        would = verdict.decision is Decision.AUTO_EXECUTE
        if would:
            for line in facts.budgets:
                self.counted[line.budget, line.key, facts.day] += 1
        for line in recorded.facts.budgets:
            self.spent[line.budget, line.key, facts.day] += would - was
        if was and not would:
            self.only_recorded[recorded.intent] = recorded.facts.budgets
            self.days[recorded.intent] = facts.day
        if would and recorded.reaches_out and recorded.status not in REACHED:
            self.reached.append((recorded.at, facts.account, facts.contact))

    def returned(self, intent: str) -> None:
        """The recorded world got this back; the candidate's had never spent it."""
        for line in self.only_recorded.pop(intent, ()):
            self.spent[line.budget, line.key, self.days[intent]] += 1

    def _budgets(
        self, facts: Facts, rows: Sequence[BudgetRow]
    ) -> tuple[BudgetLine, ...]:
        limits = {row.id: row.limit for row in rows if not row.is_new}
        lines = [
            replace(
                line,
                limit=limits.get(line.budget, line.limit),
                used=line.used + self.spent[line.budget, line.key, facts.day],
            )
            for line in facts.budgets
        ]
        for row in rows:
            key = row.key_for(facts) if row.is_new else None
            if key is not None:
                used = self.counted[row.id, key, facts.day]
                lines.append(
                    BudgetLine(
                        budget=row.id, key=key, scope="new", limit=row.limit, used=used
                    )
                )
        return tuple(lines)

    def _reach(
        self, recorded: Recorded, reach: Reach | None, place: int, whom: str | None
    ) -> Reach | None:
        if reach is None or not self.reached:
            return reach
        begin = recorded.at - WEEK
        more = sum(
            1 for each in self.reached if each[place] == whom and each[0] > begin
        )
        return replace(reach, used=reach.used + more)


@dataclass(kw_only=True)
class Report:
    """What would have been different."""

    judged: int = 0
    unevaluable: int = 0
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    newly: list[dict[str, Any]] = field(default_factory=list)
    newly_total: int = 0
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, recorded: Recorded, verdict: Verdict) -> None:
        was, would = recorded.decision, verdict.decision.value
        self.judged += 1
        self.matrix[was, would] += 1
        if was == would:
            return
        self.outcomes[recorded.status] += 1
        person = (recorded.facts.seller or "nobody", recorded.facts.day)
        self.asked[person] += (would == Decision.REQUIRE_APPROVAL) - (
            was == Decision.REQUIRE_APPROVAL
        )
        if would == Decision.AUTO_EXECUTE:
            self.newly_total += 1
            if len(self.newly) < SHOWN:
                self.newly.append(_newly(recorded, verdict))

    def plain(self) -> dict[str, Any]:
        """As doors and rows show it."""
        saved = -sum(self.asked.values())
        people = len({person for person, _ in self.asked})
        days = len({day for _, day in self.asked})
        total = self.judged + self.unevaluable
        return {
            "judged": self.judged,
            "differences": sum(self.outcomes.values()),
            "matrix": {
                was.value: {
                    would.value: self.matrix[was.value, would.value]
                    for would in Decision
                }
                for was in Decision
            },
            "newly_autonomous": self.newly,
            "newly_autonomous_total": self.newly_total,
            "approvals_saved": saved,
            "approvals_saved_per_person_and_day": round(
                saved / max(1, people * days), 3
            ),
            "outcomes_of_moved": dict(sorted(self.outcomes.items())),
            "unevaluable": self.unevaluable,
            "unevaluable_share": round(self.unevaluable / max(1, total), 4),
        }


def _newly(recorded: Recorded, verdict: Verdict) -> dict[str, Any]:
    return {
        "intent": recorded.intent,
        "account": recorded.facts.account,
        "action_type": recorded.facts.action_type,
        "at": recorded.at.isoformat(),
        "clause": verdict.policy_clause,
        "explanation": verdict.explanation,
        "status": recorded.status,
    }


def _modes(facts: Facts, rows: Sequence[ModeRow]) -> tuple[ModeAt, ...]:
    """The modes then, with the candidate's in their places."""
    found = {each.scope: each.mode for each in facts.modes}
    for row in rows:
        if row.account in (None, facts.account) and row.action_type in (
            "",
            facts.action_type,
        ):
            whom = "account" if row.account else "tenant"
            found[f"{whom}_type" if row.action_type else whom] = row.mode
    return tuple(replace(each, mode=found[each.scope]) for each in facts.modes)
