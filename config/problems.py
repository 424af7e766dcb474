"""Errors as application/problem+json, with codes that stay."""

import sys
from http import HTTPStatus
from typing import Any

import orjson
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import exception_handler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions
from rest_framework.response import Response

from autonomy import errors as autonomy_errors
from ledger import errors as ledger_errors
from perception import errors as perception_errors
from plans import errors as plan_errors

CONTENT_TYPE = "application/problem+json"
TYPE = "urn:autonomy:problem:"

# What the domain refuses -> the status that says so. The code is the class's name.
STATUSES: dict[type[Exception], int] = {
    ledger_errors.NotSealed: 409,
    ledger_errors.ExportNotReady: 409,
    ledger_errors.TooManyExports: 429,
    ledger_errors.OutsideTree: 404,
    ledger_errors.Unstatable: 400,
    ledger_errors.NoSigningKey: 409,
    perception_errors.AlreadyThere: 409,
    perception_errors.AdminChanges: 403,
    perception_errors.OnlyOptsOut: 403,
    perception_errors.NamelessContact: 400,
    perception_errors.NoSuchAccount: 404,
    perception_errors.NoSuchMember: 404,
    perception_errors.NoSuchContact: 404,
    perception_errors.TooBusy: 429,
    perception_errors.TooManySignals: 400,
    perception_errors.ConnectorThere: 409,
    perception_errors.CannotAct: 400,
    perception_errors.ActsAlready: 409,
    perception_errors.ConfigRefused: 400,
    perception_errors.NothingToRedeliver: 409,
    perception_errors.CannotTry: 409,
    autonomy_errors.NoSuchActionType: 404,
    autonomy_errors.AlreadyRegistered: 409,
    autonomy_errors.LoosensTier: 409,
    autonomy_errors.NotForOutreach: 409,
    autonomy_errors.AlreadySubmitted: 409,
    autonomy_errors.AccountClosed: 409,
    autonomy_errors.WrongParameters: 400,
    autonomy_errors.NoSuchTarget: 404,
    autonomy_errors.NoSuchScope: 404,
    autonomy_errors.NeedsTarget: 400,
    autonomy_errors.NoSuchTool: 400,
    autonomy_errors.NoSuchService: 404,
    autonomy_errors.ToolExists: 409,
    autonomy_errors.NotInDoubt: 409,
    autonomy_errors.AlreadyDone: 409,
    autonomy_errors.NotReplayable: 409,
    autonomy_errors.StillOpen: 409,
    autonomy_errors.MayBeDone: 409,
    autonomy_errors.ReplayOpen: 409,
    autonomy_errors.CannotUndo: 409,
    autonomy_errors.UndoConflict: 409,
    autonomy_errors.CannotRetract: 409,
    autonomy_errors.CannotLookUp: 409,
    autonomy_errors.NothingSince: 400,
    autonomy_errors.NotParked: 409,
    autonomy_errors.NoSuchTrigger: 404,
    autonomy_errors.NoSuchJob: 404,
    autonomy_errors.NoSuchDigest: 404,
    autonomy_errors.JobIsOff: 409,
    autonomy_errors.NoSuchApproval: 404,
    autonomy_errors.NotYourDecision: 403,
    autonomy_errors.NeedsApprover: 403,
    autonomy_errors.SelfApproval: 403,
    autonomy_errors.AlreadyDecided: 409,
    autonomy_errors.Expired: 409,
    autonomy_errors.MovedTarget: 409,
    autonomy_errors.NoLongerAllowed: 409,
    autonomy_errors.CannotSnooze: 400,
    autonomy_errors.CannotDelegate: 400,
    autonomy_errors.Stopped: 409,
    autonomy_errors.NotEngaged: 409,
    autonomy_errors.BundleRefused: 400,
    autonomy_errors.BundleFails: 409,
    autonomy_errors.NeedsSimulation: 409,
    autonomy_errors.NeedsSecondPerson: 409,
    autonomy_errors.AdminAsksFirst: 403,
    autonomy_errors.NothingToRollBack: 409,
    autonomy_errors.SimulationTooLong: 400,
    autonomy_errors.NotYourGoal: 403,
    autonomy_errors.GoalEnded: 409,
    autonomy_errors.GoalTooWide: 409,
    autonomy_errors.NoSuchModel: 404,
    autonomy_errors.ModelMoved: 409,
    autonomy_errors.GateRefused: 409,
    autonomy_errors.NoSuchSuggestion: 404,
    autonomy_errors.SuggestionDecided: 409,
    autonomy_errors.RecordFell: 409,
    autonomy_errors.NoActiveModel: 409,
    plan_errors.IllegalMove: 409,
    plan_errors.NotADraft: 409,
    plan_errors.NotYourPlan: 403,
    plan_errors.SelfApproval: 403,
    plan_errors.NeedsApprover: 403,
    plan_errors.NoSuchPlanType: 404,
    plan_errors.NoSuchStep: 404,
    plan_errors.NotOver: 409,
    plan_errors.StepNotOpen: 409,
    plan_errors.NothingToPropose: 409,
    plan_errors.PlanRefused: 409,
    plan_errors.DraftRefused: 400,
}


