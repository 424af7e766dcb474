"""A RabbitMQ of a test's own: Debian's server on free ports, nothing of the machine's."""

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from kombu import Connection
from kombu.exceptions import OperationalError

from tests.walks.running import free_port

# Behind the wrapper of Debian, which would change to a user and a folder of its own.
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
QUEUES = ("house", "trigger", "gate", "decide", "approve", "execute", "pull")
CONFIG = """
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users = none
log.console = false
vm_memory_high_watermark.relative = 0.2
disk_free_limit.absolute = 50MB
"""


def why_not() -> str:
    """Why there is none here; empty where one can be started."""
    if not PROGRAM.exists() or shutil.which("epmd") is None:
        return "Debian's package rabbitmq-server is not installed."
    return ""


class Rabbit:
    """One node, which dies and falls silent when it is told to; its queues outlive it."""

    def __init__(self) -> None:
        self.port, self.names_port, self.peers_port = (free_port() for _ in range(3))
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.home = Path(tempfile.mkdtemp(prefix="rabbit-"))
        (self.home / "rabbitmq.conf").write_text(CONFIG.format(port=self.port))
        (self.home / "plugins").write_text("[].")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.names_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"siege{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.peers_port),
            "RABBITMQ_CONFIG_FILE": str(self.home / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(self.home / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.home / "data"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
        }
        # In the foreground, so that it is ours to end; the node would start a daemon.
        self.names = self._run("epmd")
        self.process: subprocess.Popen[bytes] | None = None

    def _run(self, program: str) -> subprocess.Popen[bytes]:
        with (self.home / "said").open("ab") as said:
            return subprocess.Popen(
                [program], env=self.env, cwd=self.home, stdout=said, stderr=said,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def start(self) -> None:
        self.process = self._run(str(PROGRAM))

    def answers(self) -> bool:
        with suppress(OSError, OperationalError), self._line() as line:
            line.connect()
            return True
        return False

    def kill(self) -> None:
        """As the machine would: nothing is tidied up."""
        self._tell(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def falls_silent(self) -> None:
        """Its connections stay open, and it answers nothing."""
        self._tell(signal.SIGSTOP)

    def speaks_again(self) -> None:
        self._tell(signal.SIGCONT)

    def _tell(self, number: signal.Signals) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def purge(self) -> int:
        """Empty its queues; how many messages they held."""
        with self._line() as line:
            purged = 0
            for name in QUEUES:
                with suppress(line.channel_errors):
                    channel: Any = line.channel()
                    purged += channel.queue_purge(name) or 0
            return purged

    def lengths(self) -> dict[str, int]:
        """The messages that wait in each queue, as far as it was declared."""
        found = {}
        with self._line() as line:
            for name in QUEUES:
                with suppress(line.channel_errors):
                    channel: Any = line.channel()
                    found[name] = channel.queue_declare(name, passive=True)[1]
        return found

    def _line(self) -> Connection:
        return Connection(self.url, connect_timeout=3)

    def end(self) -> None:
        """Nothing of it is left."""
        if self.process is not None:
            self.kill()
        self.names.kill()
        self.names.wait()
        shutil.rmtree(self.home, ignore_errors=True)
