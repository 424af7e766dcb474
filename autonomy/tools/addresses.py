"""Which URLs of integrators can be called at all, by their form alone."""

import re
from urllib.parse import urlsplit

PLAIN = re.compile(r"[!-~]{1,500}")


def fault_of(url: str) -> str:
    """What is wrong with a URL; empty where nothing is."""
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "This is not a URL that can be called."
    if not PLAIN.fullmatch(url) or not sound or "\\" in url or "%" in parts.netloc:
        return "This is not a URL that can be called."
    if parts.scheme not in ("http", "https"):
        return "A URL begins with https:// or http://."
    if "@" in parts.netloc:
        return "A URL holds no user and no password."
    return ""
