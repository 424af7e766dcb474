"""What connectors/ takes and shows."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ledger.doors import StrictSerializer
from perception.api.breakers import BreakerOut, breaker_shown
from perception.connectors import SIGNED
from perception.models import Connector
from perception.rules.webhooks import key_of
from perception.sources.base import Reach

MAX_CONFIG = 32
MAX_SECRET = 4096
ACTS = "Whether tools act through it, and not only read. One for each thing they do."


class CapsShape(StrictSerializer):
    """How much is read in a day, and how fast; SHALLOW takes 1 unit, DEEP 3."""

    units_per_day = serializers.IntegerField(min_value=0, max_value=10_000_000)
    rate_per_s = serializers.FloatField(min_value=0.01, max_value=1000)


class CapsChange(CapsShape):
    """Those that differ."""

    units_per_day = serializers.IntegerField(
        min_value=0, max_value=10_000_000, required=False
    )
    rate_per_s = serializers.FloatField(min_value=0.01, max_value=1000, required=False)


class KindOut(serializers.Serializer[Any]):
    """A kind of connector, and what a form for it asks."""

    kind = serializers.ChoiceField(choices=Connector.Kind.choices)
    title = serializers.CharField()
    reach = serializers.ChoiceField(
        choices=["", *(each.value for each in Reach)],
        allow_blank=True,
        help_text="WHOLE: read as a whole. ACCOUNT: account by account, by cadence. "
        "Empty: it is not read, its sender delivers.",
    )
    schema = serializers.DictField(help_text="JSON Schema of config.")
    secret = serializers.CharField(
        allow_blank=True, help_text="What the secret is; empty where there is none."
    )
    can_act = serializers.BooleanField(help_text="Whether tools can act through one.")


class ConnectorIn(StrictSerializer):
    kind = serializers.ChoiceField(choices=Connector.Kind.choices)
    name = serializers.CharField(max_length=200)
    config = serializers.DictField(required=False)
    secret = serializers.CharField(
        required=False,
        max_length=MAX_SECRET,
        help_text="Of a webhook: whsec_ and base64, made where none is given. "
        "Of a source that is read: what it issued.",
    )
    caps = CapsChange(required=False)
    acts = serializers.BooleanField(required=False, help_text=ACTS)

    def validate_config(self, value: dict[str, Any]) -> dict[str, Any]:
        return small(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "secret" in attrs and attrs["kind"] in SIGNED:
            insist_on_key(attrs["secret"])
        return attrs


class ConnectorChange(StrictSerializer):
    name = serializers.CharField(max_length=200, required=False)
    config = serializers.DictField(required=False)
    is_active = serializers.BooleanField(required=False)
    acts = serializers.BooleanField(required=False, help_text=ACTS)
    caps = CapsChange(required=False)

    def validate_config(self, value: dict[str, Any]) -> dict[str, Any]:
        return small(value)


class RotateIn(StrictSerializer):
    secret = serializers.CharField(required=False, max_length=MAX_SECRET)
    keep_old = serializers.BooleanField(
        required=False,
        help_text="false ends the old secret at once, as when it leaked.",
    )


class SecretOut(serializers.Serializer[Any]):
    secret = serializers.CharField(
        allow_blank=True,
        help_text="Shown this once, where it was made here; else empty.",
    )


class ConnectorOut(serializers.ModelSerializer[Connector]):
    caps = CapsShape(source="*")
    acts = serializers.SerializerMethodField(help_text=ACTS)

    class Meta:
        model = Connector
        fields: ClassVar = [
            "id", "kind", "name", "config", "caps", "is_active", "acts", "created_at",
        ]  # fmt: skip

    def get_acts(self, connector: Connector) -> bool:
        return bool(connector.acts_as)


class ConnectorRead(ConnectorOut):
    """A connector with how it fares; what moves by itself is no part of its ETag."""

    breaker = serializers.SerializerMethodField()

    class Meta(ConnectorOut.Meta):
        fields: ClassVar = [
            *ConnectorOut.Meta.fields,
            "next_pull_at", "pulled_at", "last_error", "breaker",
        ]  # fmt: skip

    @extend_schema_field(BreakerOut)
    def get_breaker(self, connector: Connector) -> Any:
        return breaker_shown(connector)


class ExchangedOut(serializers.Serializer[Any]):
    request = serializers.CharField()
    answer = serializers.CharField()
    took_ms = serializers.FloatField()


class TriedOut(serializers.Serializer[Any]):
    """What one page would have brought, and what was said on the way.

    Where nothing is read, only whether it lets us in.
    """

    ok = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)
    signals = serializers.IntegerField()
    interactions = serializers.IntegerField()
    skipped = serializers.ListField(child=serializers.CharField())
    more = serializers.BooleanField()
    exchanged = ExchangedOut(many=True)
    calls_left = serializers.FloatField(help_text="Of this second, at its rate.")
    units_left = serializers.IntegerField(help_text="Of this day.")


class TriedShown(TriedOut):
    breaker = BreakerOut()


class ConnectorMade(ConnectorRead):
    secret = serializers.CharField(
        allow_blank=True,
        help_text="Shown this once, where it was made here; else empty.",
    )

    class Meta(ConnectorRead.Meta):
        fields: ClassVar = [*ConnectorRead.Meta.fields, "secret"]


def insist_on_key(secret: str) -> None:
    """Refuse what no sender could sign with."""
    try:
        key_of(secret)
    except ValueError as error:
        raise serializers.ValidationError({"secret": str(error)}) from None


def small(value: dict[str, Any]) -> dict[str, Any]:
    """A configuration, where it is no more than one needs."""
    if len(value) > MAX_CONFIG or len(repr(value)) > 8192:
        raise serializers.ValidationError("This is more than a configuration needs.")
    return value
