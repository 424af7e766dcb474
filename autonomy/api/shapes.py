"""What the doors of autonomy have in common: verdicts, scopes, refusals of bundles."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request

from autonomy import ranking
from autonomy.errors import BundleRefused
from autonomy.rules.actions import normalise
from autonomy.rules.verdict import Decision
from ledger.doors import StrictSerializer
from perception.accounts import visible_to
from perception.errors import NoSuchAccount
from perception.models import Account
from perception.rules.callers import caller_of

DECISIONS = [decision.value for decision in Decision]


class LayerOut(serializers.Serializer[Any]):
    layer = serializers.CharField()
    decision = serializers.ChoiceField(choices=DECISIONS)
    reason = serializers.CharField()
    clause = serializers.CharField()
    explanation = serializers.CharField()


class VerdictOut(serializers.Serializer[Any]):
    """What all layers together say."""

    decision = serializers.ChoiceField(choices=DECISIONS)
    reason = serializers.CharField()
    policy_clause = serializers.CharField()
    explanation = serializers.CharField()
    policy_version = serializers.CharField()
    layers = LayerOut(many=True)
    would_be_automatic_if = serializers.ListField(child=serializers.CharField())


class Named(StrictSerializer):
    """Which action on what."""

    account = serializers.CharField(
        max_length=200, help_text="The id or the external id of an account."
    )
    action_type = serializers.CharField(max_length=64)
    rationale = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    opportunity = serializers.UUIDField(required=False, allow_null=True)
    contact = serializers.UUIDField(required=False, allow_null=True)
    evidence = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=100,
        help_text="Ids of signals of the account. One with text from outside, or that "
        "is none of them, keeps what leaves the company from running by itself.",
    )

    def validate_action_type(self, value: str) -> str:
        """Folding a letter can make two of it."""
        if len(normalise(value)) > 64:
            raise serializers.ValidationError("At most 64 letters.")
        return value


class IntentIn(Named):
    """An action that somebody proposes."""

    parameters = serializers.DictField()
    confidence = serializers.FloatField(min_value=0, max_value=1)
    risk_level = serializers.ChoiceField(
        choices=["MINIMAL", "LOW", "MEDIUM", "HIGH"],
        required=False,
        allow_null=True,
        help_text="May raise the registry's risk, never lower it.",
    )


def calibrated_by(context: Any, confidence: float | None) -> float | None:
    """A confidence as it is shown; what it is shown by is read once for an answer."""
    if confidence is None:
        return None
    if "calibration" not in context:
        context["calibration"] = ranking.calibration()
    return ranking.shown(context["calibration"], confidence)


def account_for(request: Request, named: str) -> Account:
    """The account that a body names, among those that the caller sees."""
    caller = caller_of(request)
    accounts = Account.objects.filter(tenant_id=caller.tenant)
    if not caller.may_propose_anywhere:
        accounts = visible_to(caller)
    try:
        found = accounts.filter(pk=UUID(named)).first()
    except ValueError:
        found = None
    found = found or accounts.filter(external_id=named).first()
    if found is None:
        raise NoSuchAccount("", "account")
    return found


def faults(refusal: BundleRefused) -> serializers.ValidationError:
    """Every fault of a bundle, each at its place."""
    return serializers.ValidationError(
        {
            fault.where: serializers.ErrorDetail(
                f"line {fault.line}, column {fault.column}: {fault.message}",
                code="bundle_fault",
            )
            for fault in refusal.faults
        }
    )
