"""accounts/: what the tenant sells to, and what happened there."""

from typing import Any, ClassVar, cast
from uuid import UUID
from zoneinfo import available_timezones

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_field,
)
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.api import EntryOut, EntryPages, entries_about
from ledger.doors import Pages, StrictSerializer, etag, insist_on_match
from perception.accounts import (
    add_account,
    change_account,
    changeable,
    visible_to,
)
from perception.heat import heat_of
from perception.models import Account, Contact, Opportunity, Pull
from perception.rules.cadence import Cadence
from perception.rules.callers import caller_of
from perception.watching import cadence_in_force, judged, pulls_of, watched


def _is_zone(value: str) -> None:
    if value and value not in available_timezones():
        raise serializers.ValidationError("This is not a time zone, as Europe/Rome.")


class OpportunityIn(StrictSerializer):
    external_id = serializers.CharField(max_length=200)
    stage = serializers.ChoiceField(choices=Opportunity.Stage.choices)
    amount = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, required=False, allow_null=True
    )
    renewal_date = serializers.DateField(required=False, allow_null=True)


class ContactIn(StrictSerializer):
    external_id = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=200)
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    opted_out = serializers.BooleanField(required=False)


class AccountIn(StrictSerializer):
    external_id = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=200)
    lifecycle = serializers.ChoiceField(
        choices=Account.Lifecycle.choices, required=False
    )
    owner = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="The id or the e-mail address of a member.",
    )
    timezone = serializers.CharField(
        required=False, allow_blank=True, max_length=64, validators=[_is_zone]
    )
    opportunities = OpportunityIn(many=True, required=False, max_length=100)  # type: ignore[call-arg]
    contacts = ContactIn(many=True, required=False, max_length=200)  # type: ignore[call-arg]

    def validate_opportunities(self, value: list[dict[str, Any]]) -> Any:
        return distinct(value)

    def validate_contacts(self, value: list[dict[str, Any]]) -> Any:
        return distinct(value)


class AccountChange(StrictSerializer):
    """What to change; whatever is left out stays as it is."""

    owner = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="The id or the e-mail address of a member; null for nobody.",
    )
    name = serializers.CharField(required=False, max_length=200)
    lifecycle = serializers.ChoiceField(
        choices=Account.Lifecycle.choices, required=False
    )
    timezone = serializers.CharField(
        required=False, allow_blank=True, max_length=64, validators=[_is_zone]
    )
    closed = serializers.BooleanField(
        required=False,
        help_text="A closed account is not looked at, and nothing starts for it.",
    )


class HeatOut(serializers.Serializer[Any]):
    score = serializers.FloatField(help_text="As it has cooled until now.")
    tier = serializers.ChoiceField(choices=Account.Tier.choices)
    at = serializers.DateTimeField(
        allow_null=True, help_text="When the tier was last earned."
    )


class OpportunityOut(serializers.ModelSerializer[Opportunity]):
    class Meta:
        model = Opportunity
        fields: ClassVar = ["id", "external_id", "stage", "amount", "renewal_date"]


class ContactOut(serializers.ModelSerializer[Contact]):
    class Meta:
        model = Contact
        fields: ClassVar = ["id", "external_id", "name", "email", "opted_out"]


class AccountOut(serializers.ModelSerializer[Account]):
    owner = serializers.UUIDField(source="owner_id", allow_null=True)
    stage = serializers.SerializerMethodField()
    watch = serializers.SerializerMethodField(
        help_text="As: next look in 3 h because WARM, every 6 h."
    )
    heat = serializers.SerializerMethodField()
    opportunities = OpportunityOut(many=True)
    contacts = ContactOut(many=True)

    class Meta:
        model = Account
        fields: ClassVar = [
            "id", "external_id", "name", "lifecycle", "stage", "owner", "timezone",
            "heat", "next_poll_at", "seen_at", "watch", "opportunities", "contacts",
            "closed_at", "created_at", "updated_at",
        ]  # fmt: skip

    @extend_schema_field(HeatOut)
    def get_heat(self, account: Account) -> Any:
        """Heat cools by itself: as it is now."""
        return HeatOut(heat_of(account, now=timezone.now())).data

    @extend_schema_field(str)
    def get_watch(self, account: Account) -> str:
        """When it is looked at next, and why then."""
        return watched(account, self._table(), now=timezone.now())

    def _table(self) -> Cadence:
        # Read once for all accounts of an answer.
        context = cast("dict[str, Any]", self.context)
        if "cadence" not in context:
            context["cadence"] = cadence_in_force()
        table: Cadence = context["cadence"]
        return table

    def get_stage(self, account: Account) -> str | None:
        """The stage of the account's newest opportunity."""
        opportunities = list(account.opportunities.all())
        return opportunities[-1].stage if opportunities else None