class Refusal(exceptions.APIException):
    """A refusal of the domain, on its way out."""

    def __init__(self, error: Exception, status: int) -> None:
        code = getattr(error, "code", None) or _code(type(error).__name__)
        super().__init__(str(error), code=code)
        self.status_code = status
        # DRF makes Retry-After of it.
        self.wait = getattr(error, "wait", None)
        # What was done about it stays; else an answer of 400 or more undoes it.
        self.keeps = getattr(error, "keeps", False)
        # Everything that is wrong, where there is more to tell than the first.
        self.errors: list[dict[str, str]] = getattr(error, "errors", [])


class Problem(ExceptionFormatter):
    """The shape of RFC 9457, with our codes and the errors of each field."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        status = self.exc.status_code
        first = error_response.errors[0]
        if isinstance(self.exc, Refusal) and self.exc.errors:
            return document(status, first.code.upper(), first.detail, self.exc.errors)
        fields = [
            {"field": error.attr, "code": error.code.upper(), "detail": error.detail}
            for error in error_response.errors
            if error.attr is not None
        ]
        code = "VALIDATION_ERROR" if fields else first.code.upper()
        detail = (
            "; ".join(f"{error['field']}: {error['detail']}" for error in fields)
            if fields
            else first.detail
        )
        return document(status, code, detail, fields)


def answer(error: Exception, context: Any) -> Response | None:
    """DRF's exception handler: the domain's refusals first, then all the rest."""
    status = STATUSES.get(type(error))
    if status is not None:
        error = Refusal(error, status)
    if isinstance(error, OperationalError | InterfaceError):
        return None
    response = exception_handler(error, context)
    if response is not None:
        response.content_type = CONTENT_TYPE
        response.keeps = getattr(error, "keeps", False)  # type: ignore[attr-defined]
    return response


def document(
    status: int, code: str, detail: str, fields: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The body of a problem."""
    body: dict[str, Any] = {
        "type": TYPE + code.lower().replace("_", "-"),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if fields:
        body["errors"] = fields
    return body


def problem(status: int, code: str, detail: str) -> HttpResponse:
    """A problem from outside DRF."""
    return HttpResponse(
        orjson.dumps(document(status, code, detail)),
        status=status,
        content_type=CONTENT_TYPE,
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django itself refuses to read."""
    return _either(request, 400, "BAD_REQUEST", "This request cannot be read.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _either(request, 403, "PERMISSION_DENIED", "This is not for your role.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _either(request, 404, "NOT_FOUND", "There is nothing here.")


def broken(request: HttpRequest) -> HttpResponse:
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        response = _either(
            request,
            503,
            "DATABASE_AWAY",
            "The database is away. Nothing was changed; try again in a moment.",
        )
        response["Retry-After"] = "5"
        return response
    return _either(
        request,
        500,
        "INTERNAL_ERROR",
        "Something broke on our side. It is in the log under this request's id.",
    )


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _either(
        request,
        403,
        "CSRF_FAILED",
        "The form was open too long, or came from elsewhere: reload and try again.",
    )


def _either(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    """A problem for programs, a page for people."""
    if request.path.startswith("/api/"):
        return problem(status, code, detail)
    title = HTTPStatus(status).phrase
    return render(
        request,
        "problem.html",
        {"status": status, "title": title, "detail": detail},
        status=status,
    )


def code_of(error: type[Exception]) -> str:
    """The code that refusals of a class have as a rule."""
    own = getattr(error, "code", None)
    return own.upper() if isinstance(own, str) else _code(error.__name__)


def _code(name: str) -> str:
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in name).lstrip("_")
