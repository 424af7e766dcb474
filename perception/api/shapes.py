"""What the doors for signals have in common: their shape, and how faults are shown."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from ledger.doors import StrictSerializer
from perception.errors import SignalsRefused
from perception.rules.signals import MAX_LIST


class SignalIn(StrictSerializer):
    """Something that happened at an account."""

    account = serializers.CharField(
        max_length=200, help_text="The id or the external id of an account."
    )
    type = serializers.CharField(
        max_length=200,
        help_text="As crm_update; types that nobody registered are kept and flagged.",
    )
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, max_length=64
    )
    dedupe_key = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        max_length=255,
        help_text="A known key makes nothing, and is answered with what came first.",
    )
    occurred_at = serializers.DateTimeField(required=False, allow_null=True)
    payload = serializers.DictField()


class ReceivedOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    run_id = serializers.UUIDField(
        allow_null=True, help_text="The run that it starts; null where it starts none."
    )
    duplicate = serializers.BooleanField()


ONE_OR_MANY_IN = PolymorphicProxySerializer(
    component_name="SignalOrSignals",
    serializers=[SignalIn, SignalIn(many=True)],
    resource_type_field_name=None,
    many=False,
)
ONE_OR_MANY_OUT = PolymorphicProxySerializer(
    component_name="ReceivedOneOrMany",
    serializers=[ReceivedOut, ReceivedOut(many=True)],
    resource_type_field_name=None,
    many=False,
)


def signals_in(data: Any) -> Mapping[str, Any] | list[Mapping[str, Any]]:
    """What a body holds: one signal, or a list of them."""
    if isinstance(data, list):
        many = SignalIn(data=data, many=True, max_length=MAX_LIST)  # type: ignore[call-arg]
        many.is_valid(raise_exception=True)
        return list(many.validated_data)
    one = SignalIn(data=data)
    one.is_valid(raise_exception=True)
    given: Mapping[str, Any] = one.validated_data
    return given


def faults_of(refusal: SignalsRefused, data: Any) -> serializers.ValidationError:
    """Every fault at its place; in a list the place begins with the signal's number."""
    is_list = isinstance(data, list)
    places: dict[str, list[Any]] = {}
    for index, field, message in refusal.faults:
        place = f"{index}.{field}" if is_list else field
        places.setdefault(place, []).append(
            serializers.ErrorDetail(message, code="refused")
        )
    return serializers.ValidationError(places)
