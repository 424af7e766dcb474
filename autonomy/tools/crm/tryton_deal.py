"""Deals of Tryton: what their fields hold, and the moves that can be taken back.

A state changes by the buttons of the workflow alone. `convert` makes a sale, `won` comes
with its confirmation, and a closed deal that is reopened would be closed again as of
today: these moves are left to people.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal
from typing import Any

from autonomy.rules.answers import Meaning
from autonomy.tools.base import Image, Job, stopped
from autonomy.tools.crm.vendors import (
    insist_on_account,
    moved,
    nothing_done,
    refused,
)
from perception.sources.base import SourceFailed, Wire
from perception.sources.crm import stage_of
from perception.sources.reading import held
from perception.sources.tryton import STAGES, Tryton
from perception.sources.tryton_rest import WHO, Row, Server

DEAL = "sale.opportunity"
FIELDS = {"amount": "amount", "close_date": "end_date"}
# A deal that is open can be changed; the others can only be moved.
OPEN = ("lead", "opportunity")
BUTTONS = {
    ("lead", "opportunity"): "opportunity",
    ("opportunity", "lead"): "lead",
    ("lead", "lost"): "lost",
    ("opportunity", "lost"): "lost",
    ("lead", "cancelled"): "cancel",
    ("opportunity", "cancelled"): "cancel",
    ("lost", "lead"): "lead",
    ("cancelled", "lead"): "lead",
}
WHY = {
    "converted": f"{WHO} makes a sale of a deal that it converts: a person does that.",
    "won": f"A deal is won in {WHO} when its sale is confirmed.",
}


def server(job: Job, wire: Wire) -> Server:
    """The server that the connector names."""
    return Server(held(Tryton.schema, job.config), job.secret, wire, job.at)


def deal(there: Server, job: Job, fields: Sequence[str] = ()) -> Row:
    """The deal of the act, which has to be the account's there too."""
    if not job.opportunity:
        raise refused("It names no deal.")
    rows: list[Row] = []
    if job.opportunity.isdecimal() and len(job.opportunity) < 10:
        named = [["id", "=", int(job.opportunity)]]
        shown = [*fields, f"party.{there.config['account']}"]
        with explained(there, DEAL, fields):
            rows = there.search(DEAL, named, shown, most=1)
    if not rows:
        raise refused(f"{WHO} has no deal {job.opportunity}.")
    insist_on_account(there.account(rows[0], "party."), job)
    return rows[0]


def read(fields: tuple[str, ...], job: Job, wire: Wire) -> Image:
    """What the fields hold; a stage comes with the state that it stands for there."""
    there = server(job, wire)
    row = deal(there, job, ["state", *_theirs(there, fields).values()])
    return {"there": True, "fields": _shown(there, fields, row)}


def write(
    fields: Mapping[str, Any], was: Image, job: Job, wire: Wire
) -> Mapping[str, Any]:
    """Write and press what brings the fields about, where they are as they were."""
    there, names = server(job, wire), tuple(was["fields"])
    theirs = _theirs(there, names)
    plain = {name: theirs[name] for name in fields if name in theirs}
    with nothing_done():
        types = there.types(DEAL, list(plain.values())) if plain else {}
        row = deal(there, job, ["state", *theirs.values()])
    if _shown(there, names, row) != was["fields"]:
        raise moved()
    values = {
        field: _written(name, fields[name], types.get(field, ""))
        for name, field in plain.items()
    }
    state = str(row["state"])
    buttons = _way(state, _wanted(there, fields, state))
    _carry_out(there, row["id"], state in OPEN, values, buttons)
    return {"deal": job.opportunity}


@contextmanager
def explained(there: Server, model: str, fields: Sequence[str]) -> Iterator[None]:
    """Tryton breaks over what it has no module for: then that is said."""
    try:
        yield
    except SourceFailed as failure:
        if failure.status != 500:
            raise
        if not there.has(model):
            raise refused(f"{WHO} has no module there for {model}.") from None
        insist_on_fields(there, model, fields)
        raise


