"""Small wrongs done to the layers, one at a time, each in a set of modules of its own."""

import ast
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import autonomy
import autonomy.errors
import autonomy.policy
from autonomy.rules.catalogue import CORE
from tests.autonomy.rules.changes import CALLS, Row, called, changes_at

RULES = Path(autonomy.__file__).parent / "rules"
# The functions, classes and names of each module that decide; texts are left alone.
DECIDING: Mapping[str, str] = {
    "guardrails": "GATED_STAGES OPEN_STAGES REVERSIBLE kill_switch tier stage floor "
    "reversal _risk _lifted",
    "modes": "DEFAULT BY_ITSELF SCHEDULED resolve mode _running",
    "schedule": "schedule",
    "contact": "contact _spent _capped",
    "budget": "budget",
    "judge": "GUARDS judge _reviewed _asked",
    "verdict": "Decision Layer allow ask block lowest compose",
    "bundles": "variables is_confidence resolve _judged",
    "actions": "Risk worse",
}


@dataclass(frozen=True)
class Mutant:
    """A module, the place in it, and which of the changes that the place admits."""

    module: str
    line: int
    place: int
    number: int
    what: str

    def __str__(self) -> str:
        return f"autonomy/rules/{self.module}.py:{self.line}: {self.what}"


@dataclass(frozen=True)
class Rules:
    """The rules and the policy of one set of modules."""

    judge: Callable[..., Any]
    compiled: Callable[[Mapping[str, Any]], Any]
    core: Mapping[str, Any]
    variables: Callable[..., Any]


@cache
def all_mutants() -> tuple[Mutant, ...]:
    return tuple(
        Mutant(module, _line(node), place, number, what)
        for module in (*DECIDING, "catalogue")
        for place, node in enumerate(_places(module, _tree(module)))
        for number, (what, _) in enumerate(changes_at(node))
    )


def rules_of(mutant: Mutant | None) -> Rules:
    """The rules with one wrong in them; with none, as they are."""
    with _apart():
        if mutant:
            _load(mutant)
        policy = importlib.import_module("autonomy.policy")
        return Rules(
            judge=importlib.import_module("autonomy.rules.judge").judge,
            compiled=lambda plain: policy.compiled(policy.read(plain)),
            core=importlib.import_module("autonomy.rules.catalogue").CORE,
            variables=importlib.import_module("autonomy.rules.bundles").variables,
        )


@contextmanager
def _apart() -> Iterator[None]:
    """The modules of the rules are loaded anew; the old ones are put back."""
    kept = {name: sys.modules.pop(name) for name in tuple(sys.modules) if _ours(name)}
    names = {name: kept[f"autonomy.{name}"] for name in ("rules", "policy")}
    try:
        yield
    finally:
        for name in filter(_ours, tuple(sys.modules)):
            del sys.modules[name]
        sys.modules.update(kept)
        vars(autonomy).update(names)


def _ours(name: str) -> bool:
    return name == "autonomy.policy" or f"{name}.".startswith("autonomy.rules.")


def _load(mutant: Mutant) -> None:
    tree = _tree(mutant.module)
    node = list(_places(mutant.module, tree))[mutant.place]
    _what, change = changes_at(node)[mutant.number]
    change()
    importlib.import_module("autonomy.rules")
    name = f"autonomy.rules.{mutant.module}"
    sys.modules[name] = module = ModuleType(name)
    code = compile(ast.fix_missing_locations(tree), f"<{mutant}>", "exec")
    exec(code, vars(module))  # noqa: S102  the repository's own text


def _tree(module: str) -> ast.Module:
    tree = ast.parse((RULES / f"{module}.py").read_text())
    if module != "verdict":
        # A changed layer may speak in ways that it does not use as it is.
        names = [ast.alias(name) for name in ("allow", "ask", "block")]
        tree.body.insert(1, ast.ImportFrom("autonomy.rules.verdict", names, 0))
    return tree


def _places(module: str, tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that decides something, in an order that stays."""
    if module == "catalogue":
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node.value in CORE:
                yield Row(tree, node.value, node.lineno)
        return
    for top in tree.body:
        if _named(top) in DECIDING[module].split():
            yield from _within(top)


def _line(node: ast.AST) -> int:
    if isinstance(node, ast.comprehension):
        return node.iter.lineno
    return getattr(node, "lineno", 0)


def _named(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return ""


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is in it; not the texts for people, not annotations."""
    if _is_text(node):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        inner = value if isinstance(value, list) else [value]
        if isinstance(node, ast.Call) and called(node) in CALLS and name == "args":
            inner = inner[:2]
        for each in inner:
            if isinstance(each, ast.AST):
                yield from _within(each)


def _is_text(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr() | ast.IfExp(orelse=ast.JoinedStr()):
            return True
        case ast.keyword(arg="clause" | "explanation" | "remedy" | "remedies"):
            return True
        case ast.Assign(targets=[ast.Name(id="remedy" | "wanted")]):
            # What the call below it will say.
            return True
        case _:
            return False
