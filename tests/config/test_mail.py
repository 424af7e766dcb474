"""EMAIL_URL as Django is told; and the template of digests, as it is built."""

from pathlib import Path

import pytest

from config.mail import settings_of
from config.values import WrongSetting

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, False, False)),
        ("smtp+tls://u:p@h", ("h", 587, True, False)),
        ("smtps://u:p@h", ("h", 465, False, True)),
        ("smtp+ssl://u:p@h:466/", ("h", 466, False, True)),
    ],
)
def test_how_tls_begins(url: str, told: tuple[str, int, bool, bool]) -> None:
    names = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_USE_TLS", "EMAIL_USE_SSL")
    found = settings_of(url)
    assert tuple(found[name] for name in names) == told
    assert found["EMAIL_TIMEOUT"] > 0


def test_who_mails_come_from() -> None:
    found = settings_of("smtp+tls://me%40own.example:s%2Fcret@h")
    assert found["DEFAULT_FROM_EMAIL"] == "me@own.example"
    assert found["EMAIL_HOST_PASSWORD"] == "s/cret"
    named = settings_of("smtp+tls://me%40own.example:x@h/?from=us@own.example")
    assert named["DEFAULT_FROM_EMAIL"] == "us@own.example"
    for wrong in ("smtp:///", "smtp://h/?from=nobody"):
        with pytest.raises(WrongSetting, match="EMAIL_URL"):
            settings_of(wrong)


def test_without_a_url_no_mail_is_sent() -> None:
    assert settings_of(None)["EMAIL_BACKEND"].endswith("dummy.EmailBackend")


@pytest.mark.parametrize("name", ["digest", "notices"])
def test_the_templates_of_mails_are_current(name: str) -> None:
    """`make mail` writes them from their sources."""
    mrml = pytest.importorskip("mrml")
    source = (ROOT / "assets" / f"{name}.mjml").read_text(encoding="utf-8")
    built = ROOT / "autonomy" / "templates" / "autonomy" / f"{name}.html"
    assert mrml.to_html(source).content + "\n" == built.read_text(encoding="utf-8")
