"""A dry run: while it lasts, no secret is opened, nothing is stamped, nothing is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from perception.errors import DryRun

_dry: ContextVar[bool] = ContextVar("dry", default=False)


@contextmanager
def dry() -> Iterator[None]:
    """Whatever is tried in here, it cannot act."""
    token = _dry.set(True)
    try:
        yield
    finally:
        _dry.reset(token)


def insist_on_acting(what: str) -> None:
    """Refuse in a dry run; `what` would have been done."""
    if _dry.get():
        raise DryRun(what)
