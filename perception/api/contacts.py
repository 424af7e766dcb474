"""accounts/{id}/contacts/: people at an account."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.doors import StrictSerializer
from perception.accounts import visible_to
from perception.api.accounts import AccountOut, distinct, whole
from perception.contacts import change_contacts
from perception.models import Account
from perception.rules.callers import caller_of


class ContactChange(StrictSerializer):
    """Who to add, or to change; whatever is left out stays as it is."""

    external_id = serializers.CharField(max_length=200)
    name = serializers.CharField(
        max_length=200, required=False, help_text="Whoever is added needs one."
    )
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    opted_out = serializers.BooleanField(
        required=False,
        help_text="Nothing is sent any more to whoever opted out.",
    )


class ContactsIn(StrictSerializer):
    contacts = ContactChange(many=True, max_length=200)  # type: ignore[call-arg]

    def validate_contacts(self, value: list[dict[str, Any]]) -> Any:
        return distinct(value)


class Contacts(generics.GenericAPIView[Account]):
    """People at an account, named by their external ids."""

    queryset = Account.objects.none()
    serializer_class = AccountOut
    filter_backends = ()

    @extend_schema(
        operation_id="accounts_contacts",
        request=ContactsIn,
        responses={200: AccountOut},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Admins add and change people; others note that somebody opts out."""
        given = ContactsIn(data=request.data)
        given.is_valid(raise_exception=True)
        caller = caller_of(request)
        account = generics.get_object_or_404(visible_to(caller), pk=pk)
        change_contacts(
            account, given.validated_data["contacts"], by=caller, now=timezone.now()
        )
        shown = AccountOut(whole(visible_to(caller)).get(pk=pk))
        return Response(shown.data)
