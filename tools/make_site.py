"""`make site`: docs/ as a site in var/site, which asks nobody anything when it is read."""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SITE, KEPT = ROOT / "var" / "site", ROOT / "var" / "site-parts"


class Part(NamedTuple):
    """A script of somebody else's that pages need, as its package has it."""

    name: str
    package: str
    path: str
    digest: str


PARTS = (
    # Draws diagrams: the newest of the line that the theme knows how to call.
    Part(
        "mermaid.min.js",
        "mermaid@11.17.2",
        "dist/mermaid.min.js",
        "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8",
    ),
    # Lets the search work on pages that lie on a disk.
    Part(
        "iframe-worker.js",
        "iframe-worker@1.0.4",
        "shim/index.js",
        "e8e412dbcfea9b7e31b5ffa288d7b6035915e714c542f4176a0cdbe262fc9609",
    ),
)
# What a browser fetches by itself; a link that somebody clicks is not among them.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?([^"'\s>]+)"""
    r"""|<link\b(?![^>]*\brel=["']?canonical)[^>]*\bhref=["']?([^"'\s>]+)"""
    r"""|url\(\s*["']?([^"')\s]+)|@import\s+["']([^"']+)""",
    re.IGNORECASE,
)
FOREIGN = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)


def main() -> int:
    """0 where the site stands; else what is wrong with it has been said."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    env = {**os.environ, "PATH": path, "SITE_PARTS": str(KEPT)}
    # The theme speaks of another generator else.
    env["NO_MKDOCS_2_WARNING"] = "true"
    for part in PARTS:
        _keep(part, env)
    command = [str(programs / "mkdocs"), "build", "--strict", "--clean"]
    built = subprocess.run(command, cwd=ROOT, env=env, check=False)
    if built.returncode:
        return built.returncode
    strangers = sorted(set(fetched_elsewhere(SITE)))
    for line in strangers:
        sys.stderr.write(f"{line}\n")
    pages = sum(1 for _ in SITE.rglob("*.html"))
    sys.stdout.write(f"{pages} pages in {SITE}/index.html\n")
    return 1 if strangers else 0


def fetched_elsewhere(site: Path) -> Iterator[str]:
    """What pages and styles would fetch from another host."""
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        for found in FETCHED.finditer(path.read_text(encoding="utf-8")):
            address = next(filter(None, found.groups()))
            if FOREIGN.match(address):
                yield f"{path.relative_to(site)} fetches {address}"


def _keep(part: Part, env: dict[str, str]) -> None:
    """Fetch it once; it is what it was when it was chosen, or nothing is built."""
    kept = KEPT / part.name
    text = kept.read_bytes() if kept.exists() else _fetched(part, env)
    found = hashlib.sha256(text).hexdigest()
    if found != part.digest:
        raise SystemExit(f"{part.package} has the digest {found}, not {part.digest}.")
    KEPT.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(text)


def _fetched(part: Part, env: dict[str, str]) -> bytes:
    npm = Path(sys.executable).parent / "npm"
    with tempfile.TemporaryDirectory() as room:
        subprocess.run(
            [npm, "pack", "--silent", part.package],
            cwd=room,
            env=env,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with tarfile.open(next(Path(room).glob("*.tgz"))) as packed:
            script = packed.extractfile(f"package/{part.path}")
            return script.read() if script else b""


if __name__ == "__main__":
    sys.exit(main())
