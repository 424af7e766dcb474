"""The REST doors of the ledger: entries, proofs, explanations, exports."""

import base64
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import FileResponse, HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.doors import Asked, Pages, StrictSerializer
from ledger.export import LONGEST_RANGE, open_export, request_export
from ledger.models import INDEXED_SUBJECTS, Entry, Export, Leaf
from ledger.prove import newest_checkpoint, prove_entry, prove_growth
from ledger.record import Actor
from ledger.rules.kinds import Kind
from ledger.rules.merkle import EMPTY_ROOT
from ledger.scope import current_tenant


class EntryOut(serializers.ModelSerializer[Entry]):
    """An entry as it was stated; `sequence` is null until it is sealed."""

    sequence = serializers.IntegerField(allow_null=True, read_only=True)
    actor = serializers.DictField(child=serializers.CharField())
    subjects = serializers.DictField(child=serializers.UUIDField())
    data = serializers.DictField()  # type: ignore[assignment]

    class Meta:
        model = Entry
        fields: ClassVar = [
            "id", "sequence", "kind", "at", "actor", "subjects", "data",
        ]  # fmt: skip


class EntryPages(Pages):
    """Newest first, by the number that orders entries."""

    ordering = "-number"


def entries() -> QuerySet[Entry]:
    """Entries with their place in the tree, where they have one.

    The tenant is named although the fence confines it: only so does the planner know
    whether it has many rows or few, and choose the index that fits.
    """
    place = Leaf.objects.filter(number=OuterRef("number")).values("sequence")
    mine = Entry.objects.filter(tenant_id=current_tenant())
    return mine.annotate(sequence=Subquery(place[:1]))


def entries_about(noun: str, id_: UUID) -> QuerySet[Entry]:
    """Entries that concern one thing, by an indexed subject."""
    return entries().filter(**{f"{noun}_id": id_})


class EntryFilter(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=[(kind.value, kind.value) for kind in Kind])
    created_after = filters.IsoDateTimeFilter("at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("at", lookup_expr="lt")

    class Meta:
        model = Entry
        fields: ClassVar[list[str]] = []


for _noun in INDEXED_SUBJECTS:
    EntryFilter.base_filters[_noun] = filters.UUIDFilter(f"{_noun}_id")


class Entries(generics.ListAPIView[Entry]):
    """The tenant's ledger, newest first."""

    queryset = Entry.objects.none()
    serializer_class = EntryOut
    filterset_class = EntryFilter
    pagination_class = EntryPages

    def get_queryset(self) -> QuerySet[Entry]:
        return entries()


class OneEntry(generics.RetrieveAPIView[Entry]):
    """One entry."""

    queryset = Entry.objects.none()
    serializer_class = EntryOut
    lookup_field = "id"
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Entry]:
        return entries()


class ProofOut(serializers.Serializer[Any]):
    entry = serializers.DictField()
    canonical = serializers.CharField()
    leaf_index = serializers.IntegerField()
    tree_size = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField()


class EntryProof(APIView):
    """That an entry is in the signed tree: RFC 6962, verifiable offline."""

    refusals = ("409",)

    @extend_schema(operation_id="ledger_proof", responses=ProofOut)
    def get(self, request: Request, id: UUID) -> Response:
        try:
            proof = prove_entry(id)
        except Entry.DoesNotExist:
            raise NotFound from None
        return Response(
            {
                "entry": proof.document,
                "canonical": proof.canonical.decode(),
                "leaf_index": proof.leaf_index,
                "tree_size": proof.tree_size,
                "path": _base64s(proof.path),
                "checkpoint": proof.note,
            }
        )


class CheckpointOut(serializers.Serializer[Any]):
    note = serializers.CharField(allow_null=True)
    size = serializers.IntegerField()
    root = serializers.CharField()  # type: ignore[assignment]


class NewestCheckpoint(APIView):
    """The newest signed checkpoint of the tenant's tree."""

    @extend_schema(operation_id="ledger_checkpoint", responses=CheckpointOut)
    def get(self, request: Request) -> Response:
        head = newest_checkpoint()
        root = bytes(head.root) if head else EMPTY_ROOT
        return Response(
            {
                "note": head.note if head else None,
                "size": head.size if head else 0,
                "root": base64.b64encode(root).decode(),
            }
        )


