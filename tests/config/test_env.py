"""A wrong value stops the start with one clear line; a right one is understood."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import load
from config.values import WrongSetting

ROOT = Path(__file__).parents[2]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OWN = {
    "DATABASE_URL": "postgres://u:p@h/d",
    "SECRET_KEY": "s" * 50,
    "FIELD_KEYS": KEY,
}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"PORT": "http"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"PORT": "-1"}, "PORT"),
        ({"DEBUG": "maybe"}, "DEBUG"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ({"DATABASE_URL": "mysql://h/d"}, "DATABASE_URL"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgres://h:99999/d"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgres://h"}, "DATABASE_URL"),
        ({"REDIS_URL": "http://h"}, "REDIS_URL"),
        ({"BROKER_URL": "kafka://h"}, "BROKER_URL"),
        ({"FIELD_KEYS": "short"}, "FIELD_KEYS"),
        ({"FIELD_KEYS": ","}, "FIELD_KEYS"),
        ({"LEDGER_SIGNING_KEY": "c2hvcnQ="}, "LEDGER_SIGNING_KEY"),
        ({"TICK_SECONDS": "nan"}, "TICK_SECONDS"),
        ({"SEAL_SECONDS": "0"}, "SEAL_SECONDS"),
        ({"WORKER_CONCURRENCY": "0"}, "WORKER_CONCURRENCY"),
        ({"EMAIL_URL": "pigeon://h"}, "EMAIL_URL"),
        ({"OIDC_ISSUER": "https://login.example"}, "OIDC_CLIENT_ID"),
        ({"DATABASE_URL": OWN["DATABASE_URL"]}, "SECRET_KEY"),
        ({k: v for k, v in OWN.items() if k != "FIELD_KEYS"}, "FIELD_KEYS"),
    ],
)
def test_a_wrong_value_is_named(
    given: dict[str, str], named: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongSetting, match=named) as refusal:
        load({"VAR_DIR": str(tmp_path), **given})
    assert "\n" not in str(refusal.value)


def test_keys_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    first = load({"VAR_DIR": str(tmp_path)})
    again = load({"VAR_DIR": str(tmp_path)})
    assert (first.secret_key, first.field_keys, first.ledger_signing_key) == (
        again.secret_key,
        again.field_keys,
        again.ledger_signing_key,
    )
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_with_a_database_of_your_own_keys_are_yours(tmp_path: Path) -> None:
    env = load({"VAR_DIR": str(tmp_path), **OWN})
    assert (env.secret_key, env.ledger_signing_key) == (OWN["SECRET_KEY"], None)
    assert not (tmp_path / "keys").exists()
    debugging = load(
        {"VAR_DIR": str(tmp_path), "DEBUG": "on", "DATABASE_URL": "postgres://u:p@h/d"}
    )
    assert debugging.ledger_signing_key is not None


def test_an_unwritable_var_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WrongSetting, match=r"VAR_DIR .* cannot be used"):
        load({"VAR_DIR": str(tmp_path / "file" / "var")})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"PORT": "x"}, "PORT is 'x'"),
        (
            {
                "DATABASE_URL": "postgres://u:p@127.0.0.1:1/d",
                **{k: OWN[k] for k in ("SECRET_KEY", "FIELD_KEYS")},
            },
            "cannot be reached",
        ),
    ],
)
def test_a_command_says_one_line_and_no_traceback(
    given: dict[str, str], said: str, tmp_path: Path
) -> None:
    environment = {
        **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")},
        "VAR_DIR": str(tmp_path),
        **given,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
