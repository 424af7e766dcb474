"""The environment, read once and judged: every knob of a deployment, with its default."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environ import Env

from config import mail, values
from config.values import ROOT, WrongSetting
from perception.rules.egress import parse_allowed

DATABASE_SCHEMES = ("postgres", "postgresql", "psql")
REDIS_SCHEMES = ("redis", "rediss", "unix")
BROKER_SCHEMES = (*REDIS_SCHEMES, "amqp", "amqps")


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
    drop_dir: Path
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
    public_url: str
    oidc: tuple[str, str, str] | None
    otlp_endpoint: str | None
    sentry_dsn: str | None

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
    debug = values.flag(known, "DEBUG", False)
    var_dir = values.folder(known.get("VAR_DIR", "var"))
    database_url = values.url(known, "DATABASE_URL", DATABASE_SCHEMES)
    may_generate = debug or database_url is None
    kept = _Kept(var_dir, may_generate)
    return Environment(
        var_dir=var_dir,
        debug=debug,
        database_url=database_url,
        **_services(known),
        port=values.whole(known, "PORT", 8000, 1, 65535),
        web_bind=known.get("WEB_BIND", "127.0.0.1"),
        worker_concurrency=values.whole(
            known, "WORKER_CONCURRENCY", os.cpu_count() or 1, 1, 512
        ),
        secret_key=kept.read(known, "SECRET_KEY", lambda: secrets.token_urlsafe(48)),
        field_keys=values.field_keys(kept.read(known, "FIELD_KEYS", _new_field_key)),
        ledger_signing_key=values.seed(
            kept.read_optional(known, "LEDGER_SIGNING_KEY", _new_seed)
        ),
        ledger_verifier_keys=values.words(known, "LEDGER_VERIFIER_KEYS", ()),
        ledger_anchor_dir=values.folder(
            known.get("LEDGER_ANCHOR_DIR", str(var_dir / "anchors"))
        ),
        drop_dir=values.folder(known.get("DROP_DIR", str(var_dir / "drop"))),
        allowed_hosts=values.words(
            known, "ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]")
        ),
        log_format=values.choice(known, "LOG_FORMAT", "console", ("console", "json")),
        tick_seconds=values.seconds(known, "TICK_SECONDS", 5, 0.1, 60),
        seal_seconds=values.seconds(known, "SEAL_SECONDS", 1, 0.05, 60),
        egress_allow=_egress(values.words(known, "EGRESS_ALLOW", ())),
        **_spine(known),
        **_synthesizer(known),
        email_url=values.url(known, "EMAIL_URL", mail.SCHEMES),
        public_url=_public(known),
        oidc=_oidc(known),
        **_watched(known),
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


def _services(known: Mapping[str, str]) -> dict[str, Any]:
    """Where the database's owner, Redis and the broker are, if they are not ours."""
    return {
        "owner_url": values.url(known, "DATABASE_OWNER_URL", DATABASE_SCHEMES),
        "redis_url": values.url(known, "REDIS_URL", REDIS_SCHEMES),
        "broker_url": values.url(known, "BROKER_URL", BROKER_SCHEMES),
    }


def _spine(known: Mapping[str, str]) -> dict[str, Any]:
    """How the spine keeps its pace; a lease must outlive what happens under it."""
    lease = values.seconds(known, "LEASE_SECONDS", 20, 1, 600)
    timeout = values.seconds(known, "TOOL_TIMEOUT_SECONDS", 10, 0.1, 300)
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
        "reconcile_seconds": values.seconds(known, "RECONCILE_SECONDS", 2, 0.1, 60),
        "max_attempts": values.whole(known, "MAX_ATTEMPTS", 5, 1, 100),
        "spine_stride": int(stride) if stride else None,
        "approval_ttl_seconds": values.whole(
            known, "APPROVAL_TTL_SECONDS", 259200, 1, 31_536_000
        ),
        "webhook_tolerance_seconds": values.whole(
            known, "WEBHOOK_TOLERANCE_SECONDS", 300, 1, 86_400
        ),
    }


def _synthesizer(known: Mapping[str, str]) -> dict[str, Any]:
    """Who writes proposals; each kind with what it needs."""
    kind = values.choice(known, "SYNTHESIZER", "rules", ("rules", "http", "llm"))
    url = values.url(known, "SYNTHESIZER_URL", ("http", "https"))
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


def _public(given: Mapping[str, str]) -> str:
    """Where people reach the house, for links in mails; empty: mails have none."""
    return (values.url(given, "PUBLIC_URL", ("https", "http")) or "").rstrip("/")


def _oidc(given: Mapping[str, str]) -> tuple[str, str, str] | None:
    names = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    present = [name for name in names if name in given]
    if not present:
        return None
    if len(present) < len(names):
        missing = ", ".join(name for name in names if name not in given)
        raise WrongSetting(f"{missing} must be set too: OIDC needs all of {names}.")
    values.url(given, "OIDC_ISSUER", ("https", "http"))
    return (given[names[0]], given[names[1]], given[names[2]])


def _watched(known: Mapping[str, str]) -> dict[str, Any]:
    """Where traces and errors are sent; what sends them must be installed."""
    web = ("http", "https")
    chosen = {
        name: values.url(known, name, web)
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "SENTRY_DSN")
    }
    for name, package in zip(chosen, ("opentelemetry.sdk", "sentry_sdk"), strict=True):
        if chosen[name] and not _is_there(package):
            raise WrongSetting(
                f"{name} is set, and {package} is not installed: pip install "
                "-r requirements-operate.lock, or unset it."
            )
    endpoint, dsn = chosen.values()
    parts = urlsplit(dsn or "")
    if dsn and not (parts.username and parts.path.strip("/")):
        raise WrongSetting("SENTRY_DSN must be as https://<key>@<host>/<project>.")
    return {"otlp_endpoint": endpoint, "sentry_dsn": dsn}


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
