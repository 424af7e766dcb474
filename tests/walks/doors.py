"""What walks of the spine share: a tenant's doors, and servers beside it that count."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers import Door, Server
from tests.walks.running import Running

FREE_WINDOWS = {
    "enabled": True,
    "debounce_s": 0,
    "cooldown_s": 0,
    "max_per_account_hour": 100_000,
    "max_per_tenant_hour": 1_000_000,
}
FREE_DECISIONS = {
    "runs_per_day": 1_000_000,
    "runs_per_account_day": 1_000_000,
    "cost_per_day": 1000.0,
}


class Beside(Server):
    """A service on a port of its own: it keeps what it is asked, and says one thing."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any]) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        super().__init__(_Door)


class _Door(Door):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Beside)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(asked)
        body = json.dumps(server.answer(asked)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Tenant:
    """The REST doors of one tenant of an installation, with a token of every role."""

    def __init__(self, running: Running, seeded: Mapping[str, Any]) -> None:
        self.running = running
        self.id: str = seeded["id"]
        self.slug: str = seeded["slug"]
        self.tokens: Mapping[str, str] = seeded["tokens"]
        self.accounts = [each["external_id"] for each in seeded["accounts"]]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str = "admin",
        token: str = "",
        **headers: str,
    ) -> tuple[int, Any, Any]:
        """Status, body and headers of the answer, whatever it is."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.running.port}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {token or self.tokens[role]}",
                "Content-Type": "application/json",
                **headers,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read()), answer.headers
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.loads(refusal.read()), refusal.headers

    def tell(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """What it answers; it must be a yes."""
        status, said, _ = self.ask(method, path, body, **more)
        assert 200 <= status < 300, (status, said)
        return said

    def change(self, path: str, body: Any) -> None:
        _, _, headers = self.ask("GET", path)
        self.tell("PUT", path, body, **{"If-Match": headers["ETag"]})

    def free(self, mode: str = "AUTOPILOT") -> None:
        """A mode, and neither windows nor budgets that anybody would reach."""
        self.tell("POST", "modes/", {"mode": mode})
        self.tell("POST", "budgets/", {"limit_per_day": 100_000})
        self.tell("POST", "budgets/", {"each": "account", "limit_per_day": 100_000})
        self.change("triggers/SIGNAL_ARRIVED/", FREE_WINDOWS)
        self.change("decision-budget/", FREE_DECISIONS)

    def post(self, *signals: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Signals, all in one request."""
        body = [dict(each) for each in signals]
        found: list[dict[str, Any]] = self.tell(
            "POST", "signals/", body, role="integration"
        )
        return found

    def rows(self, statement: str) -> list[Any]:
        """What an auditor reads of this tenant; `{me}` is its condition."""
        return self.running.sql(statement.format(me=f"tenant_id = '{self.id}'"))

    def count(self, statement: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {statement}")[0][0])

    def is_done(self) -> bool:
        """Nothing has to go anywhere by itself; what is due later has not begun."""
        return (
            self.count("perception_signal WHERE {me} AND entered_at IS NULL")
            + self.count(
                "autonomy_run WHERE {me} AND due_at <= now()"
                " AND status NOT IN ('SKIPPED', 'DONE', 'PARKED')"
            )
            + self.count(
                "autonomy_intent WHERE {me}"
                " AND (judged_at IS NULL OR status IN ('APPROVED', 'EXECUTING'))"
            )
        ) == 0


def tenants(running: Running, wanted: int, accounts: int) -> list[Tenant]:
    """The demo tenants of an installation, so many of them."""
    words = ("--tenants", str(wanted), "--accounts", str(accounts), "--json")
    seeded = json.loads(running.manage("seed", *words))
    return [Tenant(running, each) for each in seeded["tenants"]]
