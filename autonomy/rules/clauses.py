"""What is wrong with a clause before any engine has looked; and what it compares."""

import re
from collections.abc import Sequence
from math import nextafter
from string import Formatter

from autonomy.rules.bundles import VARIABLES, Clause, Fault

MAX_CLAUSES = 100
MAX_TESTS = 500
MAX_CONDITION = 500
MAX_EXPLANATION = 300
ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
TEXT = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
# Other ways of writing texts, and comments, could hide what stands beside them.
ODD_TEXT = re.compile(r"'{3}|\"{3}|//|\b[rRbB]{1,2}['\"]")
# Loops over made-up lists burn time and say nothing that these facts need.
MACROS = re.compile(r"\.\s*(map|filter|all|exists|exists_one)\s*\(")
# Numbers are only ever compared, so that the points that matter can be listed.
NUMBER = r"-?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?"
OTHER = r"\b(?:min_confidence|amount|amount_cap)\b"
BEGIN, END = r"(?:(?<=^)|(?<=[(&|?:!]))\s*", r"\s*(?=$|[)&|?:])"
COMPARED = re.compile(
    # Of a confidence only more or less is asked, and it stands first.
    rf"{BEGIN}\bconfidence\s*(?:<=|>=|<|>)\s*(?:min_confidence\b|{NUMBER}){END}"
    rf"|{BEGIN}(?:{OTHER}|{NUMBER})\s*(?:<=|>=|==|!=|<|>)\s*(?:{OTHER}|{NUMBER}){END}"
)
MENTIONED = re.compile(rf"\bconfidence\b|{OTHER}")
LITERAL = re.compile(rf"(?<![\w.]){NUMBER}")


def well_formed(clauses: Sequence[Clause]) -> list[Fault]:
    """Every fault of form, each at its place."""
    faults = []
    if not clauses:
        faults.append(_fault("clauses", "A bundle needs at least one clause."))
    if len(clauses) > MAX_CLAUSES:
        faults.append(_fault("clauses", f"At most {MAX_CLAUSES} clauses."))
    seen: set[str] = set()
    for place, clause in enumerate(clauses):
        where = f"clauses[{place}]"
        if not ID.fullmatch(clause.id):
            faults.append(_fault(f"{where}.id", "Write it in lower_snake letters."))
        if clause.id in seen or clause.id == "default":
            faults.append(_fault(f"{where}.id", f"{clause.id} is taken."))
        seen.add(clause.id)
        if not REASON.fullmatch(clause.reason):
            faults.append(_fault(f"{where}.reason", "Write it in UPPER_SNAKE letters."))
        if not clause.explanation.strip():
            faults.append(_fault(f"{where}.explanation", "Say in a sentence why."))
        faults += _worded(clause.explanation, f"{where}.explanation")
        faults += _worded(clause.remedy, f"{where}.remedy")
        faults += _conditioned(clause, f"{where}.condition")
    return faults


def numbers(clauses: Sequence[Clause]) -> set[float]:
    """The numbers that clauses compare with."""
    return {
        float(each)
        for clause in clauses
        for each in LITERAL.findall(TEXT.sub("''", clause.condition))
    }


def around(points: set[float], *, low: float, high: float) -> tuple[float, ...]:
    """The points, and their nearest neighbours: between them no comparison changes."""
    near = {
        value
        for point in points
        for value in (nextafter(point, -1e308), point, nextafter(point, 1e308))
    }
    return tuple(sorted(value for value in near if low <= value <= high))


def _worded(text: str, where: str) -> list[Fault]:
    """What is wrong with a text in which {facts} are shown."""
    if len(text) > MAX_EXPLANATION:
        return [_fault(where, f"At most {MAX_EXPLANATION} characters.")]
    try:
        named = [part[1:] for part in Formatter().parse(text)]
    except ValueError as error:
        return [_fault(where, f"Its braces do not match: {error}.")]
    for name, spec, conversion in named:
        if name is not None and (name not in VARIABLES or spec or conversion):
            column = text.find("{" + name) + 1
            return [_fault(where, f"{{{name}}} is no fact.", column=column)]
    return []


def _conditioned(clause: Clause, where: str) -> list[Fault]:
    condition = clause.condition
    if not condition.strip() or len(condition) > MAX_CONDITION:
        return [_fault(where, f"Write an expression of at most {MAX_CONDITION} signs.")]
    # Texts are blanked, so that places stay what they are.
    bare = TEXT.sub(lambda text: "'" + "_" * (len(text[0]) - 2) + "'", condition)
    if (odd := ODD_TEXT.search(condition)) and ODD_TEXT.search(bare):
        message = "Write texts in plain quotes, and no comments."
        return [_at(where, condition, odd.start(), message)]
    if found := MACROS.search(bare):
        message = f"{found[1]}() is not allowed here."
        return [_at(where, bare, found.start() + 1, message)]
    spans = [match.span() for match in COMPARED.finditer(bare)]
    for mention in MENTIONED.finditer(bare):
        if not any(begin <= mention.start() < end for begin, end in spans):
            message = (
                f"Compare {mention[0]} with a number or a fact, {mention[0]} first, and "
                f"do nothing else with it, as in: {mention[0]} < 0.8."
            )
            return [_at(where, bare, mention.start(), message)]
    return []


def _at(where: str, text: str, place: int, message: str) -> Fault:
    before = text[:place]
    return Fault(
        where=where,
        line=before.count("\n") + 1,
        column=place - (before.rfind("\n") + 1) + 1,
        message=message,
    )


def _fault(where: str, message: str, *, column: int = 1) -> Fault:
    return Fault(where=where, line=1, column=column, message=message)
