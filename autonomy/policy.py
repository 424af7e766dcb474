"""Policy bundles in CEL: read, compiled with types, tested, asked."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from cel_expr_python import cel

from autonomy.errors import BundleRefused
from autonomy.rules.bundles import (
    NO_CAP,
    VARIABLES,
    Case,
    Clause,
    Fault,
    Hit,
    is_confidence,
    resolve,
    variables,
)
from autonomy.rules.clauses import ID, MAX_TESTS, well_formed
from autonomy.rules.facts import Facts
from autonomy.rules.verdict import Decision, Judgement
from ledger.rules.canonical import canonical
from ledger.rules.digest import sha256_of

SHIPPED = Path(__file__).parent / "bundles"
POSITION = re.compile(r"<input>:(\d+):(\d+): (.*)")
CEL_TYPES = {
    "string": cel.Type.STRING,
    "bool": cel.Type.BOOL,
    "double": cel.Type.DOUBLE,
    "list(string)": cel.Type.List(cel.Type.STRING),
}

# The plainest case, from which the rows of a test table differ.
PLAINEST: Mapping[str, Any] = {
    "action_type": "create_internal_note",
    "tier": "AUTONOMOUS",
    "risk_level": "MINIMAL",
    "external_contact": False,
    "touches": [],
    "reversal": "INVERSE",
    "idempotent": True,
    "stage": "",
    "lifecycle": "CUSTOMER",
    "origin": "signal",
    "mode": "AUTOPILOT",
    "confidence": 0.9,
    "min_confidence": 0.7,
    "allowlisted": True,
    "amount": 0.0,
    "amount_cap": NO_CAP,
    "within_hours": True,
    "tainted": False,
    "opted_in": False,
    "profile": False,
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A bundle as its author wrote it. Its version is the hash of all of it."""

    name: str
    clauses: tuple[Clause, ...]
    tests: tuple[Case, ...]

    def plain(self) -> dict[str, Any]:
        clauses = [
            {**asdict(clause), "ceiling": clause.ceiling.value}
            for clause in self.clauses
        ]
        return {
            "name": self.name,
            "clauses": clauses,
            "tests": [asdict(case) for case in self.tests],
        }

    @cached_property
    def version(self) -> str:
        return sha256_of(canonical(self.plain()))


class Program:
    """A bundle, compiled: asks every clause, and resolves their hits."""

    def __init__(self, source: Source, conditions: Sequence[cel.Expression]) -> None:
        self.source = source
        self.version = source.version
        self.clauses = source.clauses
        self._conditions = tuple(conditions)

    def __call__(self, facts: Facts) -> Judgement:
        return self.ask(variables(facts), confident=is_confidence(facts.confidence))

    def ask(self, given: Mapping[str, Any], *, confident: bool = True) -> Judgement:
        """The judgement on the facts as clauses see them."""
        activation = _environment().Activation(dict(given))
        hits = []
        for clause, condition in zip(self.clauses, self._conditions, strict=True):
            held = _held(condition, activation)
            if held is None or held:
                hits.append(Hit(clause=clause, broke=held is None))
        return resolve(hits, given, confident=confident, clauses=self.source.clauses)

    def holds(self, place: int, given: Mapping[str, Any]) -> bool | None:
        """Whether one clause's condition holds; None where it cannot be judged."""
        return _held(self._conditions[place], _environment().Activation(dict(given)))

    def failures(self) -> list[str]:
        """The rows of the bundle's own test table that do not hold."""
        return [
            said
            for place, case in enumerate(self.source.tests)
            if (said := self._failure(place, case))
        ]

    def _failure(self, place: int, case: Case) -> str:
        given = {**PLAINEST, **case.given}
        confident = is_confidence(given["confidence"])
        if not confident:
            given["confidence"] = 0.0
        found = self.ask(given, confident=confident).stated()
        wrong = [
            f"{name} is {found[name]}, not {wanted}"
            for name, wanted in case.expect.items()
            if found[name] != wanted
        ]
        return f"tests[{place}]: {', '.join(wrong)}" if wrong else ""


def read(plain: Mapping[str, Any]) -> Source:
    """A bundle from plain data; every fault of its shape is named."""
    clauses = plain.get("clauses")
    tests = plain.get("tests", [])
    if not isinstance(clauses, list) or not isinstance(tests, list):
        raise BundleRefused(
            [_fault("clauses", "Give a list of clauses, and of tests.")]
        )
    return Source(
        name=str(plain.get("name", "")),
        clauses=tuple(_clause(place, each) for place, each in enumerate(clauses)),
        tests=tuple(_case(place, each) for place, each in enumerate(tests)),
    )


