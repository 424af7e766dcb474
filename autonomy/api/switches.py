"""kill-switches/: stop at once, let go in stages, prove the stop."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy.certificate import certify
from autonomy.models import KillSwitch
from autonomy.rules.switches import Scope
from autonomy.switchboard import HOLD, Wanted, engage, release
from ledger.doors import Pages, StrictSerializer
from perception.accounts import visible_to
from perception.members import person_acting
from perception.rules.callers import caller_of
from perception.rules.roles import sees_all_accounts

STATUSES = ("ENGAGED", "RETURNING", "RELEASED")
# The whole house is stopped by its operators, by command.
SCOPES = [scope.value for scope in Scope if scope is not Scope.GLOBAL]


class EngageIn(StrictSerializer):
    scope = serializers.ChoiceField(choices=SCOPES)
    target = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        max_length=64,
        help_text="The id of an account, a seller or a connector; the key of an action "
        "type, a tool or a plan type; or what a connector's tools begin with.",
    )
    reason = serializers.CharField(max_length=300)


class ReleaseIn(StrictSerializer):
    id = serializers.UUIDField()
    reason = serializers.CharField(max_length=300)
    hold_seconds = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=86400,
        help_text="How long everything is only proposed before it may run by itself "
        "again. Releasing once more ends it at once.",
    )


class SwitchOut(serializers.ModelSerializer[KillSwitch]):
    status = serializers.SerializerMethodField()

    class Meta:
        model = KillSwitch
        fields: ClassVar = [
            "id", "scope", "target", "reason", "status", "engaged_by", "committed_at",
            "release_reason", "released_by", "released_at", "full_at",
        ]  # fmt: skip

    def get_status(self, switch: KillSwitch) -> str:
        """ENGAGED, RETURNING (only proposing) or RELEASED."""
        if switch.full_at is None:
            return "ENGAGED"
        return "RETURNING" if switch.full_at > timezone.now() else "RELEASED"


class SwitchFilter(filters.FilterSet):
    status = filters.ChoiceFilter(
        method="of_status", choices=[(each, each) for each in STATUSES]
    )
    created_after = filters.IsoDateTimeFilter("committed_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("committed_at", lookup_expr="lt")

    class Meta:
        model = KillSwitch
        fields: ClassVar = ["scope", "target"]

    def of_status(
        self, rows: QuerySet[KillSwitch], name: str, status: str
    ) -> QuerySet[KillSwitch]:
        """By when autonomy is whole again: as `status` is told."""
        now = timezone.now()
        whole: dict[str, dict[str, Any]] = {
            "ENGAGED": {"full_at": None},
            "RETURNING": {"full_at__gt": now},
            "RELEASED": {"full_at__lte": now},
        }
        return rows.filter(**whole[status])


class FlightOut(serializers.Serializer[Any]):
    execution = serializers.UUIDField()
    status = serializers.CharField()


class CertificateOut(serializers.Serializer[Any]):
    """What the switch met, signed with the ledger's key over the canonical rest."""

    kill_switch = serializers.UUIDField()
    scope = serializers.CharField()
    target = serializers.CharField(allow_blank=True)
    since = serializers.CharField()
    committed_at = serializers.CharField()
    released_at = serializers.CharField(allow_null=True)
    acts_before = serializers.IntegerField()
    in_flight = FlightOut(many=True)
    acts_after = serializers.IntegerField()
    latency_ms = serializers.FloatField()
    signature = serializers.CharField()


def _mine(request: Request) -> QuerySet[KillSwitch]:
    """A seller sees what is stopped for all, and for themselves."""
    caller = caller_of(request)
    switches = KillSwitch.objects.filter(tenant_id=caller.tenant)
    if sees_all_accounts(caller.role):
        return switches
    accounts = [str(id_) for id_ in visible_to(caller).values_list("id", flat=True)]
    return switches.exclude(
        Q(scope=Scope.ACCOUNT.value) & ~Q(target__in=accounts)
    ).exclude(Q(scope=Scope.SELLER.value) & ~Q(target=str(caller.membership)))


class Switches(generics.GenericAPIView[KillSwitch]):
    """Every time that something was stopped, newest first."""

    queryset = KillSwitch.objects.none()
    serializer_class = SwitchOut
    pagination_class = Pages
    filterset_class = SwitchFilter

    @extend_schema(operation_id="kill_switches_list", responses=SwitchOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(_mine(request)))
        return self.get_paginated_response(SwitchOut(page, many=True).data)


class Engage(APIView):
    """Stop everything in a scope. After the answer nothing in it starts."""

    @extend_schema(
        operation_id="kill_switches_engage",
        request=EngageIn,
        responses={201: SwitchOut},
    )
    def post(self, request: Request) -> Response:
        given = EngageIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        wanted = Wanted(
            scope=Scope(asked["scope"]),
            target=asked.get("target") or "",
            reason=asked["reason"],
        )
        by = person_acting(caller_of(request))
        switch = engage(wanted, by=by, now=timezone.now())
        return Response(SwitchOut(switch).data, status=status.HTTP_201_CREATED)


class Release(APIView):
    """Let things start again: approved ones at once, the rest after the hold."""

    refusals = ("404", "409")

    @extend_schema(
        operation_id="kill_switches_release", request=ReleaseIn, responses=SwitchOut
    )
    def post(self, request: Request) -> Response:
        given = ReleaseIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        found = generics.get_object_or_404(_mine(request), pk=asked["id"])
        seconds = asked.get("hold_seconds")
        switch = release(
            found.id,
            asked["reason"],
            by=person_acting(caller_of(request)),
            hold=HOLD if seconds is None else timedelta(seconds=seconds),
        )
        return Response(SwitchOut(switch).data)


class Certificate(APIView):
    """The signed account of a stop."""

    refusals = ("404", "409")

    @extend_schema(operation_id="kill_switches_certificate", responses=CertificateOut)
    def get(self, request: Request, pk: Any) -> Response:
        switch = generics.get_object_or_404(_mine(request), pk=pk)
        return Response(CertificateOut(certify(switch)).data)
