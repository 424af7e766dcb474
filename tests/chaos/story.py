"""What tests of whole installations tell: a tenant, its signals, and how they ended."""

import json
import time
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

from tests.walks.running import Running

FREE = {
    "enabled": True,
    "debounce_s": 0,
    "cooldown_s": 0,
    "max_per_account_hour": 100_000,
    "max_per_tenant_hour": 1_000_000,
}
LIMITS = {
    "runs_per_day": 1_000_000,
    "runs_per_account_day": 1_000_000,
    "cost_per_day": 1.0,
}


class Story:
    """One installation, and a tenant in AUTOPILOT whose triggers hold nothing back."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.tokens: dict[str, str] = {}

    def prepare(
        self, *, accounts: int, a_day: int = 100_000, each: int = 100_000
    ) -> None:
        """Accounts, people, and what all acts of a day, and each account's, may be."""
        self.running.manage("seed", "--tenants", "1", "--accounts", str(accounts))
        for role in ("admin", "integration"):
            words = ("token", "create", "--tenant", "demo-1", "--role", role)
            self.tokens[role] = self.running.manage(*words).strip()
        self.ask("POST", "modes/", {"mode": "AUTOPILOT"})
        self.ask("POST", "budgets/", {"limit_per_day": a_day})
        self.ask("POST", "budgets/", {"each": "account", "limit_per_day": each})
        self.change("triggers/SIGNAL_ARRIVED/", FREE)
        self.change("decision-budget/", LIMITS)

    def ask(
        self, method: str, path: str, body: Any = None, *, wait: float = 5, **more: str
    ) -> Any:
        role = more.pop("role", "admin")
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.running.port}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {self.tokens[role]}",
                "Content-Type": "application/json",
                **more,
            },
        )
        with urllib.request.urlopen(request, timeout=wait) as answer:  # noqa: S310
            return answer.headers, json.loads(answer.read() or b"null")

    def change(self, path: str, body: Any) -> None:
        headers, _ = self.ask("GET", path)
        self.ask("PUT", path, body, **{"If-Match": headers["ETag"]})

    def signal(self, number: int, *, accounts: int = 100) -> dict[str, Any]:
        return {
            "account": f"crm-{number % accounts + 1:04}",
            "type": "ticket_escalated",
            "dedupe_key": f"chaos {number}",
            "payload": {"title": "It is down.", "severity": "high"},
        }

    def post_signal(self, number: int) -> None:
        """Sent again until somebody accepts it."""
        until = time.monotonic() + 300
        while True:
            try:
                self.ask("POST", "signals/", self.signal(number), role="integration")
            except (OSError, HTTPException):
                # Refused, not reached, or killed in the middle of its answer.
                assert time.monotonic() < until
                time.sleep(0.2)
            else:
                return

    def post_once(self, number: int, *, accounts: int = 100) -> float:
        """Sent once, and accepted; the seconds that took."""
        began = time.monotonic()
        body = self.signal(number, accounts=accounts)
        _, answer = self.ask("POST", "signals/", body, wait=30, role="integration")
        assert answer["run_id"], answer
        return time.monotonic() - began

    def post_together(self, numbers: Iterable[int], *, accounts: int) -> list[float]:
        """Each sent once, eight at the same time; the seconds that each took."""
        with ThreadPoolExecutor(8) as pool:
            posts = [
                pool.submit(self.post_once, number, accounts=accounts)
                for number in numbers
            ]
        return [post.result() for post in posts]

    def one(self, statement: str) -> int:
        return int(self.running.sql(statement)[0][0])

    def open_work(self) -> int:
        """Runs and intents that still have to go somewhere by themselves."""
        return self.one(
            "SELECT (SELECT count(*) FROM perception_signal"
            "        WHERE entered_at IS NULL)"
            " + (SELECT count(*) FROM autonomy_run"
            "    WHERE status NOT IN ('SKIPPED', 'DONE', 'PARKED'))"
            " + (SELECT count(*) FROM autonomy_intent WHERE judged_at IS NULL"
            "    OR status IN ('APPROVED', 'EXECUTING'))"
        )

    def is_quiet(self) -> bool:
        try:
            return self.open_work() == 0
        except Exception:  # noqa: BLE001  the database may be on its way up
            return False

    def ends(self) -> dict[str, int]:
        """How many of the story's signals have a run that ended so."""
        return dict(
            self.running.sql(
                "SELECT r.status, count(*) FROM perception_signal s "
                "JOIN autonomy_run r ON r.id = s.run_id "
                "WHERE s.dedupe_key LIKE 'chaos %' GROUP BY 1"
            )
        )

    def assert_nothing_lost(self, signals: int) -> None:
        mine = "FROM perception_signal WHERE dedupe_key LIKE 'chaos %'"
        assert self.one(f"SELECT count(*) {mine}") == signals
        ends = self.ends()
        assert sum(ends.values()) == signals
        assert set(ends) <= {"DONE", "SKIPPED"}
        assert ends["DONE"] > 0

    def assert_nothing_twice(self) -> None:
        """One execution for each intent, each of which succeeded."""
        twice = (
            "SELECT intent_id FROM autonomy_execution GROUP BY 1 HAVING count(*) > 1"
        )
        assert self.one(f"SELECT count(*) FROM ({twice}) twice") == 0
        others = "FROM autonomy_execution WHERE status NOT IN ('SUCCEEDED')"
        assert self.one(f"SELECT count(*) {others}") == 0

    def assert_budgets_exact(self) -> None:
        """Usage equals what was done: two rows apply to each act."""
        used = self.one("SELECT coalesce(sum(used), 0) FROM autonomy_budgetuse")
        acts = self.one("SELECT count(*) FROM autonomy_execution WHERE auto_executed")
        assert used == 2 * acts
        assert acts == self.one(
            "SELECT count(*) FROM autonomy_receipt WHERE returned_at IS NULL"
        )

    def wait_for_life(self, process: str) -> None:
        """Until a process has shown life once more."""
        seen = f"SELECT at FROM perception_heartbeat WHERE process = '{process}'"
        before = self.running.sql(seen)
        self.running.wait_for(lambda: self.running.sql(seen) != before, 60)

    def seal(self) -> str:
        """Everything is signed and holds; what the verifier says."""
        waiting = "SELECT count(*) FROM ledger_pending"
        self.running.wait_for(lambda: self.one(waiting) == 0, 60)
        return self.running.manage("verify_ledger").strip()
