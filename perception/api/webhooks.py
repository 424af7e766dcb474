"""webhooks/{connector_id}/: deliveries in Standard Webhooks form, without a token."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import (
    AuthenticationFailed,
    Throttled,
    UnsupportedMediaType,
)
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from perception import webhooks
from perception.api.shapes import (
    ONE_OR_MANY_IN,
    ONE_OR_MANY_OUT,
    faults_of,
    signals_in,
)
from perception.errors import NotSigned, SignalsRefused, TooManyFailures
from perception.intake import Received
from perception.rules.webhooks import Signed

HEADERS = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
]


class Webhook(APIView):
    """Takes what a connector's sender signed; the body is that of signals/."""

    authentication_classes = ()
    # The signature is the permission; it is looked at over the raw bytes.
    permission_classes = (AllowAny,)
    throttle_classes = ()

    def enter(self, received: Sequence[Received]) -> None:
        """Send signals on their way; here they wait for whoever comes by."""

    @extend_schema(
        operation_id="webhooks_deliver",
        parameters=HEADERS,
        request=ONE_OR_MANY_IN,
        responses={202: ONE_OR_MANY_OUT},
        auth=[],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaType("", "Send the body as it is, not compressed.")
        try:
            answer = webhooks.accept(
                pk,
                _signed(request),
                read=lambda: signals_in(request.data),
                enter=self.enter,
                now=timezone.now(),
            )
        except NotSigned as refusal:
            raise _unsigned(pk, refusal) from None
        except SignalsRefused as refusal:
            raise faults_of(refusal, request.data) from refusal
        return Response(answer, status=status.HTTP_202_ACCEPTED)

    def get_authenticate_header(self, request: Request) -> str:
        return 'Webhook realm="autonomy"'


def _signed(request: Request) -> Signed:
    headers: Mapping[str, Any] = request.headers
    return Signed(
        message=headers.get("webhook-id", ""),
        timestamp=headers.get("webhook-timestamp", ""),
        signatures=headers.get("webhook-signature", ""),
        # Read before anything looks into it.
        body=request._request.body,
    )


def _unsigned(connector: UUID, refusal: NotSigned) -> Exception:
    """The same answer whether the connector is unknown or the signature is wrong."""
    try:
        webhooks.note_failure(connector)
    except TooManyFailures as failures:
        return Throttled(wait=failures.wait, detail=str(failures))
    return AuthenticationFailed(str(refusal), code="not_signed")