class AccountFilter(filters.FilterSet):
    created_after = filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("created_at", lookup_expr="lt")

    class Meta:
        model = Account
        fields: ClassVar = ["external_id", "lifecycle", "owner"]


def whole(accounts: QuerySet[Account]) -> QuerySet[Account]:
    return accounts.prefetch_related(
        Prefetch("opportunities", Opportunity.objects.order_by("id")),
        Prefetch("contacts", Contact.objects.order_by("id")),
    )


class Accounts(generics.GenericAPIView[Account]):
    """The caller's accounts; a seller's are those that they own."""

    queryset = Account.objects.none()
    serializer_class = AccountOut
    filterset_class = AccountFilter
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Account]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return whole(visible_to(caller_of(self.request)))

    @extend_schema(operation_id="accounts_list", responses=AccountOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="accounts_create", request=AccountIn, responses={201: AccountOut}
    )
    def post(self, request: Request) -> Response:
        given = AccountIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = add_account(
            given.validated_data, by=caller_of(request), now=timezone.now()
        )
        shown = AccountOut(self.get_queryset().get(pk=made.pk))
        return Response(shown.data, status=status.HTTP_201_CREATED)


class OneAccount(generics.GenericAPIView[Account]):
    """One account, changed with its ETag in hand."""

    queryset = Account.objects.none()
    serializer_class = AccountOut
    filter_backends = ()
    refusals = ("412", "428")

    def get_queryset(self) -> QuerySet[Account]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return whole(visible_to(caller_of(self.request)))

    @extend_schema(operation_id="accounts_retrieve", responses=AccountOut)
    def get(self, request: Request, pk: UUID) -> Response:
        return self._tagged()

    @extend_schema(
        operation_id="accounts_change",
        request=AccountChange,
        responses=AccountOut,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        """Admins change all of it; approvers whom it belongs to."""
        given = AccountChange(data=request.data)
        given.is_valid(raise_exception=True)
        caller = caller_of(request)
        locked = visible_to(caller).select_for_update(no_key=True)
        account = generics.get_object_or_404(locked, pk=pk)
        insist_on_match(request, _tag(account))
        change_account(account, given.validated_data, by=caller, now=timezone.now())
        return self._tagged()

    def _tagged(self) -> Response:
        account = self.get_object()
        return Response(AccountOut(account).data, headers={"ETag": _tag(account)})


def _tag(account: Account) -> str:
    """Over what can be changed: heat and looks go on by themselves."""
    return etag({"id": account.id, **changeable(account)})


class Timeline(generics.GenericAPIView[Any]):
    """What the ledger knows about one account, newest first."""

    queryset = Account.objects.none()
    serializer_class = EntryOut
    pagination_class = EntryPages
    filter_backends = ()

    @extend_schema(operation_id="accounts_timeline", responses=EntryOut(many=True))
    def get(self, request: Request, pk: Any) -> Response:
        account = generics.get_object_or_404(visible_to(caller_of(request)), pk=pk)
        page = self.paginate_queryset(entries_about("account", account.id))
        return self.get_paginated_response(EntryOut(page, many=True).data)


class PullOut(serializers.ModelSerializer[Pull]):
    connector = serializers.UUIDField(source="connector_id")
    name = serializers.CharField(source="connector.name")
    reason = serializers.CharField(
        allow_blank=True, help_text="Of the verdict that let it out."
    )
    explanation = serializers.CharField(allow_blank=True)

    class Meta:
        model = Pull
        fields: ClassVar = [
            "id", "connector", "name", "depth", "units", "status", "attempts", "error",
            "signals", "unmatched", "reason", "explanation", "due_at", "created_at",
            "ended_at",
        ]  # fmt: skip


class Pulls(generics.GenericAPIView[Any]):
    """How one account was read, newest first; kept for 30 days."""

    queryset = Pull.objects.none()
    serializer_class = PullOut
    pagination_class = Pages
    filter_backends = ()

    @extend_schema(operation_id="accounts_pulls", responses=PullOut(many=True))
    def get(self, request: Request, pk: Any) -> Response:
        account = generics.get_object_or_404(visible_to(caller_of(request)), pk=pk)
        page = self.paginate_queryset(pulls_of(account))
        return self.get_paginated_response(PullOut(judged(page or []), many=True).data)


def distinct(value: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = [each["external_id"] for each in value]
    if len(ids) != len(set(ids)):
        raise serializers.ValidationError("An external_id stands here twice.")
    return value
