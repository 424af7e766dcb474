"""Which types of plans there are: every file beside this one that declares a `TYPE`."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from plans import types
from plans.types.base import PlanType


def collect() -> Mapping[str, PlanType]:
    """The types that are declared, the one that goes first at the top."""
    declared = [
        found
        for module in iter_modules(types.__path__, f"{types.__name__}.")
        if module.name != __name__
        and isinstance(
            found := getattr(import_module(module.name), "TYPE", None), PlanType
        )
    ]
    by_key = {each.key: each for each in sorted(declared, key=_first)}
    if len(by_key) < len(declared):
        raise ValueError("Two types of plans have the same key.")
    return MappingProxyType(by_key)


def type_of(key: str) -> PlanType | None:
    """The type of exactly this name, if there is one."""
    return TYPES.get(key)


def _first(declared: PlanType) -> tuple[int, str]:
    return -declared.priority, declared.key


TYPES: Mapping[str, PlanType] = collect()
