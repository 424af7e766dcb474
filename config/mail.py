"""Mails of the house itself: EMAIL_URL as Django's settings."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from config.values import WrongSetting

# Whoever does not answer for so long is tried again later.
TIMEOUT = 10
_BACKENDS = "django.core.mail.backends"
# Scheme -> backend, usual port, TLS after a greeting, TLS at once.
_WAYS = {
    "smtp": ("smtp", 25, False, False),
    "smtp+tls": ("smtp", 587, True, False),
    "smtps": ("smtp", 465, False, True),
    "smtp+ssl": ("smtp", 465, False, True),
    "consolemail": ("console", None, False, False),
    "filemail": ("filebased", None, False, False),
}
SCHEMES = tuple(_WAYS)


def settings_of(url: str | None) -> dict[str, Any]:
    """What Django is told. `?from=` names the address that mails come from; left out,
    it is the user's, where that is one.
    """
    if url is None:
        return {"EMAIL_BACKEND": f"{_BACKENDS}.dummy.EmailBackend"}
    parts = urlsplit(url)
    backend, port, starts, at_once = _WAYS[parts.scheme]
    if backend == "smtp" and not parts.hostname:
        raise WrongSetting("EMAIL_URL names no host: smtp+tls://user:secret@host:587")
    user = unquote(parts.username or "")
    given = parse_qs(parts.query).get("from", [""])[0]
    sender = given or (user if "@" in user else "autonomy@localhost")
    if "@" not in sender or any(char.isspace() for char in sender):
        raise WrongSetting("EMAIL_URL: what follows ?from= is no address.")
    return {
        "EMAIL_BACKEND": f"{_BACKENDS}.{backend}.EmailBackend",
        "EMAIL_HOST": parts.hostname or "",
        "EMAIL_PORT": parts.port or port,
        "EMAIL_HOST_USER": user,
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": starts,
        "EMAIL_USE_SSL": at_once,
        "EMAIL_TIMEOUT": TIMEOUT,
        "EMAIL_FILE_PATH": parts.path,
        "DEFAULT_FROM_EMAIL": sender,
    }
