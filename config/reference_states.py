"""The reference's diagrams: what may follow what, drawn from the tables that say so."""

from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from typing import Any

from autonomy.rules.lifecycles import EXECUTION, INTENT, QUESTION
from autonomy.rules.runs import MOVES as RUN
from autonomy.rules.verdict import RANK, Layer
from config.values import ROOT
from plans.rules.lifecycle import MOVES as PLAN
from plans.rules.lifecycle import STEP_MOVES as STEP

Drawn = Mapping[Any, Iterable[Any]]


def states() -> Iterator[str]:
    """The page: every lifecycle, then the verdict and the storeys."""
    yield "Drawn from the tables of the code, and from `.importlinter`.\n"
    for title, said, moves in (
        ("A run", "A signal's walk; PARKED is sent on by a person. [The spine](../spine.md).", RUN),
        ("An intent", "One proposed action. A replay walks the same way again. [Governance](../governance.md).", INTENT),
        ("A question", "What a person is asked; the first decision counts.", QUESTION),
        ("An execution", "One act under way, or done. [Hands](../hands.md).", EXECUTION),
        ("A plan", "[Plans](../plans.md#lifecycle).", PLAN),
        ("A step of a plan", "It follows its act.", STEP),
    ):  # fmt: skip
        yield f"## {title}\n"
        yield f"{said}\n"
        yield from chart(moves)
        yield ""
    yield "## A verdict\n"
    yield "Each layer sets a ceiling, in this order; the lowest counts. [Governance](../governance.md).\n"
    yield from _verdict()
    yield "\n## The storeys\n"
    yield "Imports only fall. [The house](../house.md).\n"
    yield from fenced("flowchart TB", [" --> ".join(storeys())])


def chart(moves: Drawn) -> Iterator[str]:
    """A diagram of states: the first of a table is where all begin."""
    first = next(iter(moves))
    arrows = [
        f"{now} --> {to}"
        for now, onward in moves.items()
        for to in _sorted(onward, moves)
    ]
    yield from fenced("stateDiagram-v2", [f"[*] --> {first}", *arrows])


def fenced(kind: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"```mermaid\n{kind}"
    for line in lines:
        yield f"    {line}"
    yield "```"


def storeys() -> list[str]:
    """Top to bottom, as the import contract has them."""
    contract = ConfigParser()
    contract.read(ROOT / ".importlinter", encoding="utf-8")
    return contract["importlinter:contract:house"]["layers"].split()


def _sorted(onward: Iterable[str], moves: Drawn) -> list[str]:
    """In the order of the table: a set has none."""
    places = {str(each): place for place, each in enumerate(moves)}
    return sorted(map(str, onward), key=places.__getitem__)


def _verdict() -> Iterator[str]:
    lines = [
        f"facts([frozen facts]) --> {layer}[{layer.replace('_', ' ')}] --> lowest"
        for layer in Layer
    ]
    lines.append("lowest{the lowest}")
    lines += [f"lowest --> {decision}([{decision}])" for decision in RANK]
    yield from fenced("flowchart LR", lines)
