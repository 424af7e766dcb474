"""What the hands of CRMs share: one makes something, one sets fields of a deal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

from jsonschema import Draft202012Validator

from autonomy.errors import ToolStopped
from autonomy.rules.answers import Meaning
from autonomy.tools.base import Changing, Image, Job, Making, stopped
from autonomy.tools.crm.doors import door_of
from perception.sources.base import SourceFailed, Wire

TIMEOUT = 20.0


class Makes(Making):
    """A tool that makes something in the CRM, whichever one the tenant has."""

    acts_as = "crm"
    timeout = TIMEOUT
    noun: str
    takes: Mapping[str, Any]

    def look(self, job: Job, wire: Wire) -> Image:
        insist_on_fit(self.takes, job)
        return door_of(job).find(self.noun, job, wire)

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        return door_of(job).make(self.noun, job.parameters, job, wire)

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        door_of(job).remove(self.noun, after, job, wire)


class Sets(Changing):
    """A tool that sets fields of a deal in the CRM, whichever one the tenant has."""

    acts_as = "crm"
    timeout = TIMEOUT
    takes: Mapping[str, Any]

    def wanted(self, job: Job) -> Mapping[str, Any]:
        """What the fields are to hold, by their names here."""
        raise NotImplementedError

    def names(self, job: Job) -> tuple[str, ...]:
        """The fields that an act may change, asked for or not."""
        return tuple(self.wanted(job))

    def look(self, job: Job, wire: Wire) -> Image:
        insist_on_fit(self.takes, job)
        return door_of(job).read(self.names(job), job, wire)

    def is_done(self, job: Job, seen: Image) -> bool:
        held = seen.get("fields", {})
        wanted = self.wanted(job)
        return all(is_same(value, held.get(name)) for name, value in wanted.items())

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        held, wanted = before["fields"], self.wanted(job)
        new = {
            name: value
            for name, value in wanted.items()
            if not is_same(value, held.get(name))
        }
        return door_of(job).write(new, before, job, wire) if new else {}

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        was, held = before["fields"], after["fields"]
        back = {name: was[name] for name in was if was[name] != held.get(name)}
        if back:
            door_of(job).write(back, after, job, wire)


def insist_on_fit(takes: Mapping[str, Any], job: Job) -> None:
    """Nothing goes out for parameters that the tool makes nothing of."""
    fault = next(Draft202012Validator(takes).iter_errors(job.parameters), None)
    if fault is not None:
        where = ".".join(map(str, fault.absolute_path)) or "as a whole"
        raise stopped(
            Meaning.REFUSED, f"It makes nothing of these parameters: {where}."
        )


@contextmanager
def half_done(begun: bool) -> Iterator[None]:
    """Once something was done, whatever goes wrong leaves half an act."""
    try:
        yield
    except (SourceFailed, ToolStopped) as failure:
        if not begun:
            raise
        said = f"Half of it was done. {failure.detail}"
        raise stopped(Meaning.AMBIGUOUS, said) from None


def is_same(wanted: Any, held: Any) -> bool:
    """Whether a field holds what was asked for: 12000 is 12000.00, and true is no 1."""
    if isinstance(wanted, bool) or isinstance(held, bool):
        return wanted is held
    if wanted is None or held is None:
        return wanted is held
    numbers = _number(wanted), _number(held)
    if None in numbers:
        return str(wanted) == str(held)
    return numbers[0] == numbers[1]


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
