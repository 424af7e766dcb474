"""The architecture itself: rooms, sizes, words, and documents that tell the truth."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from config.reference import pages
from ledger.rules.kinds import MEANING, Kind

ROOT = Path(__file__).parents[2]
STOREYS = ("config", "plans", "autonomy", "perception", "ledger")
FILES = [
    path
    for storey in STOREYS
    for path in sorted((ROOT / storey).rglob("*.py"))
    if "migrations" not in path.parts
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small_and_say_what_lives_there(path: Path) -> None:
    """Rule 11: about 300 lines, functions of about 40, a sentence on top."""
    text = path.read_text()
    if not text.strip():
        return
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no docstring"
    assert len(text.splitlines()) <= 330
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 45, node.name


def test_no_room_without_a_name() -> None:
    """Rule 2."""
    banned = {"utils", "helpers", "common", "services", "managers", "misc"}
    named = {path.stem for path in FILES if "commands" not in path.parts}
    assert not banned & named


def test_nothing_behind_your_back() -> None:
    """Rule 9: no signals, no save() overrides."""
    for path in FILES:
        text = path.read_text()
        assert "django.db.models.signals" not in text, path
        assert not re.search(r"def save\(self", text), path


def test_every_error_speaks() -> None:
    """Rule 10: the class docstring is the message."""
    for path in (path for path in FILES if path.name == "errors.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                said = ast.get_docstring(node) or ""
                assert said.endswith("."), f"{path}: {node.name}"


def test_every_kind_has_a_meaning_and_a_dot() -> None:
    """L2: a closed, documented catalogue."""
    assert set(MEANING) == set(Kind)
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", kind) for kind in Kind)
    assert all(meaning.endswith(".") for meaning in MEANING.values())


def test_the_reference_is_current() -> None:
    """`make docs` writes it."""
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, path.name


def test_the_picture_of_the_house_names_every_room() -> None:
    text = (ROOT / "docs" / "house.md").read_text()
    for path in FILES:
        _storey, *rest = path.relative_to(ROOT).parts
        room = rest[0].removesuffix(".py")
        if room in ("__init__", "apps", "urls", "api", "admin", "management", "rules"):
            continue
        if room in ("models", "errors", "wsgi", "gunicorn"):
            continue
        assert f"`{room}" in text or f"/{room}" in text, path


def test_links_of_the_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_every_dependency_is_pinned_and_has_a_reason() -> None:
    for path in sorted(ROOT.glob("requirements*.txt")):
        for line in path.read_text().splitlines():
            if line.startswith(("#", "-r")) or not line:
                continue
            assert "==" in line, line
            assert "#" in line or path.name == "requirements-prover.txt", line


def locked(name: str) -> dict[str, list[str]]:
    """What a lock holds: names, each with its versions; every one with hashes."""
    held: dict[str, list[str]] = {}
    text = (ROOT / f"{name}.lock").read_text()
    assert "://" not in text, "a lock names no index"
    for entry in re.split(r"\n(?=\S)", re.sub(r"(?m)^ *#.*\n", "", text)):
        found = re.match(r"([\w.-]+)==(\S+)", entry)
        assert found, entry
        assert "--hash=sha256:" in entry, entry
        held.setdefault(plain(found[1]), []).append(found[2])
    return held


def plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def wanted(name: str) -> dict[str, str]:
    """What a requirements file pins, and those that it includes."""
    text = (ROOT / f"{name}.txt").read_text()
    pins = {
        plain(package): version
        for package, version in re.findall(r"(?m)^([\w.-]+)(?:\[.*?\])?==(\S+)", text)
    }
    for other in re.findall(r"(?m)^-r (\S+)\.txt", text):
        pins |= wanted(other)
    return pins


LOCKED = sorted(path.stem for path in ROOT.glob("requirements*.txt"))


@pytest.mark.parametrize("name", LOCKED)
def test_every_requirement_is_locked_with_hashes(name: str) -> None:
    """`make lock` was run: what is wanted is what would be installed, to the byte."""
    held, pins = locked(name), wanted(name)
    assert pins == {package: held[package][0] for package in pins}
    if name == "requirements-dev":
        assert "psycopg" not in held


def test_locks_of_one_environment_agree_and_make_knows_all() -> None:
    """One version of a package in .venv, whichever lock it came by."""
    made = (ROOT / "Makefile").read_text()
    named = {
        kind: re.findall(rf"(?m)^{kind} := (.*)$", made)[0].split()
        for kind in ("TOGETHER", "APART")
    }
    assert sorted(named["TOGETHER"] + named["APART"]) == LOCKED
    everything = locked(named["TOGETHER"][0])
    for name in named["TOGETHER"]:
        held = locked(name)
        assert held == {package: everything[package] for package in held}, name


def test_no_path_of_a_machine_in_what_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in (".png",) or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"(?<![\w.])/(home|work|Users)/\w", text), name
