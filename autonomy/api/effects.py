"""effects/: what tools of the house left behind: notes, tasks, briefs, drafts."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy import briefing
from autonomy.models import Effect
from ledger.doors import Pages
from perception.accounts import visible_to
from perception.rules.callers import caller_of
from perception.rules.roles import sees_all_accounts


class EffectLine(serializers.ModelSerializer[Effect]):
    """One of a list: what it is, without all that it holds."""

    execution = serializers.UUIDField(source="execution_id")
    account = serializers.UUIDField(source="account_id")
    title = serializers.CharField(
        allow_null=True, help_text="Of what has one: a brief, a task."
    )

    class Meta:
        model = Effect
        fields: ClassVar = [
            "id", "execution", "account", "kind", "title", "created_at", "undone_at",
        ]  # fmt: skip


class SourceOut(serializers.Serializer[Any]):
    kind = serializers.CharField(
        help_text="As signal, interaction, opportunity, field."
    )
    id = serializers.CharField(help_text="Its id; of a field, its name.")


class BriefLineOut(serializers.Serializer[Any]):
    """A line of a brief. It names what it is taken from, or the rule that says it."""

    section = serializers.CharField()
    text = serializers.CharField()
    sources = SourceOut(many=True)
    rule = serializers.CharField(allow_blank=True)


class BriefOut(serializers.Serializer[Any]):
    """What a brief holds; effects of other kinds hold what their action was given."""

    title = serializers.CharField()
    focus = serializers.CharField(allow_blank=True)
    lines = BriefLineOut(many=True)
    made_at = serializers.DateTimeField()
    text = serializers.CharField()


class EffectOut(EffectLine):
    data = serializers.SerializerMethodField()  # type: ignore[assignment]

    class Meta(EffectLine.Meta):
        fields: ClassVar = [*EffectLine.Meta.fields, "data"]

    @extend_schema_field(serializers.DictField())
    def get_data(self, effect: Effect) -> dict[str, Any]:
        if effect.kind != briefing.KIND:
            return dict(effect.data)
        shown = briefing.named([effect])[0]
        return {name: value for name, value in shown.items() if name != "state"}


class EffectFilter(filters.FilterSet):
    created_after = filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("created_at", lookup_expr="lt")

    class Meta:
        model = Effect
        fields: ClassVar = ["kind"]


class _Seen(generics.GenericAPIView[Effect]):
    queryset = Effect.objects.none()
    serializer_class: Any = EffectOut

    def get_queryset(self) -> QuerySet[Effect]:
        """Those of the accounts that the caller sees."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        found = Effect.objects.filter(tenant_id=caller.tenant)
        if not sees_all_accounts(caller.role):
            found = found.filter(account_id__in=visible_to(caller).values("id"))
        return found.annotate(title=KT("data__title"))


class AccountEffects(_Seen):
    """What was left behind at an account, newest first; `?kind=brief` for its briefs."""

    serializer_class = EffectLine
    filterset_class = EffectFilter
    pagination_class = Pages

    @extend_schema(operation_id="account_effects_list", responses=EffectLine(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        account = generics.get_object_or_404(visible_to(caller_of(request)), pk=pk)
        own = self.get_queryset().filter(account_id=account.id).defer("data", "before")
        page = self.paginate_queryset(self.filter_queryset(own))
        return self.get_paginated_response(EffectLine(page, many=True).data)


class OneEffect(_Seen, generics.RetrieveAPIView[Effect]):
    """What one act left behind, in full."""

    filter_backends = ()

    @extend_schema(operation_id="effects_read")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)
