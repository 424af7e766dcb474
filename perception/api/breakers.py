"""Breakers as doors show and force them, whatever stands behind."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from ledger.doors import StrictSerializer
from perception import guards
from perception.members import person_acting
from perception.models.guarded import Guarded
from perception.rules.breaker import BreakerState
from perception.rules.callers import caller_of


class BreakerOut(serializers.Serializer[Any]):
    """How a breaker stands: 5 failures in 60 s open it, one probe each 30 s."""

    state = serializers.ChoiceField(choices=[each.value for each in BreakerState])
    failures = serializers.IntegerField(help_text="Of the last minute.")
    opened_at = serializers.DateTimeField(allow_null=True)
    probe_until = serializers.DateTimeField(allow_null=True)
    forced_open = serializers.BooleanField()


class BreakerIn(StrictSerializer):
    forced_open = serializers.BooleanField(
        help_text="true: no call goes out. false: closed, and what failed forgotten."
    )


def breaker_shown(row: Guarded) -> dict[str, Any]:
    """A row's breaker as it stands now."""
    now = timezone.now()
    held = guards.breaker_of(row)
    return dict(
        BreakerOut(
            {
                "state": guards.state_of(row, now=now).value,
                "failures": len(held.recent(now=now)),
                "opened_at": held.opened_at,
                "probe_until": held.probe_until,
                "forced_open": held.forced_open,
            }
        ).data
    )


def breaker_forced(row: Guarded, request: Request) -> dict[str, Any]:
    """Hold it open or let it go, as the request says."""
    given = BreakerIn(data=request.data, partial=True)
    given.is_valid(raise_exception=True)
    if "forced_open" not in given.validated_data:
        return breaker_shown(row)
    moved = guards.force(
        row,
        given.validated_data["forced_open"],
        by=person_acting(caller_of(request)),
        now=timezone.now(),
    )
    return breaker_shown(moved)