class GrowthIn(Asked):
    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of the language, so the fields are named here.
        return {
            "from": serializers.IntegerField(min_value=0),
            "to": serializers.IntegerField(min_value=0),
        }


# How many entries a tree has.
PLACE = {"type": "integer", "minimum": 0}


class GrowthOut(serializers.Serializer[Any]):
    path = serializers.ListField(child=serializers.CharField())


class Consistency(APIView):
    """That the tree of `to` entries begins with the tree of `from` entries."""

    refusals = ("404",)

    @extend_schema(
        operation_id="ledger_consistency",
        parameters=[
            OpenApiParameter("from", PLACE, required=True),
            OpenApiParameter("to", PLACE, required=True),
        ],
        responses=GrowthOut,
    )
    def get(self, request: Request) -> Response:
        given = GrowthIn(data=request.query_params)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        return Response({"path": _base64s(prove_growth(asked["from"], asked["to"]))})


class ExportIn(StrictSerializer):
    def get_fields(self) -> dict[str, Any]:
        return {
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(),
            "format": serializers.ChoiceField(choices=Export.Format.choices),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["from"] >= attrs["to"]:
            raise serializers.ValidationError({"to": "It must be later than `from`."})
        if attrs["to"] - attrs["from"] > LONGEST_RANGE:
            raise serializers.ValidationError(
                {"to": f"A range spans {LONGEST_RANGE.days} days at most."}
            )
        return attrs


class ExportOut(serializers.ModelSerializer[Export]):
    manifest = serializers.DictField(allow_null=True)

    class Meta:
        model = Export
        fields: ClassVar = [
            "id", "status", "format", "manifest", "expires_at", "error",
            "requested_at",
        ]  # fmt: skip

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": serializers.DateTimeField(source="begin"),
            "to": serializers.DateTimeField(source="end"),
        }


class ExportFilter(filters.FilterSet):
    created_after = filters.IsoDateTimeFilter("requested_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("requested_at", lookup_expr="lt")

    class Meta:
        model = Export
        fields: ClassVar = ["status"]


class Exports(generics.GenericAPIView[Export]):
    """Copies of the ledger that the caller asked for."""

    queryset = Export.objects.none()
    serializer_class = ExportOut
    pagination_class = Pages
    filterset_class = ExportFilter

    def get_queryset(self) -> QuerySet[Export]:
        return _exports_of(self)

    @extend_schema(operation_id="exports_list", responses=ExportOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="exports_create", request=ExportIn, responses={202: ExportOut}
    )
    def post(self, request: Request) -> Response:
        given = ExportIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        export = request_export(
            begin=asked["from"],
            end=asked["to"],
            format=asked["format"],
            by=_asker(request),
            now=timezone.now(),
        )
        return Response(ExportOut(export).data, status=status.HTTP_202_ACCEPTED)


class OneExport(generics.RetrieveAPIView[Export]):
    """One export; poll it until its status is no longer PENDING."""

    queryset = Export.objects.none()
    serializer_class = ExportOut
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Export]:
        return _exports_of(self)


class WhateverIsAccepted(DefaultContentNegotiation):
    """A file is what it is, whatever the client says that it prefers."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class ExportDownload(APIView):
    """The file, for who asked for it."""

    refusals = ("409",)
    content_negotiation_class = WhateverIsAccepted
    http_method_names = ("get", "options")

    @extend_schema(
        operation_id="exports_download",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: UUID) -> HttpResponseBase:
        export = generics.get_object_or_404(_exports_of(self), pk=pk)
        path, name = open_export(export, by=_asker(request), now=timezone.now())
        return FileResponse(
            path.open("rb"),
            as_attachment=True,
            filename=name,
            content_type="application/octet-stream",
        )


def _exports_of(view: APIView) -> QuerySet[Export]:
    caller: Any = view.request.auth
    if caller is None:
        return Export.objects.none()
    return Export.objects.filter(requested_by=caller.membership)


def _asker(request: Request) -> Actor:
    caller: Any = request.auth
    return Actor(type="person", id=str(caller.membership))


def _base64s(hashes: Any) -> list[str]:
    return [base64.b64encode(digest).decode() for digest in hashes]
