"""A13: judge recorded intents again, in order, under what might be in force instead."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from autonomy.rules.actions import ActionType
from autonomy.rules.data import data_for
from autonomy.rules.facts import BudgetLine, Facts, ModeAt, Reach
from autonomy.rules.verdict import Decision, Verdict

SHOWN = 500
WEEK = timedelta(days=7)
# An intent in one of these reached its contact, whoever let it.
REACHED = frozenset({"APPROVED", "EXECUTING", "IN_DOUBT", "SUCCEEDED"})


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRow:
    """A budget as somebody might set it.

    `id`: the row whose place it takes, or a new one; `replaces`: the rows for "every
    one" that give way to a row of its own.
    """

    id: str
    replaces: frozenset[str]
    account: str | None
    seller: str | None
    action_type: str
    each: str
    limit: int

    @property
    def scope(self) -> str:
        whom = "seller" if self.each == "seller" or self.seller else "account"
        parts = [whom] if self.each or self.account or self.seller else []
        parts += ["action_type"] if self.action_type else []
        return "+".join(parts) or "tenant"

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
    """A mode as somebody might set it, at its scope; none: it is taken away."""

    account: str | None
    action_type: str
    mode: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What might be in force, besides a bundle."""

    modes: tuple[ModeRow, ...] = ()
    budgets: tuple[BudgetRow, ...] = ()
    # Rows that nobody would draw on any more.
    withdrawn: frozenset[str] = frozenset()
    # Policy data, with the types that they speak of; their hours stay as they were.
    data: Mapping[str, Any] | None = None
    types: Mapping[str, ActionType] = field(default_factory=dict)
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
    """What the candidate's world has used up.

    Of budgets that stay as they were: beyond, or less than, what was recorded, so that
    the same verdicts use the same. Of the candidate's own: all of it, in order.
    """

    beyond: Counter[Key] = field(default_factory=Counter)
    counted: Counter[Key] = field(default_factory=Counter)
    at_first: dict[Key, int] = field(default_factory=dict)
    took: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    only_recorded: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    reached: list[tuple[datetime, str, str | None]] = field(default_factory=list)

    def as_seen(self, recorded: Recorded, candidate: Candidate) -> Facts:
        """The facts of then, in the world of the candidate."""
        facts = _with_data(recorded.facts, candidate)
        return replace(
            facts,
            modes=_modes(facts, candidate.modes),
            budgets=self._budgets(facts, candidate),
            account_reach=self._reach(recorded, facts.account_reach, 1, facts.account),
            contact_reach=self._reach(recorded, facts.contact_reach, 2, facts.contact),
        )

    def note(self, recorded: Recorded, facts: Facts, verdict: Verdict) -> None:
        """Remember what this verdict would have used."""
        was = recorded.decision == Decision.AUTO_EXECUTE
        would = verdict.decision is Decision.AUTO_EXECUTE
        held = _keys(recorded.facts)
        if would:
            self.took[recorded.intent] = _keys(facts)
            self.counted.update(_keys(facts))
        for key in held:
            self.beyond[key] += would - was
        if was and not would:
            self.only_recorded[recorded.intent] = held
        if would and recorded.reaches_out and recorded.status not in REACHED:
            self.reached.append((recorded.at, facts.account, facts.contact))

    def returned(self, intent: str) -> None:
        """What was given back then comes back here too, if it was taken here."""
        self.counted.subtract(self.took.pop(intent, ()))
        # The recorded world has less now; ours had never taken it.
        self.beyond.update(self.only_recorded.pop(intent, ()))

    def _budgets(self, facts: Facts, candidate: Candidate) -> tuple[BudgetLine, ...]:
        lines = {
            line.budget: replace(
                line, used=line.used + self.beyond[line.budget, line.key, facts.day]
            )
            for line in facts.budgets
            if line.budget not in candidate.withdrawn
        }
        for row in candidate.budgets:
            key = row.key_for(facts)
            if key is None or (row.each and _has_own(row, facts, candidate)):
                continue
            line = self._line(row, key, facts)
            lines = {
                budget: each
                for budget, each in lines.items()
                if budget not in row.replaces
            }
            lines[row.id] = line
        return tuple(lines.values())

    def _line(self, row: BudgetRow, key: str, facts: Facts) -> BudgetLine:
        """A row of the candidate's, with what the day had used when it was first seen."""
        held = next((line for line in facts.budgets if line.budget == row.id), None)
        key = held.key if held else key
        place = (row.id, key, facts.day)
        first = self.at_first.setdefault(place, held.used if held else 0)
        return BudgetLine(
            budget=row.id,
            key=key,
            scope=row.scope,
            limit=row.limit,
            used=first + self.counted[place],
        )

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


def _keys(facts: Facts) -> tuple[Key, ...]:
    return tuple((line.budget, line.key, facts.day) for line in facts.budgets)


def _has_own(row: BudgetRow, facts: Facts, candidate: Candidate) -> bool:
    """Whether a row of its own covers what this row would cover for every one."""
    gone = {row.id, *row.replaces, *candidate.withdrawn}
    return any(
        line.scope == row.scope and line.budget not in gone for line in facts.budgets
    )


def _with_data(facts: Facts, candidate: Candidate) -> Facts:
    """The facts, as the candidate's policy data have them."""
    if candidate.data is None:
        return facts
    key = facts.action_type
    own = data_for(candidate.data, key, candidate.types.get(key))
    return replace(
        facts,
        allowlisted=own.allowlisted,
        min_confidence=own.min_confidence,
        amount_cap=own.amount_cap,
    )


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
