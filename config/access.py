"""Who may do what: one table of roles and routes, denied by default."""

from collections.abc import Mapping
from typing import Any

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from perception.errors import PerceptionError, TokenExpired, TokenRevoked
from perception.models import Person
from perception.rules.callers import Caller
from perception.rules.roles import Role

S, P, A, U, I = Role.SELLER, Role.APPROVER, Role.ADMIN, Role.AUDITOR, Role.INTEGRATION  # noqa: E741
EVERYBODY = frozenset(Role)
READERS = frozenset({S, P, A, U})
OVERSEERS = frozenset({A, U})
ADMINS = frozenset({A})
# An approver can be the second person when policy widens, and hands accounts over.
SIGNERS = frozenset({A, P})
DECIDERS = frozenset({S, P, A})
SENDERS = frozenset({A, I})
PROPOSERS = frozenset({S, P, A, I})

# Route name (its path below /api/v1/ is in the schema) -> method -> roles.
MATRIX: Mapping[str, Mapping[str, frozenset[Role]]] = {
    "me": {"GET": EVERYBODY},
    "settings": {"GET": OVERSEERS, "PATCH": ADMINS},
    "accounts": {"GET": READERS, "POST": ADMINS},
    "account": {"GET": READERS, "PATCH": SIGNERS},
    "account-contacts": {"POST": DECIDERS},
    "account-timeline": {"GET": READERS},
    "account-pulls": {"GET": READERS},
    "account-effects": {"GET": READERS},
    "account-ask": {"POST": DECIDERS},
    "effect": {"GET": READERS},
    "ledger": {"GET": OVERSEERS},
    "ledger-entry": {"GET": OVERSEERS},
    "ledger-proof": {"GET": OVERSEERS},
    "ledger-checkpoint": {"GET": READERS},
    "ledger-consistency": {"GET": READERS},
    "exports": {"GET": OVERSEERS, "POST": OVERSEERS},
    "export": {"GET": OVERSEERS},
    "export-download": {"GET": OVERSEERS},
    "intents": {"GET": READERS, "POST": PROPOSERS},
    "intent": {"GET": READERS},
    "approvals": {"GET": READERS},
    "approval": {"GET": READERS},
    "approval-approve": {"POST": DECIDERS},
    "approval-reject": {"POST": DECIDERS},
    "approval-edit": {"POST": DECIDERS},
    "approval-snooze": {"POST": DECIDERS},
    "approval-delegate": {"POST": DECIDERS},
    "approvals-bulk": {"POST": DECIDERS},
    "approvals-oversight": {"GET": OVERSEERS},
    "inbox": {"GET": READERS},
    "inbox-item": {"GET": READERS, "POST": DECIDERS},
    "notifications": {"GET": READERS},
    "notification-choices": {"GET": READERS, "PATCH": READERS},
    "feed-next": {"GET": READERS},
    "feed-autopilot": {"GET": READERS},
    "feed-inbox": {"GET": READERS},
    "signals": {"GET": READERS, "POST": SENDERS},
    "signal": {"GET": READERS},
    "webhook": {},
    "runs": {"GET": READERS},
    "run": {"GET": READERS},
    "run-retry": {"POST": ADMINS},
    "triggers": {"GET": OVERSEERS},
    "trigger": {"GET": OVERSEERS, "PUT": ADMINS, "PATCH": ADMINS},
    "decision-budget": {"GET": OVERSEERS, "PUT": ADMINS},
    "tools": {"GET": OVERSEERS, "POST": ADMINS},
    "tool": {"GET": OVERSEERS, "PUT": ADMINS},
    "tool-breaker": {"GET": OVERSEERS, "PATCH": ADMINS},
    "tool-service": {"GET": OVERSEERS, "PUT": ADMINS, "PATCH": ADMINS},
    "service": {"GET": OVERSEERS},
    "alerts": {"GET": OVERSEERS},
    "executions": {"GET": READERS},
    "execution": {"GET": READERS},
    "execution-settle": {"POST": DECIDERS},
    "execution-replay": {"POST": ADMINS},
    "replays": {"GET": OVERSEERS},
    "replay": {"GET": OVERSEERS},
    "execution-lookup": {"POST": DECIDERS},
    "execution-undo": {"GET": READERS, "POST": DECIDERS},
    "undos": {"GET": READERS},
    "undo": {"GET": READERS},
    "undo-settle": {"POST": DECIDERS},
    "sweeps": {"GET": OVERSEERS, "POST": DECIDERS},
    "sweep": {"GET": OVERSEERS},
    "intent-retract": {"POST": DECIDERS},
    "connectors": {"GET": OVERSEERS, "POST": ADMINS},
    "connector-kinds": {"GET": OVERSEERS},
    "connector": {"GET": OVERSEERS, "PATCH": ADMINS},
    "connector-rotate": {"POST": ADMINS},
    "connector-breaker": {"GET": OVERSEERS, "PATCH": ADMINS},
    "connector-try": {"POST": ADMINS},
    "connector-deliveries": {"GET": OVERSEERS},
    "delivery-redeliver": {"POST": ADMINS},
    "modes": {"GET": READERS, "POST": ADMINS},
    "mode": {"GET": READERS, "DELETE": ADMINS},
    "budgets": {"GET": READERS, "POST": ADMINS},
    "budget": {"GET": READERS, "DELETE": ADMINS},
    "budgets-usage": {"GET": READERS},
    "opt-ins": {"GET": READERS, "POST": ADMINS},
    "kill-switches": {"GET": READERS},
    "kill-switch-engage": {"POST": ADMINS},
    "kill-switch-release": {"POST": ADMINS},
    "kill-switch-certificate": {"GET": SIGNERS | OVERSEERS},
    "action-types": {"GET": READERS, "POST": ADMINS},
    "action-type": {"GET": READERS, "PUT": ADMINS},
    "policy-evaluate": {"POST": READERS},
    "policy-data": {"GET": OVERSEERS, "PUT": ADMINS},
    "policy-bundles": {"GET": SIGNERS | OVERSEERS, "POST": ADMINS},
    "policy-bundle": {"GET": SIGNERS | OVERSEERS},
    "policy-bundle-activate": {"POST": SIGNERS},
    "policy-bundle-rollback": {"POST": ADMINS},
    "policy-profiles": {"GET": SIGNERS | OVERSEERS},
    "policy-profile": {"POST": ADMINS, "DELETE": ADMINS},
    "policy-simulate": {"POST": ADMINS},
    "policy-simulation": {"GET": SIGNERS | OVERSEERS},
    "intent-explanation": {"GET": READERS},
    "execution-explanation": {"GET": READERS},
    "plans": {"GET": READERS, "POST": DECIDERS},
    "plans-propose": {"POST": DECIDERS},
    "plan": {"GET": READERS, "PATCH": DECIDERS},
    "plan-approve": {"POST": DECIDERS},
    "plan-submit": {"POST": DECIDERS},
    "plan-activate": {"POST": DECIDERS},
    "plan-pause": {"POST": DECIDERS},
    "plan-resume": {"POST": DECIDERS},
    "plan-abort": {"POST": DECIDERS},
    "plan-revise": {"POST": DECIDERS},
    "plan-accept": {"POST": DECIDERS},
    "plan-steps": {"GET": READERS, "PUT": DECIDERS},
    "plan-step-waive": {"POST": DECIDERS},
    "plan-step-skip": {"POST": DECIDERS},
    "plan-step-retry": {"POST": DECIDERS},
    "plan-ledger": {"GET": READERS},
    "plan-revisions": {"GET": READERS},
    "plan-statement": {"GET": READERS},
    "rituals": {"GET": READERS},
    "digests": {"GET": READERS},
    "digest": {"GET": READERS},
    "digest-seen": {"POST": READERS},
    "goals": {"GET": READERS, "POST": DECIDERS},
    "goal": {"GET": READERS, "DELETE": DECIDERS},
    "goal-suggestions": {"GET": READERS},
    "learning-models": {"GET": SIGNERS | OVERSEERS},
    "learning-report": {"GET": SIGNERS | OVERSEERS},
    "learning-records": {"GET": SIGNERS | OVERSEERS},
    "learning-suggestions": {"GET": SIGNERS | OVERSEERS},
    "learning-suggestion-sign": {"POST": ADMINS},
    "learning-suggestion-decline": {"POST": ADMINS},
    "plan-types": {"GET": READERS},
    "plan-type": {"GET": READERS},
}


