"""What every outlet declares, and how it is greeted."""

from collections.abc import Mapping
from typing import Any, Protocol

from perception.sources.base import Wire


class Outlet(Protocol):
    """One kind of way out. Adding one is a file like those beside this."""

    kind: str
    title: str
    # JSON Schema of the configuration, and what the secret is.
    schema: Mapping[str, Any]
    secret: str

    def greet(self, config: Mapping[str, Any], secret: str, wire: Wire) -> None:
        """Say hello without any effect; raises what is wrong, in words."""
        ...
