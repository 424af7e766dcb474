"""policy/evaluate/: the verdict on what might be proposed; it changes nothing."""

from dataclasses import replace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy.api.shapes import Named, VerdictOut, account_for
from autonomy.approve import judge_on, look
from autonomy.facts import Question
from autonomy.propose import cites_outside, target
from autonomy.rules.actions import normalise
from autonomy.rules.facts import Facts, ModeAt, Switch
from ledger.doors import StrictSerializer
from perception.models import Contact, Opportunity


class FactsIn(StrictSerializer):
    """Facts to be taken as given, whatever the rows say."""

    stage = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=64
    )
    lifecycle = serializers.CharField(required=False, allow_blank=True, max_length=64)
    risk_level = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=64
    )
    confidence = serializers.FloatField(required=False, allow_null=True)
    mode = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=64
    )
    origin = serializers.CharField(required=False, allow_blank=True, max_length=64)
    opted_in = serializers.BooleanField(required=False)
    digest_delivered = serializers.BooleanField(required=False, allow_null=True)
    opted_out = serializers.BooleanField(required=False, allow_null=True)
    kill_switch = serializers.BooleanField(required=False, allow_null=True)


class HypothesisIn(Named):
    """An intent that might be, with facts that might hold."""

    parameters = serializers.DictField(required=False)
    confidence = serializers.FloatField(required=False, allow_null=True)
    risk_level = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=64
    )
    facts = FactsIn(required=False)


class EvaluationOut(VerdictOut):
    """The verdict, and the facts that it rests on."""

    facts = serializers.DictField()


class Evaluate(APIView):
    """What all layers would say. Nothing is kept, no budget is used."""

    refusals = ("404",)

    @extend_schema(
        operation_id="policy_evaluate",
        request=HypothesisIn,
        responses={200: EvaluationOut},
    )
    def post(self, request: Request) -> Response:
        given = HypothesisIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        overrides = asked.get("facts", {})
        found = look(self._question(request, asked, overrides.get("origin", "agent")))
        answer = replace(found.answer, facts=_given(found.answer.facts, overrides))
        verdict = judge_on(answer)
        return Response({**verdict.stated(), "facts": answer.facts.sealed()})

    def _question(
        self, request: Request, asked: dict[str, Any], origin: str
    ) -> Question:
        account = account_for(request, asked["account"])
        opportunity = target(Opportunity, asked.get("opportunity"), account)
        contact = target(Contact, asked.get("contact"), account)
        return Question(
            account=account.id,
            action_type=normalise(asked["action_type"]),
            parameters=asked.get("parameters", {}),
            confidence=asked.get("confidence"),
            risk_level=asked.get("risk_level"),
            origin=origin,
            opportunity=opportunity.id if opportunity else None,
            contact=contact.id if contact else None,
            tainted=cites_outside(asked.get("evidence", ()), account),
        )


def _given(facts: Facts, overrides: dict[str, Any]) -> Facts:
    """The facts, with those in place that are to be taken as given."""
    plain = {
        name: value
        for name, value in overrides.items()
        if name not in ("mode", "kill_switch")
    }
    if "mode" in overrides:
        plain["modes"] = (ModeAt(scope="given", mode=overrides["mode"]),)
    if "kill_switch" in overrides:
        plain["switches"] = _switches(overrides["kill_switch"])
    return replace(facts, **plain)


def _switches(engaged: bool | None) -> tuple[Switch, ...] | None:
    """Null: as if it could not be read."""
    if engaged is None:
        return None
    supposed = Switch(id="given", scope="tenant", reason="supposed here.")
    return (supposed,) if engaged else ()
