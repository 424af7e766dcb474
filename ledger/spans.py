"""What is under way is told to whoever listens: nobody does, unless the roof sees to it.

Ids, numbers and codes only. Everything that goes back to one signal is one trace, named
by the signal's id; so no row need remember it. Unheard, a call takes well under 1 µs.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Protocol
from uuid import UUID

Value = UUID | str | int | float | bool | None
Said = Mapping[str, Value]
# The id that names a trace, or how to find it; None: whatever is under way here.
Of = UUID | Callable[[], UUID | None] | None


class Listener(Protocol):
    """Hears what is under way. It raises nothing of its own and never waits."""

    def span(self, name: str, of: Of, said: Said) -> AbstractContextManager[object]:
        """Something lasts as long as this is entered."""
        ...

    def lasted(
        self, name: str, of: Of, since: datetime | None, said: Said, *, is_root: bool
    ) -> None:
        """Something ends here, if what is under way in the database is committed."""
        ...

    def note(self, said: Said) -> None:
        """More is known of what is under way."""
        ...

    def happened(self, name: str, said: Said) -> None:
        """One thing happened in what is under way."""
        ...

    def here(self) -> tuple[str, str] | None:
        """The ids of the trace and the span that are under way."""
        ...


_NOTHING: AbstractContextManager[None] = nullcontext()
_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """From now on this one is told; None: nobody is."""
    global _listener
    _listener = listener


def span(name: str, of: Of = None, **said: Value) -> AbstractContextManager[object]:
    """What lasts as long as this is entered."""
    return _NOTHING if _listener is None else _listener.span(name, of, said)


def begun(name: str, of: UUID, **said: Value) -> None:
    """A trace begins, with what is committed now; it is linked with what is under way."""
    if _listener is not None:
        _listener.lasted(name, of, None, said, is_root=True)


def lasted(name: str, of: Of, since: datetime | None = None, **said: Value) -> None:
    """What began then, in whatever process, has ended with what is committed now."""
    if _listener is not None:
        _listener.lasted(name, of, since, said, is_root=False)


def note(**said: Value) -> None:
    """More of what is under way."""
    if _listener is not None:
        _listener.note(said)


def happened(name: str, **said: Value) -> None:
    """One thing that happened in what is under way."""
    if _listener is not None:
        _listener.happened(name, said)


def here() -> tuple[str, str] | None:
    """The ids of the trace and the span that are under way, if somebody listens."""
    return None if _listener is None else _listener.here()
