"""policy/profiles/: outreach that may run by itself, once an admin has signed it."""

from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import profiles
from autonomy.models import Profile
from ledger.doors import Pages
from perception.rules.callers import caller_of


class ProfileOut(serializers.ModelSerializer[Profile]):
    signed_by = serializers.UUIDField(source="signed_by_id", allow_null=True)

    class Meta:
        model = Profile
        fields: ClassVar = [
            "id", "action_type", "hold_seconds", "installed_at", "signed_by",
            "signed_at",
        ]  # fmt: skip


def _mine(request: Request) -> QuerySet[Profile]:
    return Profile.objects.filter(tenant_id=caller_of(request).tenant)


class Profiles(generics.GenericAPIView[Profile]):
    """What operators installed, and whether it is signed."""

    queryset = Profile.objects.none()
    serializer_class = ProfileOut
    pagination_class = Pages
    filter_backends = ()

    @extend_schema(operation_id="policy_profiles_list", responses=ProfileOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(_mine(request))
        return self.get_paginated_response(ProfileOut(page, many=True).data)


class OneProfile(APIView):
    """Sign a profile, or withdraw it."""

    refusals = ("404",)

    @extend_schema(
        operation_id="policy_profiles_sign", request=None, responses=ProfileOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        found = generics.get_object_or_404(_mine(request), pk=pk)
        signed = profiles.sign(found, by=caller_of(request), now=timezone.now())
        return Response(ProfileOut(signed).data)

    @extend_schema(operation_id="policy_profiles_withdraw", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        found = generics.get_object_or_404(_mine(request), pk=pk)
        profiles.withdraw(found, by=caller_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
