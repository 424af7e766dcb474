"""notifications/: what the caller was told of, and what they want to be told of."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import notice_choices
from autonomy.models import Telling
from autonomy.notice_choices import Chosen
from autonomy.rules.notices import TOPIC_OF, Topic
from ledger.clock import clock
from ledger.doors import Pages, StrictSerializer, etag, insist_on_match
from perception.rules.callers import caller_of


class NotificationOut(serializers.ModelSerializer[Telling]):
    """One notice on its way to the caller. Several can have one mail."""

    kind = serializers.CharField(source="notice.kind")
    topic = serializers.SerializerMethodField()
    about = serializers.UUIDField(source="notice.about")
    account = serializers.UUIDField(source="notice.account_id", allow_null=True)
    at = serializers.DateTimeField(source="notice.at")

    class Meta:
        model = Telling
        fields: ClassVar = [
            "id", "kind", "topic", "about", "account", "at", "status", "told_at",
            "due_at", "attempts", "receipt", "error",
        ]  # fmt: skip

    def get_topic(self, row: Telling) -> str:
        return TOPIC_OF[row.notice.kind].value


class ChoicesShape(StrictSerializer):
    digest_only = serializers.BooleanField(
        help_text="No mails besides the digest, which tells what waits as well."
    )
    mail = serializers.ListField(
        child=serializers.ChoiceField(choices=[each.value for each in Topic]),
        help_text="What sends a mail; whatever is left out does not.",
    )


class Notifications(generics.ListAPIView[Telling]):
    """What the caller was told of by mail, newest first; their own alone."""

    queryset = Telling.objects.none()
    serializer_class = NotificationOut
    filterset_fields: ClassVar = ["status"]
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Telling]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        rows = Telling.objects.filter(
            tenant_id=caller.tenant, member_id=caller.membership
        )
        return rows.select_related("notice")

    @extend_schema(operation_id="notifications_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class Choices(APIView):
    """What the caller wants to be told of by mail, changed with the ETag in hand."""

    refusals = ("412", "428")

    @extend_schema(operation_id="notification_choices_read", responses=ChoicesShape)
    def get(self, request: Request) -> Response:
        shown = notice_choices.chosen(caller_of(request)).stated()
        return Response(shown, headers={"ETag": etag(shown)})

    @extend_schema(
        operation_id="notification_choices_change",
        request=ChoicesShape(partial=True),
        responses=ChoicesShape,
    )
    def patch(self, request: Request) -> Response:
        given = ChoicesShape(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        caller = caller_of(request)
        before = notice_choices.chosen(caller).stated()
        insist_on_match(request, etag(before))
        merged: dict[str, Any] = {**before, **given.validated_data}
        wanted = Chosen(
            digest_only=merged["digest_only"],
            mail=tuple(Topic(each) for each in merged["mail"]),
        )
        done = notice_choices.choose(wanted, by=caller, now=clock()).stated()
        return Response(done, headers={"ETag": etag(done)})
