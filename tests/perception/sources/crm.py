"""A real Tryton for tests: its database is made once and kept, packed, below `var/cache`."""

import fcntl
import gzip
import hashlib
import http.client
import json
import os
import socket
import sqlite3
import subprocess
import time
import urllib.request
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

ROOT = Path(__file__).parents[3]
BIN = ROOT / ".venv-peers" / "bin"
MODULES = ("sale_opportunity", "project")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# A company, somebody who may read and sell but not administer, and a key of theirs.
SET_UP = """
import sys
from trytond import config
config.update_etc(sys.argv[1])
from trytond.pool import Pool
from trytond.transaction import Transaction
Pool.start()
pool = Pool('crm')
pool.init()
with Transaction().start('crm', 0) as transaction:
    def make(model, **values):
        return pool.get(model).create([values])[0]
    euro = make('currency.currency', name='Euro', code='EUR', symbol='E')
    us, seller = make('party.party', name='Us'), make('party.party', name='Sam')
    company = make('company.company', party=us.id, currency=euro.id)
    make('company.employee', party=seller.id, company=company.id)
    groups = ['Sales', 'Sale Opportunity', 'Project Administration']
    found = pool.get('res.group').search([('name', 'in', groups)])
    user = make('res.user', name='Reader', login='reader', company=company.id,
        companies=[('add', [company.id])], groups=[('add', [g.id for g in found])])
    make('res.user.application', user=user.id, application='rest', state='validated')
    transaction.commit()
"""


class Crm:
    """A running server with a database of its own, and a client that writes to it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        if not (BIN / "trytond").exists():
            pytest.fail("NO CRM HERE: `make .venv-peers/.ready` installs it")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.conf = folder / "trytond.conf"
        self.database = folder / "crm.sqlite"
        self.conf.write_text(
            f"[database]\nuri = sqlite://\npath = {folder}\n"
            f"[web]\nlisten = 127.0.0.1:{self.port}\n"
        )
        self.env = os.environ | {"PYTHONWARNINGS": "ignore"}
        self._unpack(cache)
        self.process: subprocess.Popen[bytes] | None = None
        self.key = self._one("SELECT key FROM res_user_application")
        self.context = {"company": int(self._one("SELECT id FROM company_company"))}

    def _one(self, statement: str) -> Any:
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(statement).fetchone()[0]
        finally:
            connection.close()

    def _unpack(self, cache: Path) -> None:
        """The packed database of these versions, made where it is missing."""
        versions = sorted(each.name for each in BIN.parent.rglob("trytond*.dist-info"))
        made_from = "\n".join([*versions, *MODULES, SET_UP]).encode()
        cache.mkdir(parents=True, exist_ok=True)
        packed = cache / f"tryton-{hashlib.sha256(made_from).hexdigest()[:16]}.gz"
        with (cache / "tryton.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not packed.exists():
                self._make()
                fresh = packed.with_suffix(f".{os.getpid()}")
                fresh.write_bytes(gzip.compress(self.database.read_bytes(), 1))
                fresh.replace(packed)
        self.database.write_bytes(gzip.decompress(packed.read_bytes()))

    def _make(self) -> None:
        self.database.touch()
        password = self.conf.with_name("password")
        password.write_text("not a secret of anything")
        env = self.env | {"TRYTONPASSFILE": str(password)}
        admin = [str(BIN / "trytond-admin"), "-c", str(self.conf), "-d", "crm"]
        words = [*admin, "--email", "a@b.example", "--activate-dependencies", "-u"]
        subprocess.run([*words, *MODULES], env=env, check=True, timeout=600)
        python = [str(BIN / "python"), "-c", SET_UP, str(self.conf)]
        subprocess.run(python, env=env, check=True, timeout=300)

    def start(self) -> None:
        log = self.conf.with_name("trytond.log").open("wb")
        self.process = subprocess.Popen(
            [str(BIN / "trytond"), "-c", str(self.conf), "-d", "crm"],
            env=self.env,
            stdout=log,
            stderr=log,
        )
        log.close()
        until = time.monotonic() + 120
        while not self._answers():
            assert self.process.poll() is None, "the CRM did not stay"
            assert time.monotonic() < until, "the CRM did not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    def _answers(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request("GET", "/crm/rest/model/party.party")
            return line.getresponse().status == 401
        except OSError:
            return False
        finally:
            line.close()

    def ask(self, method: str, path: str, body: Any = None, **params: str) -> Any:
        """What the client of a person would send."""
        query = f"?{urlencode(params)}" if params else ""
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/crm/rest/model/{path}{query}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                "X-Tryton-Context": _coded(self.context),
            },
        )
        with DIRECT.open(request, timeout=60) as answer:
            return json.load(answer)

    def party(self, code: str) -> int:
        row = self.ask("POST", "party.party", {"name": code.title(), "code": code})
        return int(row["id"])

    def deal(self, party: int, amount: str) -> int:
        """A lead, given to the seller."""
        values = {
            "party": party,
            "amount": {"__class__": "Decimal", "decimal": amount},
            "currency": self.first("currency.currency"),
            "employee": self.first("company.employee"),
        }
        return int(self.ask("POST", "sale.opportunity", values)["id"])

    def first(self, model: str) -> int:
        return int(self.ask("GET", model, s="1")[0]["id"])


def _coded(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()
