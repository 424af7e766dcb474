"""The environment, read once and judged: every knob of a deployment, with its default."""

import base64
import binascii
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environ import Env

from perception.rules.egress import parse_allowed

ROOT = Path(__file__).resolve().parent.parent

DATABASE_SCHEMES = ("postgres", "postgresql", "psql")
REDIS_SCHEMES = ("redis", "rediss", "unix")
BROKER_SCHEMES = (*REDIS_SCHEMES, "amqp", "amqps")


class WrongSetting(Exception):
    """A variable of the environment has a value that the product cannot start with."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What the deployment chose. `embedded_*`: nothing was chosen, so ours are used."""

    var_dir: Path
    debug: bool
    database_url: str | None
    owner_url: str | None
    redis_url: str | None
    broker_url: str | None
    port: int
    web_bind: str
    worker_concurrency: int
    secret_key: str
    field_keys: tuple[str, ...]
    ledger_signing_key: str | None
    ledger_verifier_keys: tuple[str, ...]
    ledger_anchor_dir: Path
    allowed_hosts: tuple[str, ...]
    log_format: str
    tick_seconds: float
    seal_seconds: float
    egress_allow: tuple[str, ...]
    lease_seconds: float
    reconcile_seconds: float
    max_attempts: int
    tool_timeout_seconds: float
    spine_stride: int | None
    approval_ttl_seconds: int
    webhook_tolerance_seconds: int
    synthesizer: str
    synthesizer_url: str | None
    llm_model: str | None
    email_url: str | None
    oidc: tuple[str, str, str] | None

    @property
    def embedded_postgres(self) -> bool:
        return self.database_url is None

    @property
    def embedded_redis(self) -> bool:
        return self.redis_url is None


def load(given: Mapping[str, str] | None = None) -> Environment:
    """Read the process's variables over those of `.env`; refuse what cannot work."""
    if given is None:
        Env.read_env(ROOT / ".env", encoding="utf-8")
        given = os.environ
    known = {name: value.strip() for name, value in given.items() if value.strip()}
    debug = _flag(known, "DEBUG", False)
    var_dir = _folder(known.get("VAR_DIR", "var"))
    database_url = _url(known, "DATABASE_URL", DATABASE_SCHEMES)
    may_generate = debug or database_url is None
    kept = _Kept(var_dir, may_generate)
    return Environment(
        var_dir=var_dir,
        debug=debug,
        database_url=database_url,
        owner_url=_url(known, "DATABASE_OWNER_URL", DATABASE_SCHEMES),
        redis_url=_url(known, "REDIS_URL", REDIS_SCHEMES),
        broker_url=_url(known, "BROKER_URL", BROKER_SCHEMES),
        port=_whole(known, "PORT", 8000, 1, 65535),
        web_bind=known.get("WEB_BIND", "127.0.0.1"),
        worker_concurrency=_whole(
            known, "WORKER_CONCURRENCY", os.cpu_count() or 1, 1, 512
        ),
        secret_key=kept.read(known, "SECRET_KEY", lambda: secrets.token_urlsafe(48)),
        field_keys=_field_keys(kept.read(known, "FIELD_KEYS", _new_field_key)),
        ledger_signing_key=_seed(
            kept.read_optional(known, "LEDGER_SIGNING_KEY", _new_seed)
        ),
        ledger_verifier_keys=_words(known, "LEDGER_VERIFIER_KEYS", ()),
        ledger_anchor_dir=_folder(
            known.get("LEDGER_ANCHOR_DIR", str(var_dir / "anchors"))
        ),
        allowed_hosts=_words(
            known, "ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]")
        ),
        log_format=_choice(known, "LOG_FORMAT", "console", ("console", "json")),
        tick_seconds=_seconds(known, "TICK_SECONDS", 5, 0.1, 60),
        seal_seconds=_seconds(known, "SEAL_SECONDS", 1, 0.05, 60),
        egress_allow=_egress(_words(known, "EGRESS_ALLOW", ())),
        **_spine(known),
        **_synthesizer(known),
        email_url=_url(
            known,
            "EMAIL_URL",
            ("smtp", "smtp+tls", "smtps", "smtp+ssl", "consolemail", "filemail"),
        ),
        oidc=_oidc(known),
    )


class _Kept:
    """Secrets that are made once and kept in a file of the var folder."""

    def __init__(self, var_dir: Path, may_generate: bool) -> None:
        self.folder = var_dir / "keys"
        self.may_generate = may_generate

    def read(self, given: Mapping[str, str], name: str, make: Callable[[], str]) -> str:
        value = self.read_optional(given, name, make)
        if value is None:
            raise WrongSetting(
                f"{name} is not set: with a DATABASE_URL of your own, and DEBUG off, "
                f"set {name} (.env.example says how to make one)."
            )
        return value

    def read_optional(
        self, given: Mapping[str, str], name: str, make: Callable[[], str]
    ) -> str | None:
        if name in given:
            return given[name]
        return self._file(name, make) if self.may_generate else None

    def _file(self, name: str, make: Callable[[], str]) -> str:
        path = self.folder / name.lower()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
            if not path.exists():
                draft.touch(mode=0o600)
                draft.write_text(make(), encoding="utf-8")
                # A link refuses to replace: of two first starts, one key wins.
                _link(draft, path)
                draft.unlink()
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise WrongSetting(
                f"VAR_DIR {self.folder.parent} cannot be used ({error.strerror}): "
                "name a folder that this user may write to."
            ) from error


