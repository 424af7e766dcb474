"""Which outlets there are: one line for each kind."""

from collections.abc import Mapping

from perception.outlets.base import Outlet
from perception.outlets.chat import Chat
from perception.outlets.outbound import Outbound
from perception.outlets.smtp import Smtp

_ALL: tuple[Outlet, ...] = (Smtp(), Chat(), Outbound())

OUTLETS: Mapping[str, Outlet] = {each.kind: each for each in _ALL}
