"""One look for the whole house: the built file is current, small, and asks nobody else."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "config" / "static" / "house.css"
TAILWIND = ROOT / "assets" / "node_modules" / ".bin" / "tailwindcss"
# The admin's pages have a style of their own.
TEMPLATES = [
    *sorted((ROOT / "config" / "templates").rglob("*.html")),
    *sorted(ROOT.glob("*/templates/*/pages/*.html")),
]
# Names that only templates of others, or programs, look for.
UNSTYLED = frozenset({"actions", "avatar", "hx"})


@pytest.mark.skipif(
    not (shutil.which("node") and TAILWIND.exists()),
    reason="`make css` installs what builds the style; it is not needed to run",
)
def test_the_built_style_is_current(tmp_path: Path) -> None:
    """`make css` writes it."""
    built = tmp_path / "house.css"
    subprocess.run(
        [str(TAILWIND), "--input", "house.css", "--output", str(built), "--minify"],
        cwd=ROOT / "assets",
        check=True,
        capture_output=True,
    )
    assert built.read_text() == BUILT.read_text()


def test_every_class_of_the_templates_is_in_the_style() -> None:
    styled = set(_unescaped(BUILT.read_text()))
    missing = {
        (path.name, name)
        for path in TEMPLATES
        for name in _classes(path.read_text())
        if name not in styled | UNSTYLED
    }
    assert missing == set()


def test_pages_bring_no_script_or_style_of_their_own() -> None:
    """What the pages' Content-Security-Policy would refuse."""
    for path in TEMPLATES:
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path
        scripts = re.findall(r"<script[^>]*>", text)
        assert all(" src=" in each for each in scripts), path


def test_the_style_is_small_and_asks_nobody() -> None:
    text = BUILT.read_text()
    assert len(text) < 64_000
    assert not re.search(r"url\(\s*[\"']?(https?:)?//", text)
    assert "@import" not in text


def _classes(text: str) -> set[str]:
    """Every class that is written out; what templates compute is written in branches."""
    found: set[str] = set()
    for listed in re.findall(r'class="((?:{%.*?%}|{{.*?}}|[^"])*)"', text):
        plain = re.sub(r"[\w-]*{{.*?}}[\w-]*", " ", re.sub(r"{%.*?%}", " ", listed))
        found |= set(plain.split())
    return found


def _unescaped(style: str) -> list[str]:
    names = re.findall(r"\.((?:\\.|[\w-])+)", style)
    return [re.sub(r"\\(.)", r"\1", name) for name in names]
