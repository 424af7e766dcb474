"""A browser's worth of HTTP for walks: cookies, forms, and every answer kept."""

import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from urllib.parse import urlencode

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Page:
    """One answer, after all redirects."""

    status: int
    url: str
    headers: bytes
    body: bytes


class Visitor:
    """Somebody with a browser at an installation."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        direct = urllib.request.ProxyHandler({})
        self.opener = urllib.request.build_opener(direct, jar)
        self.pages: list[Page] = []

    def see(self, path: str, **form: str) -> Page:
        data = urlencode(form).encode() if form else None
        request = urllib.request.Request(  # noqa: S310
            self.root + path, data, headers={"Referer": self.root + path}
        )
        try:
            answer = self.opener.open(request, timeout=60)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            page = Page(
                status=answer.status,
                url=answer.url,
                headers=bytes(answer.headers),
                body=answer.read(),
            )
        self.pages.append(page)
        return page

    def token(self, path: str) -> str:
        """What a form of this page has to bring along."""
        found = TOKEN.search(self.see(path).body.decode())
        assert found is not None, path
        return found[1]

    def send(self, path: str, **form: str) -> Page:
        """Look at a form, then send it."""
        return self.see(path, csrfmiddlewaretoken=self.token(path), **form)

    def log_in(self, email: str, password: str) -> Page:
        return self.send("/login/", login=email, password=password)
