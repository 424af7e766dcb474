"""inbox/: open questions, and their answers, in the shape of LangGraph's Agent Inbox."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy import agent_inbox
from autonomy.api.feed import NextFilter
from autonomy.models import Approval, Intent
from autonomy.rules.agent_inbox import Answer
from ledger.doors import Pages, StrictSerializer
from perception.rules.callers import caller_of

ACTION = {
    "type": "object",
    "required": ["action", "args"],
    "properties": {
        "action": {"type": "string"},
        "args": {"type": "object", "additionalProperties": {}},
    },
}
NEEDS = {
    Answer.EDIT: "Give the action and its args, as they are to be.",
    Answer.RESPONSE: "Say in a text what is to be different.",
    Answer.ACCEPT: "Give nothing, or the action and its args as they were shown.",
}


class ActionRequestOut(serializers.Serializer[Any]):
    action = serializers.CharField()
    args = serializers.DictField()


class InterruptConfigOut(serializers.Serializer[Any]):
    allow_accept = serializers.BooleanField()
    allow_edit = serializers.BooleanField()
    allow_respond = serializers.BooleanField()
    allow_ignore = serializers.BooleanField()


class InterruptOut(serializers.Serializer[Any]):
    """A HumanInterrupt; what follows its description tells it from others."""

    id = serializers.UUIDField()
    action_request = ActionRequestOut()
    config = InterruptConfigOut()
    description = serializers.CharField(help_text="Markdown.")
    intent = serializers.UUIDField()
    account = serializers.UUIDField()
    payload_hash = serializers.CharField()
    expires_at = serializers.DateTimeField()


@extend_schema_field({"oneOf": [{"type": "null"}, {"type": "string"}, ACTION]})
class ArgsField(serializers.JSONField):
    """Nothing, a text, or an action with its arguments: as the answer needs."""


class ResponseIn(StrictSerializer):
    """A HumanResponse."""

    type = serializers.ChoiceField(choices=[each.value for each in Answer])
    args = ArgsField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        answer, args = Answer(attrs["type"]), attrs["args"]
        if not _fits(answer, args):
            raise serializers.ValidationError({"args": [NEEDS[answer]]})
        return attrs


class AnsweredOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the question that stands now.")
    type = serializers.ChoiceField(choices=[each.value for each in Answer])
    status = serializers.ChoiceField(choices=Approval.Status.choices)
    intent = serializers.UUIDField()
    intent_status = serializers.ChoiceField(choices=Intent.Status.choices)
    decided_at = serializers.DateTimeField(allow_null=True)
    detail = serializers.CharField(
        help_text="What is still missing: an edit may need somebody else's yes."
    )


class _Waiting(generics.GenericAPIView[Approval]):
    queryset = Approval.objects.none()
    serializer_class = InterruptOut

    def get_queryset(self) -> QuerySet[Approval]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return agent_inbox.waiting_for(caller_of(self.request), now=timezone.now())


class Inbox(_Waiting):
    """What waits for a person, newest first, each as a HumanInterrupt."""

    filterset_class = NextFilter
    pagination_class = Pages

    @extend_schema(operation_id="inbox_list", responses=InterruptOut(many=True))
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        caller = caller_of(request)
        items = [agent_inbox.shown(row, caller) for row in rows]
        return self.get_paginated_response(InterruptOut(items, many=True).data)


class OneInterrupt(_Waiting):
    """One question, and the one answer to it."""

    filter_backends = ()

    @extend_schema(operation_id="inbox_read", responses=InterruptOut)
    def get(self, request: Request, pk: UUID) -> Response:
        row = self.get_object()
        return Response(InterruptOut(agent_inbox.shown(row, caller_of(request))).data)

    @extend_schema(
        operation_id="inbox_respond", request=ResponseIn, responses=AnsweredOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """accept approves what was shown; edit changes it, has it judged again and
        approves that; response rejects it and keeps the text; ignore rejects it for now.
        """
        data = request.data
        # LangGraph's own client sends a list that holds one.
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
        given = ResponseIn(data=data)
        given.is_valid(raise_exception=True)
        answer = Answer(given.validated_data["type"])
        args = given.validated_data["args"]
        done = agent_inbox.respond(pk, answer, args, by=caller_of(request))
        stands = done.approval
        status = Intent.objects.values_list("status", flat=True)
        told = {
            "id": stands.id,
            "type": answer.value,
            "status": stands.status,
            "intent": stands.intent_id,
            "intent_status": status.get(
                tenant_id=stands.tenant_id, pk=stands.intent_id
            ),
            "decided_at": stands.decided_at,
            "detail": done.detail,
        }
        return Response(AnsweredOut(told).data)


def _fits(answer: Answer, args: Any) -> bool:
    match answer:
        case Answer.IGNORE:
            return True
        case Answer.RESPONSE:
            return isinstance(args, str) and bool(args.strip())
        case Answer.EDIT:
            return _is_action(args)
        case Answer.ACCEPT:
            return args is None or _is_action(args)


def _is_action(args: Any) -> bool:
    return (
        isinstance(args, dict)
        and set(args) == {"action", "args"}
        and isinstance(args["action"], str)
        and isinstance(args["args"], dict)
    )
