"""/inbox/{id}/edit/: what would be done is changed, seen beside what it was, judged again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from autonomy import decisions
from autonomy.errors import (
    AutonomyError,
    NoSuchActionType,
    WrongParameters,
)
from autonomy.models import Approval
from autonomy.registry import one_type
from autonomy.rules.approvals import DECIDERS
from autonomy.views import fields, offers, words
from autonomy.views.artefact import changes
from autonomy.views.questions import refused, seen, tried
from ledger.clock import clock
from perception.errors import PerceptionError
from perception.pages import page
from perception.rules.callers import Caller

Status = Approval.Status
LOOK = "look"


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def edit(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """The form; what it refuses is shown with nothing lost."""
    row = seen(caller, pk)
    schema = _schema(row.intent.action_type)
    if request.method != "POST":
        if row.status != Status.PENDING:
            return redirect("approval-page", pk)
        return _shown(request, caller, row, schema)
    written = request.POST.dict()
    found = fields.read(schema, row.intent.parameters, written)
    is_looked_at = request.POST.get("do") == LOOK or bool(found.errors)
    if is_looked_at:
        return _shown(request, caller, row, schema, written=written, found=found)
    if request.POST.get("payload_hash") != row.payload_hash:
        # The same person's own newer words would otherwise be written over.
        messages.error(request, "It changed meanwhile, so nothing was saved.")
        return redirect("approval-page", pk)
    done, refusal = tried(lambda: decisions.edit(pk, found.parameters, by=caller))
    if refusal is not None or done is None:
        problem = _placed(refusal, schema)
        said = "" if problem else refused(refusal or AutonomyError(), row)
        again = fields.Read(parameters=found.parameters, errors=problem)
        return _shown(
            request, caller, row, schema, written=written, found=again, refusal=said
        )
    messages.success(request, _said(done.approval, pk))
    return redirect("approval-page", done.approval.pk)


def _shown(
    request: HttpRequest,
    caller: Caller,
    row: Approval,
    schema: fields.Schema | None,
    *,
    written: Mapping[str, str] | None = None,
    found: fields.Read | None = None,
    refusal: str = "",
) -> HttpResponse:
    parameters = row.intent.parameters
    differs = changes(parameters, found.parameters) if found else []
    errors = found.errors if found else {}
    offered = offers.answers(row, caller, now=clock(), here="")
    context: dict[str, Any] = {
        "row": row,
        "title": words.action(row.intent.action_type),
        "fields": fields.fields(schema, parameters, written, errors),
        "changes": differs,
        "is_looked_at": found is not None and not errors and not refusal,
        "has_errors": bool(errors),
        "refusal": refusal,
        "may_edit": offered.may_edit,
        "why_not": offered.why_not,
    }
    return render(request, "autonomy/pages/edit.html", context)


def _schema(key: str) -> fields.Schema | None:
    try:
        return one_type(key).schema
    except NoSuchActionType:
        return None


def _placed(
    refusal: AutonomyError | PerceptionError | None, schema: fields.Schema | None
) -> dict[str, str]:
    """What does not fit, at the field that it is about."""
    if not isinstance(refusal, WrongParameters):
        return {}
    name, _, said = refusal.detail.partition(": ")
    name = name.partition(".")[0]
    if said and name in (schema or {}).get("properties", {}):
        return {name: said.capitalize()}
    return {}


def _said(approval: Approval, before: UUID) -> str:
    if approval.pk == before:
        return (
            "Nothing was changed."
            if approval.status == Status.PENDING
            else "It was changed, and may not be done any more: this is how it stands."
        )
    return "It was changed and judged again. Read it once more, then decide."
