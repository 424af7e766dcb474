"""A real server and a real browser, for stories as people live them."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from config import browser as chromium
from perception.rules.roles import Role
from tests.browser.guard import Guard
from tests.browser.world import World, build
from tests.conftest import PASSWORD, House

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass
class Watch:
    """What a browser did that nobody should see."""

    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._request(request.url))

    def _console(self, message: object) -> None:
        if getattr(message, "type", "") in ("error", "warning"):
            self.complaints.append(getattr(message, "text", ""))

    def _request(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.strangers.append(url)


@pytest.fixture(scope="session")
def site(django_db_setup: None) -> Iterator[str]:
    """The address of gunicorn with the real application, on the tests' servers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "config.wsgi:application",
            "--config", "config/gunicorn.py",
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "VAR_DIR": str(settings.VAR_DIR),
            "WEB_BIND": "127.0.0.1",
            "PORT": str(port),
            "WEB_CONCURRENCY": "1",
        },
    )  # fmt: skip
    try:
        _await(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """Chromium, found where the product's own set-up puts it."""
    path = chromium.find()
    if path is None:
        pytest.skip("NO CHROMIUM HERE: `python -m config.browser` installs it as root")
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's loop lives in this thread; Django takes that for async code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with sync_playwright() as playwright:
            running = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            yield running
            running.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(site: str, chrome: Browser, watch: Watch) -> Iterator[Page]:
    """A page of a fresh profile; afterwards: no complaint, no request to strangers."""
    context: BrowserContext = chrome.new_context(
        base_url=site, viewport={"width": 1280, "height": 800}
    )
    shown = context.new_page()
    watch.over(shown)
    yield shown
    context.close()
    assert watch.strangers == []
    assert watch.complaints == []


@pytest.fixture
def log_in(page: Page, house: House) -> Callable[[Role], None]:
    """Logs in as somebody of the house, through the page that people use."""

    def as_role(role: Role, password: str = PASSWORD) -> None:
        page.goto("/login/")
        page.get_by_label("E-mail").fill(f"{role.lower()}@{house.slug}.example")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in", exact=True).click()

    return as_role


@pytest.fixture
def world(db: None) -> World:
    """A tenant of each story's own: a second of work, and no story waits for another."""
    return build()


@pytest.fixture
def day(page: Page, world: World) -> Guard:
    """Somebody's browser, in that tenant."""
    return Guard(page, world)


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 40
    while time.monotonic() < until:
        assert server.poll() is None, "gunicorn did not stay"
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            line.request("GET", "/livez")
            assert line.getresponse().status == 200
            return
        except OSError:
            time.sleep(0.1)
        finally:
            line.close()
    raise AssertionError("gunicorn did not answer")
