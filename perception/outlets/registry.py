"""Which outlets there are: one line for each kind."""

from collections.abc import Mapping

from perception.outlets.base import Outlet

_ALL: tuple[Outlet, ...] = ()

OUTLETS: Mapping[str, Outlet] = {each.kind: each for each in _ALL}
