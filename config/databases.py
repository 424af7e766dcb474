"""Which role opens which connection: the run-time role serves, the owner migrates."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environ import Env

from config.embedded import endpoints
from config.env import Environment

# Matches no tenant. Every session begins with it, so that a forgotten scope finds
# nothing; when a scope ends, Postgres falls back to it.
NO_TENANT = "00000000-0000-0000-0000-000000000000"

ROLES_FILE = "roles.json"

# Who is gone without a word, as behind a cut cable, is noticed within some fifteen
# seconds: by us, and by the server, which holds their locks until then.
LINE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 5,
    "tcp_user_timeout": 15_000,
}
SERVER_LINE = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 "
    "-c tcp_keepalives_count=5 -c tcp_user_timeout=15s"
)


@dataclass(frozen=True, kw_only=True)
class Urls:
    """`app` is what the processes use; `given` may be able to create roles."""

    app: str
    owner: str
    given: str
    redis: str
    auditor: str | None


def urls(env: Environment) -> Urls:
    """Where the database is, as each role. Known roles of an earlier migrate win."""
    redis = env.redis_url or endpoints(env.var_dir).redis_url
    if env.database_url is None:
        ours = endpoints(env.var_dir)
        return Urls(
            app=ours.app_url(),
            owner=ours.owner_url(),
            given=ours.superuser_url(),
            redis=redis,
            auditor=ours.auditor_url(),
        )
    kept = kept_roles(env.var_dir, env.database_url)
    return Urls(
        app=kept.get("app", env.database_url),
        owner=env.owner_url or kept.get("owner", env.database_url),
        given=env.owner_url or env.database_url,
        redis=redis,
        auditor=None,
    )


def kept_roles(var_dir: Path, database_url: str) -> dict[str, str]:
    """URLs of the roles that `migrate` once made for this very DATABASE_URL."""
    try:
        kept = json.loads((var_dir / ROLES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    roles: dict[str, str] = kept.get(database_url, {})
    return roles


def keep_roles(var_dir: Path, database_url: str, roles: dict[str, str]) -> None:
    """Remember generated logins beside the other secrets, readable by us alone."""
    path = var_dir / ROLES_FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    kept[database_url] = roles
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(kept), encoding="utf-8")
    draft.replace(path)


def database(url: str) -> dict[str, Any]:
    """Django's settings of one connection."""
    settings: dict[str, Any] = dict(Env.db_url_config(url))
    settings["ENGINE"] = "ledger.riding"
    options = settings.setdefault("OPTIONS", {})
    # Whoever stops within a transaction holds its locks only so long.
    guards = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=90s"
    # What is prepared is planned once, not each time anew for its values. A page that an
    # index names is read as fast as the next one: disks do not turn any more, and a
    # small table is not searched whole, where each row costs a look at whose it is.
    plans = "-c plan_cache_mode=force_generic_plan -c random_page_cost=1.1"
    options["options"] = f"-c app.tenant={NO_TENANT} {guards} {plans} {SERVER_LINE}"
    options |= {"connect_timeout": 5, **LINE}
    settings["CONN_HEALTH_CHECKS"] = True
    settings["CONN_MAX_AGE"] = 60
    return settings