def insist_on_fields(there: Server, model: str, fields: Sequence[str]) -> None:
    """Without one of them, what was made could not be looked at."""
    lacking = sorted(set(fields) - set(there.types(model, fields)))
    if lacking:
        raise refused(f"{WHO} has no field {lacking[0]} in {model}.")


def _theirs(there: Server, names: Sequence[str]) -> dict[str, str]:
    """What the fields are called there; the stage is none of them."""
    known = {**FIELDS, **there.config["fields"]}
    found = {}
    for name in names:
        if name == "stage" or (name == "state" and "stage" in names):
            continue
        if name not in known:
            said = f"{WHO} has no field for {name}: the connector can name one."
            raise refused(said)
        found[name] = known[name]
    return found


def _shown(there: Server, names: Sequence[str], row: Row) -> dict[str, Any]:
    shown = {
        name: _plain(row.get(field)) for name, field in _theirs(there, names).items()
    }
    if "stage" in names:
        state = str(row.get("state"))
        stage, _ = stage_of(state, there.config, STAGES)
        shown |= {"stage": stage, "state": state}
    return shown


def _plain(value: Any) -> Any:
    """A value of JSON, from which the same is written again."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float):
        return value
    raise refused(f"{WHO} holds something there that is no plain value.")


def _written(name: str, value: Any, type_: str) -> Any:
    """A value as a field of this type takes it."""
    if value is None:
        return None
    with suppress(ArithmeticError, KeyError, TypeError, ValueError):
        return WRITE[type_](value)
    raise refused(f"The field for {name} takes no such value.")


def _whole(value: Any) -> int:
    if Decimal(str(value)) % 1:
        raise ValueError
    return int(Decimal(str(value)))


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


WRITE: Mapping[str, Callable[[Any], Any]] = {
    "numeric": lambda value: Decimal(str(value)),
    "float": float,
    "integer": _whole,
    "date": date.fromisoformat,
    "boolean": _yes_or_no,
    "char": str,
    "text": str,
    "selection": str,
}


def _wanted(there: Server, fields: Mapping[str, Any], state: str) -> str:
    """The state that a stage stands for; an exact one is known where one is put back."""
    if "state" in fields:
        return str(fields["state"])
    if "stage" not in fields:
        return state
    stage = fields["stage"]
    found = [
        each for each in STAGES if stage_of(each, there.config, STAGES) == (stage, True)
    ]
    if not found:
        raise refused(f"Nothing in {WHO} counts as {stage}.")
    if state in found:
        return state
    if state not in OPEN:
        said = f"A deal that is {state} is moved by a person: it could not be put back."
        raise refused(said)
    return next((each for each in found if (state, each) in BUTTONS), found[0])


def _way(state: str, wanted: str) -> list[str]:
    """The buttons from one state to another."""
    if state == wanted:
        return []
    for steps in ([(state, wanted)], [(state, "lead"), ("lead", wanted)]):
        if all(step in BUTTONS for step in steps):
            return [BUTTONS[step] for step in steps]
    raise refused(WHY.get(wanted, f"{WHO} moves no deal from {state} to {wanted}."))


def _carry_out(
    there: Server,
    id_: int,
    is_open: bool,
    values: Mapping[str, Any],
    buttons: Sequence[str],
) -> None:
    """Write while the deal is open. After the first step, a refusal leaves half an act."""
    steps: list[str] = [*buttons]
    if values:
        steps.insert(0 if is_open else len(steps), "")
    for count, step in enumerate(steps):
        try:
            if step:
                there.press(DEAL, id_, step)
            else:
                there.change(DEAL, id_, values)
        except SourceFailed as failure:
            if count == 0:
                raise
            raise stopped(Meaning.AMBIGUOUS, failure.detail) from None
