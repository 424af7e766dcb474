"""The finite domain of verdicts: a table to go through whole, and what varies beside it."""

import math
import random
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from autonomy.rules.actions import ActionType, Traits
from autonomy.rules.catalogue import CORE
from autonomy.rules.facts import BudgetLine, Facts, ModeAt, Reach, Switch

Given = dict[str, Any]

UNKNOWN_TYPE = "launch_rocket"
ADDED_TYPE = "water_the_plants"
ADDED: Mapping[str, Any] = {
    "tier": "AUTONOMOUS",
    "risk_level": "LOW",
    "external_contact": False,
    "touches": (),
    "reversal": "INVERSE",
    "idempotent": True,
    "tool": "internal.note",
}


def line(limit: int, used: int) -> BudgetLine:
    return BudgetLine(
        budget="b-1", key="tenant", scope="tenant", limit=limit, used=used
    )


def modes(**at: str | None) -> tuple[ModeAt, ...]:
    return tuple(ModeAt(scope=scope, mode=mode) for scope, mode in at.items())


ON = Switch(id="s-1", scope="tenant", reason="An audit.")
BACK = Switch(id="s-2", scope="action_type", reason="A drill.", returning=True)

# Nothing stands in the way: even a message to a customer would leave by itself.
LENIENT: Mapping[str, Any] = {
    "day": "2026-11-20",
    "account": "a-1",
    "seller": "p-1",
    "action_type": "send_follow_up_email",
    "origin": "signal",
    "confidence": 0.9,
    "risk_level": None,
    "stage": None,
    "lifecycle": "CUSTOMER",
    "tainted": False,
    "switches": (),
    "modes": modes(tenant="SCHEDULED"),
    "opted_in": True,
    "digest_delivered": True,
    "contact": "c-1",
    "opted_out": False,
    "account_reach": Reach(used=2, cap=3),
    "contact_reach": Reach(used=1, cap=2),
    "quiet": False,
    "profile": True,
    "allowlisted": True,
    "min_confidence": 0.7,
    "amount": 0.0,
    "amount_cap": None,
    "within_hours": True,
    "budgets": (line(5, 4),),
    "review": False,
}

# What surrounds a point of the table.
SURROUNDINGS: Mapping[str, Given] = {
    "lenient": {},
    "without the profile": {"profile": False},
    "tainted": {"tainted": True},
    "a new tenant": {
        "profile": False, "opted_in": False, "digest_delivered": None,
        "contact": None, "opted_out": None, "account_reach": None,
        "contact_reach": None, "quiet": None, "allowlisted": False, "budgets": (),
    },
}  # fmt: skip

TABLE: Mapping[str, tuple[Any, ...]] = {
    "action_type": (*CORE, UNKNOWN_TYPE),
    "mode": ("DISABLED", "ASSIST", "APPROVAL", "AUTOPILOT", "SCHEDULED", "", "TURBO"),
    "stage": (
        "prospecting", "discovery", "qualification", "evaluation", "negotiation",
        "closed_won", "closed_lost", "stalled", None, "Evaluation", "",
    ),
    "risk_level": ("MINIMAL", "LOW", "MEDIUM", "HIGH", "CRITICAL", "", None),
    "confidence": (-1, 0, 0.69, 0.7, 1, 1.01, math.nan, None),
    "origin": ("signal", "ritual", "plan", "agent", "cron"),
    "around": tuple(SURROUNDINGS),
}  # fmt: skip
SIZE = math.prod(len(values) for values in TABLE.values())

