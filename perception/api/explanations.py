"""explanation/: why an act happened, for those who may see its account."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.explain import Story, explain, story_of_execution, story_of_intent
from perception.accounts import visible_to
from perception.rules.callers import Caller, caller_of
from perception.rules.roles import sees_all_accounts


class WhyOut(serializers.Serializer[Any]):
    trigger = serializers.CharField(allow_null=True)
    gate = serializers.DictField()
    decision = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    explanation = serializers.CharField(allow_blank=True)
    layers = serializers.ListField(child=serializers.DictField())


class PolicyOut(serializers.Serializer[Any]):
    policy_version = serializers.CharField()
    policy_clause = serializers.CharField(allow_null=True)


class ExplanationOut(serializers.Serializer[Any]):
    """The answer to "why?", from what was stored when it happened."""

    intent = serializers.UUIDField(allow_null=True)
    execution = serializers.UUIDField(allow_null=True)
    account = serializers.UUIDField(allow_null=True)
    tenant = serializers.UUIDField()
    why = WhyOut()
    what_it_knew = serializers.DictField()
    which_policy = PolicyOut()
    approval_source = serializers.ChoiceField(
        choices=["HUMAN", "POLICY"], allow_null=True
    )
    auto_executed = serializers.BooleanField()
    would_be_automatic_if = serializers.ListField()
    model = serializers.DictField(allow_null=True)
    outcome = serializers.DictField(allow_null=True)
    entries = serializers.ListField(child=serializers.UUIDField())


class IntentExplanation(APIView):
    """The explanation of an intent."""

    @extend_schema(operation_id="intents_explanation", responses=ExplanationOut)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(_explained(story_of_intent(pk), caller_of(request)))


class ExecutionExplanation(APIView):
    """The explanation of an execution."""

    @extend_schema(operation_id="executions_explanation", responses=ExplanationOut)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(_explained(story_of_execution(pk), caller_of(request)))


def _explained(story: Story | None, caller: Caller) -> dict[str, Any]:
    if story is None:
        raise NotFound
    explanation = explain(story)
    if not sees_all_accounts(caller.role):
        account = explanation["account"]
        if account is None or not visible_to(caller).filter(pk=account).exists():
            raise NotFound
    return explanation
