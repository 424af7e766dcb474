"""Single sign-on with a real identity provider lets in known people, and nobody else."""

import html
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from perception.models import Person
from perception.rules.roles import Role
from tests.conftest import PASSWORD, House

ROOT = Path(__file__).parents[2]
PEER = ROOT / ".venv-peers" / "bin" / "python"
DIRECT = urllib.request.ProxyHandler({})


class Running:
    """A process that serves a loopback port."""

    def __init__(self, words: list[str], ready: str, **env: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.words = [word.replace("PORT", str(self.port)) for word in words]
        self.ready = ready
        self.env = os.environ | {"NO_PROXY": "127.0.0.1", "PORT": str(self.port)} | env
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.words, cwd=ROOT, env=self.env, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 40
        while not self._answers():
            assert self.process.poll() is None, f"{self.words} did not stay"
            assert time.monotonic() < until, f"{self.words} did not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def _answers(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            line.request("GET", self.ready)
            return line.getresponse().status == 200
        except OSError:
            return False
        finally:
            line.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[Running]:
    """An OpenID provider that believes whatever a test tells it about somebody."""
    if not PEER.exists():
        pytest.fail("NO PROVIDER HERE: `make .venv-peers/.ready` installs it")
    running = Running(
        [str(PEER), "-m", "oidc_provider_mock", "--port", "PORT"],
        "/.well-known/openid-configuration",
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def site(django_db_setup: None, provider: Running) -> Iterator[Running]:
    """gunicorn with the real application, told of the provider by its environment."""
    running = Running(
        [
            sys.executable, "-m", "gunicorn", "config.wsgi:application",
            "--config", "config/gunicorn.py",
        ],
        "/livez",
        VAR_DIR=str(settings.VAR_DIR),
        WEB_BIND="127.0.0.1",
        WEB_CONCURRENCY="1",
        OIDC_ISSUER=provider.url,
        OIDC_CLIENT_ID="autonomy",
        OIDC_CLIENT_SECRET="not-a-secret",
    )  # fmt: skip
    running.start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _provider_is_well(provider: Running) -> Iterator[None]:
    """Whatever a test did to the provider, the next one finds it running."""
    yield
    if provider.process is None:
        provider.start()
    provider.send(signal.SIGCONT)


@dataclass(frozen=True)
class Shown:
    """A page as somebody got it, after all redirects."""

    status: int
    url: str
    text: str


class Visitor:
    """A browser's worth of HTTP: cookies and redirects."""

    def __init__(self, site: Running, provider: Running) -> None:
        self.site, self.provider = site, provider
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(DIRECT, jar)

    def ask(self, url: str, **form: str) -> Shown:
        data = urlencode(form).encode() if form else None
        try:
            answer = self.opener.open(url, data, timeout=20)
        except HTTPError as refusal:
            answer = refusal
        with answer:
            return Shown(answer.status, answer.url, answer.read().decode())

    def begin(self, after: str = "") -> Shown:
        """Press the button of the login page: the provider's form, if all is well."""
        page = self.ask(f"{self.site.url}/login/{after}")
        assert "Log in with single sign-on" in page.text
        found = re.search(r'action="(/auth/[^"]+)"', page.text)
        assert found is not None
        return self.ask(self.site.url + html.unescape(found[1]), **_csrf(page))

    def log_in(self, sub: str, after: str = "") -> Shown:
        form = self.begin(after)
        assert form.url.startswith(self.provider.url), form
        return self.ask(form.url, sub=sub)

    def is_outside(self) -> bool:
        return self.ask(f"{self.site.url}/").url == f"{self.site.url}/login/?next=/"


@pytest.fixture
def visitor(site: Running, provider: Running) -> Visitor:
    return Visitor(site, provider)


def _known_to(provider: Running, **claims: Any) -> str:
    """Somebody new at the provider, with these claims; their subject."""
    sub = uuid4().hex
    _claim(provider, sub, claims)
    return sub


def _claim(provider: Running, sub: str, claims: dict[str, Any]) -> None:
    put = urllib.request.Request(  # noqa: S310
        f"{provider.url}/users/{sub}",
        data=json.dumps(claims).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.build_opener(DIRECT).open(put, timeout=10) as answer:
        assert answer.status == 204


def _address(house: House, role: Role = Role.ADMIN) -> str:
    return f"{role.lower()}@{house.slug}.example"


def test_a_known_person_gets_in(
    visitor: Visitor, provider: Running, house: House
) -> None:
    sub = _known_to(provider, email=_address(house).upper(), email_verified=True)
    page = visitor.log_in(sub)
    assert (page.status, page.url) == (200, f"{visitor.site.url}/")
    assert f"Admin of {house.slug}" in page.text
    linked = SocialAccount.objects.get(uid=sub)
    assert linked.user_id == house.members[Role.ADMIN].person_id


def test_the_subject_stays_the_same_person_when_their_address_changes(
    visitor: Visitor, site: Running, provider: Running, house: House
) -> None:
    sub = _known_to(provider, email=_address(house), email_verified=True)
    assert f"Admin of {house.slug}" in visitor.log_in(sub).text
    moved = {"email": f"{uuid4().hex}@elsewhere.example", "email_verified": True}
    _claim(provider, sub, moved)
    assert f"Admin of {house.slug}" in Visitor(site, provider).log_in(sub).text


def test_the_page_that_was_asked_for_comes_after_the_login(
    visitor: Visitor, provider: Running, house: House
) -> None:
    sub = _known_to(provider, email=_address(house), email_verified=True)
    assert visitor.log_in(sub, "?next=/api/docs/").url.endswith("/api/docs/")
    stranger = Visitor(visitor.site, provider)
    away = stranger.log_in(sub, "?next=https://example.org/")
    assert away.url == f"{visitor.site.url}/"


def test_an_unknown_person_is_refused_and_not_made(
    visitor: Visitor, provider: Running, house: House
) -> None:
    email = f"stranger@{house.slug}.example"
    before = Person.objects.count()
    page = visitor.log_in(_known_to(provider, email=email, email_verified=True))
    assert page.status == 403
    assert f"Nobody here has the e-mail address {email}" in page.text
    assert "ask an admin of your tenant to add you" in page.text
    assert visitor.is_outside()
    assert Person.objects.count() == before


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": None},
        {"email_verified": 1},
        {},
    ],
    ids=["false", "the word false", "null", "a number", "silent"],
)
def test_an_address_that_is_not_verified_opens_nobodys_account(
    visitor: Visitor, provider: Running, house: House, claims: dict[str, Any]
) -> None:
    sub = _known_to(provider, email=_address(house), **claims)
    page = visitor.log_in(sub)
    assert page.status == 403
    assert "has not verified" in page.text
    assert visitor.is_outside()
    assert not SocialAccount.objects.filter(uid=sub).exists()


def test_somebody_without_an_address_is_refused(
    visitor: Visitor, provider: Running, house: House
) -> None:
    page = visitor.log_in(_known_to(provider, name="Nobody in particular"))
    assert page.status == 403
    assert "did not tell your e-mail address" in page.text
    assert visitor.is_outside()


def test_an_address_that_a_colleague_claims_here_stays_its_owners(
    visitor: Visitor, site: Running, provider: Running, house: House
) -> None:
    """Only the address that an admin wrote counts; and nobody can change their own."""
    colleague = Visitor(site, provider)
    login = colleague.ask(f"{site.url}/login/")
    form = {"login": _address(house, Role.SELLER), "password": PASSWORD}
    assert colleague.ask(login.url, **form, **_csrf(login)).url == f"{site.url}/"
    assert colleague.ask(f"{site.url}/auth/email/").status == 404
    seller = house.members[Role.SELLER].person_id
    EmailAddress.objects.create(user_id=seller, email=_address(house), verified=True)
    sub = _known_to(provider, email=_address(house), email_verified=True)
    assert f"Admin of {house.slug}" in visitor.log_in(sub).text


@pytest.mark.parametrize("moment", ["before", "between"])
def test_a_provider_that_is_down_gets_a_page(
    visitor: Visitor, provider: Running, house: House, moment: str
) -> None:
    if moment == "between":
        form = visitor.begin()
        state = re.search(r"state=(\w+)", form.url)
        assert state is not None
        provider.stop()
        back = f"/auth/oidc/oidc/login/callback/?code=any&state={state[1]}"
        page = visitor.ask(visitor.site.url + back)
    else:
        provider.stop()
        page = visitor.begin()
    assert page.status == 503
    assert "Single sign-on does not answer" in page.text
    assert "Traceback" not in page.text
    assert visitor.is_outside()


def test_a_provider_that_hangs_is_not_waited_for_long(
    visitor: Visitor, provider: Running, house: House
) -> None:
    provider.send(signal.SIGSTOP)
    began = time.monotonic()
    page = visitor.begin()
    assert time.monotonic() - began < settings.SOCIALACCOUNT_REQUESTS_TIMEOUT + 30
    assert page.status == 503
    assert "Single sign-on does not answer" in page.text


@pytest.mark.parametrize("forged", ["invented", "another's", "absent"])
def test_a_forged_state_is_refused(
    visitor: Visitor, site: Running, provider: Running, house: House, forged: str
) -> None:
    sub = _known_to(provider, email=_address(house), email_verified=True)
    mine = visitor.begin().url
    lure = {
        "invented": re.sub(r"state=\w+", "state=0123456789abcdef", mine),
        "another's": Visitor(site, provider).begin().url,
        "absent": re.sub(r"&?state=\w+", "", mine),
    }[forged]
    assert lure != mine
    page = visitor.ask(lure, sub=sub)
    assert page.url.startswith(f"{site.url}/auth/oidc/oidc/login/callback/?code=")
    assert page.status == 401
    assert "Single sign-on failed" in page.text
    assert visitor.is_outside()
    assert not SocialAccount.objects.filter(uid=sub).exists()


def test_an_invented_code_is_refused(
    visitor: Visitor, provider: Running, house: House
) -> None:
    state = re.search(r"state=(\w+)", visitor.begin().url)
    assert state is not None
    back = f"/auth/oidc/oidc/login/callback/?code=invented&state={state[1]}"
    page = visitor.ask(visitor.site.url + back)
    assert page.status == 401
    assert visitor.is_outside()


def test_whoever_declines_at_the_provider_is_told_so(
    visitor: Visitor, house: House
) -> None:
    page = visitor.ask(visitor.begin().url, action="deny")
    assert "You are not logged in" in page.text
    assert visitor.is_outside()


def _csrf(page: Shown) -> dict[str, str]:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found is not None
    return {"csrfmiddlewaretoken": found[1]}