def compiled(source: Source) -> Program:
    """The bundle, ready to be asked; refused with line and column where it is wrong."""
    faults = well_formed(source.clauses)
    if not ID.fullmatch(source.name):
        faults.insert(0, _fault("name", "Write it in lower_snake letters."))
    conditions = []
    for place, clause in enumerate(source.clauses):
        try:
            conditions.append(_condition(clause.condition))
        except _Refused as refused:
            faults.append(refused.at(f"clauses[{place}].condition"))
    faults += _tested(source.tests)
    if faults:
        raise BundleRefused(faults)
    return Program(source, conditions)


def program(version: str, load: Callable[[], Mapping[str, Any]]) -> Program:
    """The bundle of a version, compiled once in each process: content never changes."""
    found = _programs.get(version)
    if found is None:
        if len(_programs) >= KEPT:
            _programs.clear()
        found = _programs[version] = compiled(read(load()))
    return found


@cache
def shipped(name: str = "auto_approval_v1") -> Source:
    """A bundle that comes with the house."""
    text = (SHIPPED / name / "bundle.yaml").read_text()
    return read(yaml.safe_load(text))


class _Refused(Exception):
    """What the engine said of an expression, with its place."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line, self.column, self.message = line, column, message

    def at(self, where: str) -> Fault:
        return Fault(
            where=where, line=self.line, column=self.column, message=self.message
        )


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(
        variables={name: CEL_TYPES[kind] for name, kind in VARIABLES.items()}
    )


def _condition(text: str) -> cel.Expression:
    try:
        expression = _environment().compile(text)
    except RuntimeError as error:
        found = POSITION.search(str(error))
        if found is None:
            raise _Refused(1, 1, "This expression cannot be read.") from error
        line, column, message = found.groups()
        raise _Refused(int(line), int(column), f"{message}.") from error
    if expression.return_type() != cel.Type.BOOL:
        kind = expression.return_type().name().lower()
        raise _Refused(1, 1, f"A condition must be true or false; this is a {kind}.")
    return expression


def _held(condition: cel.Expression, activation: cel.Activation) -> bool | None:
    """Whether the condition holds; None where it could not be judged."""
    try:
        value = condition.eval(activation)
    except RuntimeError:
        return None
    answer = value.plain_value() if value.type() == cel.Type.BOOL else None
    return answer if isinstance(answer, bool) else None


def _clause(place: int, plain: Any) -> Clause:
    where = f"clauses[{place}]"
    fields = ("id", "ceiling", "condition", "reason", "explanation")
    if not isinstance(plain, Mapping) or set(plain) - {"remedy"} != set(fields):
        raise BundleRefused([_fault(where, f"A clause has {', '.join(fields)}.")])
    if not all(isinstance(value, str) for value in plain.values()):
        raise BundleRefused([_fault(where, "All of a clause is text.")])
    if plain["ceiling"] not in list(Decision):
        raise BundleRefused(
            [_fault(f"{where}.ceiling", f"Write {', '.join(Decision)}.")]
        )
    return Clause(**{**plain, "ceiling": Decision(plain["ceiling"])})


def _case(place: int, plain: Any) -> Case:
    if not isinstance(plain, Mapping) or set(plain) != {"given", "expect"}:
        raise BundleRefused(
            [_fault(f"tests[{place}]", "A test has the fields given and expect.")]
        )
    if not all(isinstance(plain[field], Mapping) for field in ("given", "expect")):
        raise BundleRefused(
            [_fault(f"tests[{place}]", "Name facts, and what must follow of them.")]
        )
    return Case(given=dict(plain["given"]), expect=dict(plain["expect"]))


def _tested(tests: Sequence[Case]) -> list[Fault]:
    """What is wrong with the rows of the test table."""
    if not 1 <= len(tests) <= MAX_TESTS:
        return [_fault("tests", f"Give from 1 to {MAX_TESTS} rows of tests.")]
    return [
        _fault(f"tests[{place}]", message)
        for place, case in enumerate(tests)
        if (message := _row(case))
    ]


def _row(case: Case) -> str:
    for name, value in case.given.items():
        if name not in VARIABLES:
            return f"{name} is no fact."
        if not isinstance(value, type(PLAINEST[name])):
            return f"{name} must be a {VARIABLES[name]}."
    if not case.expect or not set(case.expect) <= {"decision", "reason", "clause"}:
        return "Expect a decision, a reason or a clause."
    return ""


def _fault(where: str, message: str) -> Fault:
    return Fault(where=where, line=1, column=1, message=message)


# Compiled bundles by version.
KEPT = 256
_programs: dict[str, Program] = {}
