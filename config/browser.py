"""Find Debian's Chromium for the browser tests; as root, install it where missing."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser")


def find() -> str | None:
    """The path of the browser, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    """Install it where that is possible; say loudly where it is not."""
    if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stderr.write("browser: installing Debian's chromium for the tests\n")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        for step in (
            ["update"],
            ["install", "-y", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(["apt-get", "-q", *step], check=False, **quiet)  # type: ignore[call-overload]
    if find() is None:
        sys.stderr.write("browser: NO CHROMIUM HERE: browser tests will be SKIPPED\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