def _link(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return


def _new_field_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _new_seed() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _folder(text: str) -> Path:
    path = Path(text)
    return path if path.is_absolute() else ROOT / path


def _url(given: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        port_is_legal = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_legal = urlsplit(""), False
    if parts.scheme not in schemes or not port_is_legal:
        raise WrongSetting(
            f"{name} is not a URL that can be used here: it begins with "
            f"{' or '.join(f'{scheme}://' for scheme in schemes)} and names a host."
        )
    if name.startswith("DATABASE") and not parts.path.strip("/"):
        raise WrongSetting(f"{name} names no database: end it with /name.")
    return text


def _flag(given: Mapping[str, str], name: str, default: bool) -> bool:
    text = given.get(name, str(default)).lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise WrongSetting(f"{name} is {text!r}: write on or off.")


def _whole(
    given: Mapping[str, str], name: str, default: int, low: int, high: int
) -> int:
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise WrongSetting(
            f"{name} is {text!r}: write a whole number from {low} to {high}."
        )
    return int(text)


def _seconds(
    given: Mapping[str, str], name: str, default: float, low: float, high: float
) -> float:
    text = given.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise WrongSetting(f"{name} is {text!r}: write seconds from {low} to {high}.")
    return value


def _choice(
    given: Mapping[str, str],
    name: str,
    default: str,
    choices: tuple[str, ...],
) -> str:
    text = given.get(name, default)
    if text not in choices:
        raise WrongSetting(f"{name} is {text!r}: write {' or '.join(choices)}.")
    return text


def _words(
    given: Mapping[str, str], name: str, default: tuple[str, ...]
) -> tuple[str, ...]:
    if name not in given:
        return default
    return tuple(word.strip() for word in given[name].split(",") if word.strip())


def _field_keys(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys or any(_length(key, base64.urlsafe_b64decode) != 32 for key in keys):
        raise WrongSetting(
            "FIELD_KEYS must hold url-safe base64 of 32 bytes each, newest first, "
            "with commas between."
        )
    return keys


def _seed(text: str | None) -> str | None:
    if text is not None and _length(text, base64.b64decode) != 32:
        raise WrongSetting(
            "LEDGER_SIGNING_KEY must be the base64 of a 32-byte Ed25519 seed."
        )
    return text


def _length(text: str, decode: Callable[[str], bytes]) -> int:
    try:
        return len(decode(text))
    except (binascii.Error, ValueError):
        return -1


def _spine(known: Mapping[str, str]) -> dict[str, Any]:
    """How the spine keeps its pace; a lease must outlive what happens under it."""
    lease = _seconds(known, "LEASE_SECONDS", 20, 1, 600)
    timeout = _seconds(known, "TOOL_TIMEOUT_SECONDS", 10, 0.1, 300)
    if timeout >= lease:
        raise WrongSetting(
            f"TOOL_TIMEOUT_SECONDS is {timeout:g} and LEASE_SECONDS {lease:g}: a call "
            "must end before its lease does."
        )
    stride = known.get("SPINE_STRIDE")
    if stride not in (None, "1"):
        raise WrongSetting(
            f"SPINE_STRIDE is {stride!r}: leave it unset, or write 1 for one stage a "
            "message."
        )
    return {
        "lease_seconds": lease,
        "tool_timeout_seconds": timeout,
        "reconcile_seconds": _seconds(known, "RECONCILE_SECONDS", 2, 0.1, 60),
        "max_attempts": _whole(known, "MAX_ATTEMPTS", 5, 1, 100),
        "spine_stride": int(stride) if stride else None,
        "approval_ttl_seconds": _whole(
            known, "APPROVAL_TTL_SECONDS", 259200, 1, 31_536_000
        ),
        "webhook_tolerance_seconds": _whole(
            known, "WEBHOOK_TOLERANCE_SECONDS", 300, 1, 86_400
        ),
    }


def _synthesizer(known: Mapping[str, str]) -> dict[str, Any]:
    """Who writes proposals; each kind with what it needs."""
    kind = _choice(known, "SYNTHESIZER", "rules", ("rules", "http", "llm"))
    url = _url(known, "SYNTHESIZER_URL", ("http", "https"))
    model = known.get("LLM_MODEL")
    if kind == "http" and url is None:
        raise WrongSetting("SYNTHESIZER=http needs SYNTHESIZER_URL.")
    if kind == "llm" and not (model or "").startswith(("openai:", "anthropic:")):
        raise WrongSetting(
            "SYNTHESIZER=llm needs LLM_MODEL, as openai:<model> or anthropic:<model>."
        )
    return {"synthesizer": kind, "synthesizer_url": url, "llm_model": model}


def _egress(entries: tuple[str, ...]) -> tuple[str, ...]:
    try:
        parse_allowed(entries)
    except ValueError as error:
        raise WrongSetting(f"EGRESS_ALLOW: {error}") from error
    return entries


def _oidc(given: Mapping[str, str]) -> tuple[str, str, str] | None:
    names = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    present = [name for name in names if name in given]
    if not present:
        return None
    if len(present) < len(names):
        missing = ", ".join(name for name in names if name not in given)
        raise WrongSetting(f"{missing} must be set too: OIDC needs all of {names}.")
    _url(given, "OIDC_ISSUER", ("https", "http"))
    return (given[names[0]], given[names[1]], given[names[2]])
