"""Find Debian's Dovecot for the tests of mailboxes; as root, install it where missing."""

import os
import shutil
import subprocess
import sys

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


def find() -> str | None:
    """The path of the server, if there is one."""
    return shutil.which("dovecot", path=PATH)


def main() -> int:
    """Install it where that is possible; say loudly where it is not."""
    if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stderr.write("mailserver: installing Debian's dovecot for the tests\n")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # Installed, not started: tests start their own.
        calm = {**os.environ, "RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
        for step in (
            ["update"],
            ["install", "-y", "--no-install-recommends", "dovecot-imapd"],
        ):
            subprocess.run(["apt-get", "-q", *step], check=False, env=calm, **quiet)  # type: ignore[call-overload]
    if find() is None:
        sys.stderr.write("mailserver: NO DOVECOT HERE: its tests will be SKIPPED\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
