"""An IMAP server, spoken to on a checked line; what goes wrong is said in words."""

import imaplib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging import WARNING, getLogger
from time import monotonic
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from perception.egress import dial
from perception.errors import EgressFailed, EgressRefused
from perception.lines import Line
from perception.sources.base import SourceBarred, SourceFailed, SourceRefuses, Wire
from perception.sources.mails import BROKEN

getLogger("imapclient").setLevel(WARNING)


@contextmanager
def opened(config: Mapping[str, Any], secret: str, wire: Wire) -> Iterator["Client"]:
    """A client that is logged in; whatever goes wrong with it is said in words."""
    host, port = config["host"], config["port"]
    wire.pace()
    began, said = monotonic(), "failed"
    try:
        with dial(
            host, port, tls=config["tls"], timeout=wire.left(), limit=wire.limit
        ) as line:
            client = Client(line, wire.limit)
            _log_in(client, config, secret)
            said = "logged in"
            wire.tell(f"IMAP {host}:{port}", said, since=began)
            yield client
    except EgressRefused as refused:
        raise SourceBarred(refused.detail) from None
    except EgressFailed as failed:
        raise SourceFailed(failed.detail, is_unreached=not failed.ambiguous) from None
    except IMAPClientAbortError:
        raise SourceFailed(f"{host} broke off.") from None
    except (IMAPClientError, *BROKEN):
        # What it said may be private.
        raise SourceFailed(f"{host} does not answer in proper IMAP.") from None
    finally:
        if said == "failed":
            wire.tell(f"IMAP {host}:{port}", said, since=began)


def _log_in(client: "Client", config: Mapping[str, Any], secret: str) -> None:
    try:
        if config["auth"] == "bearer":
            client.oauth2_login(config["user"], secret)
        else:
            client.login(config["user"], secret)
    except IMAPClientError as error:
        causes = (error, error.__context__)
        if any(isinstance(each, IMAPClientAbortError) for each in causes):
            raise SourceFailed(f"{config['host']} broke off at the login.") from None
        if "[UNAVAILABLE]" in str(error):
            raise SourceFailed(f"{config['host']} lets nobody in now.") from None
        raise SourceRefuses(
            f"{config['host']} does not accept the user or the secret."
        ) from None


class Client(IMAPClient):
    """The library's client, on a line that the way out has checked."""

    def __init__(self, line: Line, most: int) -> None:
        self._line, self._most = line, most
        super().__init__("", ssl=False)
        self.normalise_times = False
        # The library would tell logs what it reads.
        self._imap.debug = 0

    def _create_IMAP4(self) -> Any:
        return _Imap(self._line, self._most)

    def _set_read_timeout(self) -> None:
        """The line has a deadline of its own."""


class _Imap(imaplib.IMAP4):
    def __init__(self, line: Line, most: int) -> None:
        self._line, self._most = line, most
        super().__init__()

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        self.sock: Any = self._line
        self.file: Any = io.BufferedReader(self._line)

    def read(self, size: int) -> bytes:
        if size > self._most:
            # Room would be made for all that it promises.
            raise self.abort("A literal is too long.")
        data: bytes = self.file.read(size)
        return data

    def shutdown(self) -> None:
        """Who dialled hangs up."""
