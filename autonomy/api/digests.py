"""digests/: what each day's digest told the caller, and whether it has arrived."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy import digests
from autonomy.models import Digest
from ledger.clock import clock
from ledger.doors import Pages
from perception.rules.callers import caller_of


class DigestOut(serializers.ModelSerializer[Digest]):
    body = serializers.DictField(
        child=serializers.JSONField(),
        help_text="`did`, `held`, `waits`, `doubts`, `plans`, `goals`, `alerts`, each "
        "with a count; or `told_by`: the day whose digest told of this one too.",
    )
    status = serializers.SerializerMethodField(
        help_text="DELIVERED, WAITING, or UNDELIVERABLE: it is not tried again."
    )

    class Meta:
        model = Digest
        fields: ClassVar = [
            "id", "day", "status", "due_at", "written_at", "delivered_at", "way",
            "attempts", "error", "seen_at", "body",
        ]  # fmt: skip

    def get_status(self, row: Digest) -> str:
        if row.delivered_at is not None:
            return "DELIVERED"
        return "WAITING" if row.next_at is not None else "UNDELIVERABLE"


class DigestFilter(filters.FilterSet):
    day = filters.DateFilter("day")
    created_after = filters.IsoDateTimeFilter("written_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("written_at", lookup_expr="lt")

    class Meta:
        model = Digest
        fields: ClassVar = ["day"]


class _Mine(generics.GenericAPIView[Digest]):
    queryset = Digest.objects.none()
    serializer_class = DigestOut

    def get_queryset(self) -> QuerySet[Digest]:
        """The caller's own: what others were told stays theirs."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        return Digest.objects.filter(
            tenant_id=caller.tenant, member_id=caller.membership
        )


class Digests(_Mine, generics.ListAPIView[Digest]):
    """The caller's digests, newest first."""

    filterset_class = DigestFilter
    pagination_class = Pages

    @extend_schema(operation_id="digests_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class OneDigest(_Mine, generics.RetrieveAPIView[Digest]):
    """One day's digest, as it was written."""

    filter_backends = ()

    @extend_schema(operation_id="digests_read")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)


class Seen(_Mine):
    """Say that one has read it here: it has then reached its reader."""

    filter_backends = ()
    refusals = ("404",)

    @extend_schema(operation_id="digests_seen", request=None, responses=DigestOut)
    def post(self, request: Request, pk: UUID) -> Response:
        row = digests.seen(pk, by=caller_of(request), now=clock())
        return Response(DigestOut(row).data)
