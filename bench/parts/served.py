"""Web processes as the product starts them, and clients that ask them."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.conf import settings

from bench.parts.fleet import ROOT, end, wait_for

CLIENTS = 4
Headers = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Web:
    """A web server of this machine."""

    port: int
    process: "subprocess.Popen[bytes]"

    def wait(self, path: str) -> None:
        """Until the first 200."""

        def is_well() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError("the web ended: bench.log says why")
            with suppress(OSError, http.client.HTTPException):
                return ask(self.port, path, {})[0] == 200
            return False

        wait_for(is_well, pause=0.01)


@contextmanager
def served(application: str) -> Iterator[Web]:
    """Gunicorn with the product's settings of it; it is not waited for."""
    port = free_port()
    env = {**os.environ, "PORT": str(port), "VAR_DIR": str(settings.VAR_DIR)}
    words = (
        sys.executable,
        "-m",
        "gunicorn",
        application,
        "--config",
        "config/gunicorn.py",
    )
    with (settings.VAR_DIR / "log" / "bench.log").open("ab") as said:
        process = subprocess.Popen(
            words, cwd=ROOT, env=env, start_new_session=True, stdout=said, stderr=said
        )
    try:
        yield Web(port=port, process=process)
    finally:
        end(process)


def ask(port: int, path: str, headers: Headers) -> tuple[int, bytes]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        line.request("GET", path, headers=headers)
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


def flood(port: int, path: str, headers: list[Headers], count: int) -> list[float]:
    """Seconds of each of so many requests, by clients that keep their connections."""

    def client(mine: int) -> list[float]:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        took = []
        for number in range(mine):
            began = time.perf_counter()
            line.request("GET", path, headers=headers[number % len(headers)])
            answer = line.getresponse()
            answer.read()
            took.append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{path} answers {answer.status}")
        line.close()
        return took

    with ThreadPoolExecutor(CLIENTS) as crew:
        lots = crew.map(client, [count // CLIENTS] * CLIENTS)
        return [each for lot in lots for each in lot]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
