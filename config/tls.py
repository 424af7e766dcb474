"""What holds once people come by TLS, which ends at a proxy: Django's settings for it."""

from typing import Any

YEAR = 365 * 86_400
# Probes and scrapers come from inside, without it.
INSIDE = r"^(livez|healthz|readyz|metrics)$"


def settings(public_url: str) -> dict[str, Any]:
    """By the address that people use; without TLS in it nothing is demanded."""
    if not public_url.startswith("https://"):
        return {}
    return {
        "CSRF_TRUSTED_ORIGINS": [public_url],
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_SECURE": True,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SECURE_SSL_REDIRECT": True,
        "SECURE_REDIRECT_EXEMPT": [INSIDE],
        "SECURE_HSTS_SECONDS": YEAR,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_HSTS_PRELOAD": True,
    }
