"""How an outlet is greeted that would act on whatever it is sent: a connection, no more."""

from urllib.parse import urlsplit

from perception.egress import PORTS, dial
from perception.errors import EgressFailed, EgressRefused
from perception.sources.base import SourceBarred, SourceFailed, SourceRefuses, Wire

NONE = "The address is none that can be called."


def knock(url: str, wire: Wire) -> None:
    """Connect to where an address leads, by TLS where it says so; nothing is sent."""
    scheme, host, port = _parts(url)
    wire.pace()
    try:
        with dial(host, port, tls=scheme == "https", timeout=wire.left(), limit=1):
            return
    except EgressRefused as refusal:
        raise SourceBarred(refusal.detail) from None
    except EgressFailed as failure:
        raise SourceFailed(failure.detail, is_unreached=True) from None


def _parts(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SourceRefuses(NONE) from None
    if not host or parts.scheme not in PORTS or "@" in parts.netloc:
        raise SourceRefuses(NONE)
    return parts.scheme, host, port or PORTS[parts.scheme]