# What varies beside the table, one value or two at a time.
BESIDE: Mapping[str, tuple[Any, ...]] = {
    "switches": (None, (ON,), (BACK,), (BACK, ON)),
    "modes": (
        (), None, modes(tenant=None), modes(platform="APPROVAL"),
        modes(account=None, tenant="AUTOPILOT"),
        modes(account_type="DISABLED", platform="SCHEDULED"),
        modes(account_type=None, tenant_type="SCHEDULED", tenant="DISABLED"),
    ),
    "seller": (None,),
    "lifecycle": ("PROSPECT", "", "unheard of"),
    "tainted": (True,),
    "opted_in": (False,),
    "digest_delivered": (False, None),
    "contact": (None,),
    "opted_out": (True, None),
    "account_reach": (None, Reach(used=3, cap=3), Reach(used=4, cap=3)),
    "contact_reach": (None, Reach(used=2, cap=2), Reach(used=0, cap=0)),
    "quiet": (True, None),
    "profile": (False,),
    "allowlisted": (False,),
    "min_confidence": (0.0, 0.5, 0.95, 1.0),
    "amount": (99.5, 100.0, 100.5),
    "amount_cap": (0.0, 100.0),
    "within_hours": (False,),
    "review": (True,),
    "budgets": (
        (), (line(5, 5),), (line(0, 0),), (line(5, 6),), (line(5, 0), line(9, 9)),
        (line(1, 1), line(9, 0)), (line(1, 0), line(9, 8)),
    ),
    "traits.tier": ("HARD_STOP", "APPROVAL_REQUIRED", "autonomous", "UNKNOWN", ""),
    "traits.risk_level": ("MINIMAL", "MEDIUM", "HIGH", "CRITICAL", ""),
    "traits.external_contact": (True,),
    "traits.touches": (("stage",), ("forecast",), ("price", "discount")),
    "traits.reversal": ("RETRACTABLE", "COMPENSATE", "NONE", "UNDO", ""),
    "traits.idempotent": (False,),
    "traits.tool": ("",),
}  # fmt: skip
VARIED: Mapping[str, tuple[Any, ...]] = {
    **{name: values for name, values in TABLE.items() if name != "around"},
    **BESIDE,
}
# Where the varying starts: outreach and a note, of a signal and of a ritual.
BASES: tuple[Given, ...] = tuple(
    {"action_type": key, "origin": origin}
    for key in ("send_follow_up_email", ADDED_TYPE)
    for origin in ("signal", "ritual")
)


def facts_of(given: Mapping[str, Any], core: Mapping[str, ActionType] = CORE) -> Facts:
    """The facts that differ from the lenient ones as given."""
    plain: Given = {**LENIENT, **given}
    changed = {
        name.removeprefix("traits."): plain.pop(name)
        for name in given
        if name.startswith("traits.")
    }
    if "mode" in plain:
        plain["modes"] = (ModeAt(scope="tenant", mode=plain.pop("mode")),)
    if changed or plain["action_type"] == ADDED_TYPE:
        plain["action_type"] = ADDED_TYPE
        return Facts(traits=Traits(**{**ADDED, **changed}), **plain)
    action = core.get(plain["action_type"])
    return Facts(traits=action.traits if action else None, **plain)


_MODES = {mode: modes(account_type=None, tenant=mode) for mode in TABLE["mode"]}
_PLAIN = {name: {**LENIENT, **given} for name, given in SURROUNDINGS.items()}
_TRAITS = {**{key: action.traits for key, action in CORE.items()}, UNKNOWN_TYPE: None}


def digits(place: int) -> tuple[int, ...]:
    """The point of the table at a place: an index into each of its dimensions."""
    found = []
    for values in TABLE.values():
        place, digit = divmod(place, len(values))
        found.append(digit)
    return tuple(found)


def at(place: int) -> Facts:
    """The facts at a place of the table."""
    values = zip(TABLE.values(), digits(place), strict=True)
    key, mode, stage, risk, confidence, origin, around = (
        scale[digit] for scale, digit in values
    )
    plain = _PLAIN[around].copy()
    plain.update(
        action_type=key,
        traits=_TRAITS[key],
        modes=_MODES[mode],
        stage=stage,
        risk_level=risk,
        confidence=confidence,
        origin=origin,
    )
    return Facts(**plain)


def whole() -> Iterator[Facts]:
    """Every point of the table."""
    return map(at, range(SIZE))


def sampled(count: int, seed: int) -> list[int]:
    """Places of the table, the same ones for the same seed."""
    return random.Random(seed).sample(range(SIZE), count)


def ones() -> Iterator[Given]:
    """What differs from a base in one value."""
    for base in BASES:
        yield base
        for name, values in VARIED.items():
            yield from ({**base, name: value} for value in values)


def twos() -> Iterator[Given]:
    """What differs from a base in two values."""
    for base in BASES:
        for (name, values), (other, others) in combinations(VARIED.items(), 2):
            # A mode stands in the place of modes.
            if (name, other) != ("mode", "modes"):
                yield from (
                    {**base, name: value, other: wanted}
                    for value in values
                    for wanted in others
                )
