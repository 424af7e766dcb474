"""Which tools of the house act outside: one line for each."""

from collections.abc import Mapping

from autonomy.tools.base import Hand

_ALL: tuple[Hand, ...] = ()

HANDS: Mapping[str, Hand] = {each.key: each for each in _ALL}
