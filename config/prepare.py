"""`make setup`: database and migrations, without leaving anything running."""

import subprocess
import sys

from config import embedded
from config.env import load
from config.values import ROOT, WrongSetting


def main() -> int:
    """Start what is needed, migrate, stop what was started."""
    try:
        env = load()
        ours = env.embedded_postgres or env.embedded_redis
        started = embedded.up(env.var_dir) if ours else frozenset[str]()
        try:
            done = subprocess.run(
                [sys.executable, "manage.py", "migrate", "--noinput"],
                cwd=ROOT,
                check=False,
            )
        finally:
            if started:
                embedded.down(env.var_dir)
    except (WrongSetting, embedded.EmbeddedError) as problem:
        sys.stderr.write(f"autonomy: {problem}\n")
        return 2
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
