"""An SMTP server, spoken to on a checked line; what goes wrong is said in words.

A mail is on its way with its last dot and no sooner: whatever breaks before that dot
leaves certainly nothing behind, and whatever breaks after it is unknown.
"""

import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from perception.egress import dial
from perception.errors import EgressFailed, EgressRefused
from perception.lines import Line
from perception.sources.base import SourceBarred, SourceFailed, SourceRefuses, Wire
from perception.sources.mails import BROKEN

# Who puts a stranger off does so for minutes.
PAUSE = timedelta(minutes=5)
_ENDS = re.compile(rb"\r\n|\r|\n")
_DOTS = re.compile(rb"(?m)^\.")


@contextmanager
def opened(
    config: Mapping[str, Any],
    secret: str,
    wire: Wire,
    at: datetime | None = None,
) -> Iterator["Client"]:
    """A client that is let in; `at`: now, for whoever comes again when put off."""
    host, port, tls = config["host"], config["port"], config["tls"]
    wire.hide(secret)
    wire.pace()
    client, began, told = Client(host, at), monotonic(), "failed"
    try:
        line = dial(
            host, port,
            tls=tls == "implicit", upgrades=tls == "starttls",
            timeout=wire.left(), limit=wire.limit,
        )  # fmt: skip
        with line as checked, client.meant():
            client.begin(checked, is_upgraded=tls == "starttls")
            client.let_in(config["user"], secret)
            told = "let in"
            yield client
            client.leave()
    except EgressRefused as refused:
        raise SourceBarred(refused.detail) from None
    except EgressFailed as failed:
        raise SourceFailed(failed.detail, is_unreached=not client.is_out) from None
    finally:
        wire.tell(f"SMTP {host}:{port}", told, since=began)


class Client(smtplib.SMTP):
    """The library's client, on a line that the way out has checked."""

    def __init__(self, host: str, at: datetime | None) -> None:
        # Nobody is asked what this machine is called.
        super().__init__(local_hostname="[127.0.0.1]")
        self.there, self.at = host, at
        # Whether a mail may have been taken.
        self.is_out = False

    def begin(self, line: Line, *, is_upgraded: bool) -> None:
        """Greetings, and TLS where it begins after them."""
        self.sock: Any = line
        self.file: Any = None
        self._insist(self.getreply(), (220,), "does not let us in")
        self._insist(self.ehlo(), (250,), "does not let us in")
        if not is_upgraded:
            return
        if not self.has_extn("starttls"):
            raise SourceRefuses(f"{self.there} offers no TLS.")
        self._insist(self.docmd("STARTTLS"), (220,), "does not begin TLS")
        try:
            line.secure(self.there)
        except ssl.SSLCertVerificationError as error:
            said = f"shows a certificate that does not hold: {error.verify_message}"
            raise self.failed(said) from None
        # What it said in the clear counts for nothing.
        self.file = None
        self._insist(self.ehlo(), (250,), "does not let us in")

    def let_in(self, user: str, secret: str) -> None:
        """Log in, where there is a user."""
        if not user:
            return
        if not secret:
            raise SourceRefuses("There is no secret to log in with.")
        if not self.has_extn("auth"):
            raise SourceRefuses(f"{self.there} lets nobody log in here.")
        try:
            self.login(user, secret)
        except smtplib.SMTPAuthenticationError as error:
            said = "does not accept the user or the secret"
            self._insist((error.smtp_code, b""), (), said)
        except smtplib.SMTPServerDisconnected:
            raise
        except (smtplib.SMTPException, UnicodeEncodeError):
            raise SourceRefuses(
                f"{self.there} offers no login that takes this user and secret."
            ) from None

    def deliver(self, sender: str, recipient: str, mail: bytes) -> None:
        """One mail to one person. It returns when the server took it."""
        self._insist(self.mail(sender), (250,), "does not take our address")
        self._insist(self.rcpt(recipient), (250, 251), "does not take the recipient")
        self._insist(self.docmd("DATA"), (354,), "does not take the mail")
        body = _DOTS.sub(b"..", _ENDS.sub(b"\r\n", mail))
        self.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        self.is_out = True
        self.send(b".\r\n")
        self._insist(self.getreply(), (250,), "does not take the mail")

    @contextmanager
    def meant(self) -> Iterator[None]:
        """What the library raises, as what it means."""
        try:
            yield
        except smtplib.SMTPServerDisconnected as error:
            is_late = isinstance(error.__context__, TimeoutError)
            said = "did not answer in time" if is_late else "broke off"
            raise self.failed(said) from None
        except (smtplib.SMTPException, *BROKEN):
            # What it said may be private.
            raise self.failed("does not answer in proper SMTP") from None

    def leave(self) -> None:
        """Say good-bye, and wait for no answer."""
        with suppress(OSError, smtplib.SMTPException):
            self.putcmd("QUIT")

    def failed(self, said: str) -> SourceFailed:
        """What it means that something broke."""
        return SourceFailed(f"{self.there} {said}.", is_unreached=not self.is_out)

    def _insist(self, reply: tuple[int, bytes], fine: tuple[int, ...], no: str) -> None:
        """Go on with these codes only; only the code is shown."""
        code, _ = reply
        if code in fine:
            return
        said = f"{self.there} {no} ({code})."
        if 500 <= code < 600:
            raise SourceRefuses(said)
        if 400 <= code < 500:
            until = self.at + PAUSE if self.at else None
            # Its answer came: it took nothing.
            raise SourceFailed(said, until=until, is_unreached=True)
        raise self.failed("does not answer in proper SMTP")
