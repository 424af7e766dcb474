"""Who may come in: people whom a tenant knows, and nobody else."""

from typing import Any

import requests
import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount import app_settings
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest
from django.shortcuts import render

from perception.models import Person

logger = structlog.get_logger("config.people")


class InvitedOnly(DefaultAccountAdapter):
    """Nobody signs up: an admin adds people."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class Asking(requests.Session):
    """Asks the identity provider, and does not wait for it forever."""

    def __init__(self, visitor: HttpRequest) -> None:
        super().__init__()
        self.visitor = visitor

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:  # type: ignore[override]
        """The answer; a provider that has none becomes a page, not a traceback."""
        more.setdefault("timeout", app_settings.REQUESTS_TIMEOUT)
        # Codes and secrets go where the operator said, and nowhere from there.
        more["allow_redirects"] = False
        try:
            answer = super().request(method, url, *args, **more)
            # What is read is JSON. What is posted may be refused, and is read by
            # whoever posted it.
            if method.upper() == "GET":
                answer.raise_for_status()
                answer.json()
        except requests.RequestException as error:
            logger.warning("identity provider is silent", error=type(error).__name__)
            page = render(self.visitor, "socialaccount/silent.html", status=503)
            raise ImmediateHttpResponse(page) from error
        return answer


class KnownPeopleOnly(DefaultSocialAccountAdapter):
    """Single sign-on lets in those who are known by a verified e-mail address."""

    def get_requests_session(self) -> Asking:
        return Asking(self.request)

    def authenticate_by_email(self, sociallogin: Any) -> tuple[Person, str] | None:
        """Whoever an admin added under an address that the provider vouches for."""
        for address in sociallogin.email_addresses:
            if _is_vouched_for(address.verified):
                person = Person.objects.filter(email__iexact=address.email).first()
                if person is not None:
                    return person, address.email
        return None

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Never; and the page says which address is unknown, or not verified."""
        addresses = sociallogin.email_addresses
        about = {
            "email": addresses[0].email if addresses else "",
            "vouched": any(_is_vouched_for(one.verified) for one in addresses),
        }
        page = render(request, "socialaccount/unknown.html", about, status=403)
        raise ImmediateHttpResponse(page)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, **about: Any
    ) -> None:
        cause = about.get("exception")
        logger.warning("single sign-on failed", error=type(cause).__name__)


def _is_vouched_for(claim: Any) -> bool:
    """Some providers send words for booleans, and the word "false" is truthy."""
    return claim is True or claim == "true"
