"""What can be done wrong at one place of a module that decides."""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from autonomy.rules.catalogue import CORE
from autonomy.rules.verdict import Layer

COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALLS: Mapping[str, tuple[str, ...]] = {
    "ask": ("allow", "block"),
    "block": ("allow", "ask"),
    "allow": (),
    "min": ("max",),
    "max": ("min",),
}
CONSTANTS: Mapping[Any, tuple[Any, ...]] = {
    "UNKNOWN": ("AUTONOMOUS", "LOW"),
    "APPROVAL": ("AUTOPILOT",),
    0.0: (-1.0, 0.5),
    1.0: (0.5, 2.0),
}
TIERS = {
    "AUTONOMOUS": "APPROVAL_REQUIRED",
    "APPROVAL_REQUIRED": "AUTONOMOUS",
    "HARD_STOP": "APPROVAL_REQUIRED",
}

# What is done, in words, and how it is done.
Change = tuple[str, Callable[[], Any]]


class Row(ast.AST):
    """A row of the catalogue; it is changed after all rows are made."""

    def __init__(self, tree: ast.Module, key: str, lineno: int) -> None:
        super().__init__()
        self.tree, self.key, self.lineno = tree, key, lineno


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def changes_at(node: ast.AST) -> list[Change]:
    """What can be done to a node, each said in words."""
    for kind, changes in KINDS.items():
        if isinstance(node, kind):
            return list(changes(node))
    return []


def _compare(node: ast.Compare) -> Iterator[Change]:
    for place, old in enumerate(node.ops):
        for new in COMPARISONS[type(old)]:
            ops = [*node.ops[:place], new(), *node.ops[place + 1 :]]
            changed = ast.Compare(node.left, ops, node.comparators)
            what = f"{ast.unparse(changed)} for {ast.unparse(node)}"
            yield what, partial(_set, node, ops=ops)


def _and_or(node: ast.BoolOp) -> Iterator[Change]:
    new = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield f"and for or, or for and, in {ast.unparse(node)}", partial(_set, node, op=new)


def _not(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Not):
        twice = ast.UnaryOp(ast.Not(), node.operand)
        yield f"{ast.unparse(node)} without not", partial(_set, node, operand=twice)


def _if(node: ast.If | ast.IfExp) -> Iterator[Change]:
    if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        other = ast.UnaryOp(ast.Not(), node.test)
        yield f"if not {ast.unparse(node.test)}", partial(_set, node, test=other)
    for said, test in (("always", True), ("never", False)):
        yield (
            f"if {ast.unparse(node.test)}, {said}",
            partial(_set, node, test=ast.Constant(test)),
        )


def _call(node: ast.Call) -> Iterator[Change]:
    for name in CALLS.get(called(node), ()):
        new: dict[str, Any] = {"func": ast.Name(name, ast.Load())}
        if name == "allow":
            texts = [ast.Constant("changed"), ast.Constant("Changed.")]
            new |= {"args": [node.args[0], *texts]}
        what = f"{name}() for {called(node)}() {ast.unparse(node.args[1:2])}"
        yield what.rstrip(), partial(_set, node, **new)


def _decision(node: ast.Attribute) -> Iterator[Change]:
    ceilings = ("BLOCK", "REQUIRE_APPROVAL", "AUTO_EXECUTE")
    if ast.unparse(node.value) == "Decision":
        for new in ceilings:
            if new != node.attr:
                yield f"{new} for {node.attr}", partial(_set, node, attr=new)


def _elements(node: ast.Set | ast.MatchOr) -> Iterator[Change]:
    parts: list[Any] = node.elts if isinstance(node, ast.Set) else node.patterns
    for place, each in enumerate(parts):
        # A pattern twice is as good as without the other.
        other = [parts[place - 1]] if isinstance(node, ast.MatchOr) else []
        what = f"without {ast.unparse(each)}"
        yield what, partial(parts.__setitem__, slice(place, place + 1), other)


def _match(node: ast.Match) -> Iterator[Change]:
    for place, case in enumerate(node.cases[:-1]):
        what = f"without the case {ast.unparse(case.pattern)}"
        yield what, partial(node.cases.pop, place)


def _guards(node: ast.Dict) -> Iterator[Change]:
    named = [key and ast.unparse(key) for key in node.keys]
    if "Layer.TIER" in named:
        for place, name in enumerate(named):
            other = node.values[place - 1]
            what = f"{ast.unparse(other)} in the place of {name}"
            yield what, partial(node.values.__setitem__, place, other)
            rest = [
                [*parts[:place], *parts[place + 1 :]]
                for parts in (node.keys, node.values)
            ]
            yield f"without {name}", partial(_set, node, keys=rest[0], values=rest[1])


def _asked(node: ast.comprehension) -> Iterator[Change]:
    if ast.unparse(node.iter) == "Layer":
        for layer in Layer:
            test = ast.parse(f"layer.name != {layer.name!r}", mode="eval").body
            yield f"without the layer {layer}", partial(node.ifs.append, test)


def _members(node: ast.ClassDef) -> Iterator[Change]:
    body = node.body
    for place in range(1, len(body) - 1):
        later, earlier = body[place + 1], body[place]
        what = f"{ast.unparse(later)} before {ast.unparse(earlier)}"
        both = slice(place, place + 2)
        yield what, partial(body.__setitem__, both, [later, earlier])


def _constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield f"{not node.value}", partial(_set, node, value=not node.value)
    elif isinstance(node.value, str | float):
        for new in CONSTANTS.get(node.value, ()):
            yield f"{new!r} for {node.value!r}", partial(_set, node, value=new)


def _row(node: Row) -> Iterator[Change]:
    traits = CORE[node.key].traits
    changed = (
        ("tier", TIERS[traits.tier]),
        ("external_contact", not traits.external_contact),
        ("touches", () if traits.touches else ("price",)),
    )
    for name, value in changed:
        text = (
            "from dataclasses import replace\n"
            f"_row = CORE[{node.key!r}]\n"
            f"_traits = replace(_row.traits, {name}={value!r})\n"
            f"CORE = {{**CORE, {node.key!r}: replace(_row, traits=_traits)}}\n"
        )
        body = ast.parse(text).body
        yield f"{node.key}: {name} = {value!r}", partial(node.tree.body.extend, body)


def _set(node: ast.AST, **new: Any) -> None:
    for name, value in new.items():
        setattr(node, name, value)


KINDS: Mapping[Any, Callable[[Any], Iterator[Change]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _and_or,
    ast.UnaryOp: _not,
    (ast.If, ast.IfExp): _if,
    ast.Call: _call,
    ast.Attribute: _decision,
    (ast.Set, ast.MatchOr): _elements,
    ast.Match: _match,
    ast.Dict: _guards,
    ast.comprehension: _asked,
    ast.ClassDef: _members,
    ast.Constant: _constant,
    Row: _row,
}