def allowed(route: str, method: str) -> frozenset[Role]:
    """The roles that may call a method of a route; none where the table is silent."""
    methods = MATRIX.get(route, {})
    return methods.get("GET" if method == "HEAD" else method, frozenset())


class Bearer(BaseAuthentication):
    """`Authorization: Bearer <token>`, verified where the request was scoped."""

    def authenticate(self, request: Request) -> tuple[Person, Caller] | None:
        refusal: PerceptionError | None = getattr(request, "token_refusal", None)
        if refusal is not None:
            raise AuthenticationFailed(str(refusal), code=_code(refusal))
        caller: Caller | None = getattr(request, "caller", None)
        if caller is None or caller.token is None:
            return None
        person: Person = request._request.token_person  # type: ignore[attr-defined]
        return person, caller

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="autonomy"'


class Session(SessionAuthentication):
    """A logged-in person in the tenant of their session; needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        caller: Caller | None = getattr(request, "caller", None)
        if caller is None or caller.token is not None:
            return None
        self.enforce_csrf(request)
        return request._request.user, caller


class ByRole(BasePermission):
    """Looks the route up in the table."""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller) or request.resolver_match is None:
            return False
        method = request.method or ""
        if method == "OPTIONS" or not hasattr(view, method.lower()):
            # Nothing is done there; the view itself answers which methods it has.
            return True
        return caller.role in allowed(request.resolver_match.url_name or "", method)


def _code(refusal: PerceptionError) -> str:
    match refusal:
        case TokenExpired():
            return "token_expired"
        case TokenRevoked():
            return "token_revoked"
        case _:
            return "bad_token"
