"""settings/ and me/: how a tenant wants things, and who is asking."""

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.doors import StrictSerializer, etag, insist_on_match
from perception.models import Tenant
from perception.rules.cadence import faults
from perception.rules.callers import caller_of
from perception.rules.roles import Role
from perception.settings import CAPS, MODES, MOST_UNITS, change_settings

MOST_FAULTS = 20
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class SettingsShape(StrictSerializer):
    timezone = serializers.CharField(max_length=64)
    four_eyes = serializers.BooleanField()
    digest_hour = serializers.IntegerField(min_value=0, max_value=23)
    quiet_hours = serializers.DictField(
        child=serializers.CharField(max_length=5),
        help_text='As {"start": "20:00", "end": "08:00"}, or {} for none.',
    )
    contact_caps = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=1000),
        help_text='As {"account_per_week": 3, "contact_per_week": 2}.',
    )
    default_mode = serializers.ChoiceField(choices=MODES, allow_blank=True)
    exploration_share = serializers.FloatField(
        min_value=0,
        max_value=1,
        help_text="How often near ties among proposals stand in an order of chance, so "
        "that it can be known what another order would bring.",
    )
    shares_learning = serializers.BooleanField(
        help_text="Whether what became of proposals here may teach the model for tenants "
        "without one of their own. Only its weights leave."
    )
    review_share = serializers.FloatField(
        min_value=0,
        max_value=1,
        help_text="How much of what would run by itself goes to a person first, chosen "
        "by chance, so that it stays known how good it is.",
    )
    response_days = serializers.IntegerField(
        min_value=1,
        max_value=90,
        help_text="Whoever was written to and is not heard of for so long has not "
        "answered.",
    )
    cadence = serializers.DictField(
        help_text="How often accounts are looked at: rows of HOT, WARM and COLD that "
        'differ from ours, as {"WARM": {"every_s": 7200, "up_to_s": 7200, "depth": '
        '"SHALLOW"}}. They hold from each account\'s next look on; none goes unseen '
        "for more than 7 days.",
    )
    pull_units_per_day = serializers.IntegerField(
        min_value=0,
        max_value=MOST_UNITS,
        help_text="What all sources together may be read for; SHALLOW takes 1, DEEP 3.",
    )

    def validate_timezone(self, value: str) -> str:
        if value not in available_timezones():
            raise serializers.ValidationError(
                "This is not a time zone, as Europe/Rome."
            )
        return value

    def validate_quiet_hours(self, value: Mapping[str, str]) -> Mapping[str, str]:
        if not value:
            return value
        if set(value) != {"start", "end"} or not all(
            map(CLOCK.fullmatch, value.values())
        ):
            raise serializers.ValidationError("Give start and end, each as HH:MM.")
        return value

    def validate_cadence(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if found := faults(value):
            # Each at its place below this field.
            raise serializers.ValidationError(
                {at.partition(".")[2]: [words] for at, words in found[:MOST_FAULTS]}
            )
        return value

    def validate_contact_caps(self, value: Mapping[str, int]) -> Mapping[str, int]:
        if unknown := sorted(set(value) - set(CAPS)):
            raise serializers.ValidationError(
                f"{unknown[0]} is no cap: use {' or '.join(CAPS)}."
            )
        return value


class MeOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="membership")
    tenant = serializers.UUIDField()
    role = serializers.ChoiceField(choices=[role.value for role in Role])


class TenantSettings(APIView):
    """The tenant's settings, changed with the ETag in hand."""

    refusals = ("412", "428")

    @extend_schema(operation_id="settings_read", responses=SettingsShape)
    def get(self, request: Request) -> Response:
        shown = _shown(Tenant.objects.all())
        return Response(shown, headers={"ETag": etag(shown)})

    @extend_schema(
        operation_id="settings_change",
        request=SettingsShape(partial=True),
        responses=SettingsShape,
    )
    def patch(self, request: Request) -> Response:
        given = SettingsShape(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        locked = Tenant.objects.select_for_update()
        insist_on_match(request, etag(_shown(locked)))
        change_settings(given.validated_data, by=caller_of(request), now=timezone.now())
        shown = _shown(locked)
        return Response(shown, headers={"ETag": etag(shown)})


class Me(APIView):
    """Who the credential makes you."""

    @extend_schema(operation_id="me", responses=MeOut)
    def get(self, request: Request) -> Response:
        return Response(MeOut(request.auth).data)


def _shown(tenants: QuerySet[Tenant]) -> dict[str, Any]:
    return dict(SettingsShape(tenants.get()).data)
