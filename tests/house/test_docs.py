"""The documents hold: navigation, links, commands, variables, routes, pictures, diagrams."""

import argparse
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.core.management import get_commands, load_command_class

from config.isolation import api_routes
from tools.make_site import fetched_elsewhere

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TOLD = [ROOT / "README.md", *PAGES]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
COMMAND = re.compile(r"manage\.py ([a-z_]+)((?: +[^`\n]*)?)")
TARGET = re.compile(r"`make ([a-z]+)|^    make ([a-z]+)|^make ([a-z]+)$", re.M)
# How knobs of a deployment end; statuses and reasons do not.
KNOB = re.compile(
    r"\b[A-Z]+(?:_[A-Z]+)*_(?:URL|KEYS?|DIR|SECONDS|BIND|HOSTS|ALLOW|FORMAT|ATTEMPTS"
    r"|CONCURRENCY|STRIDE|MODEL|THREADS)\b"
)
ROUTE = re.compile(r"/api/v1/([A-Za-z0-9_/{}<>$.:-]*)")
LARGEST = 150_000


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


class _Plain(yaml.SafeLoader):
    """What MkDocs would look up in Python is left as it is written."""


_Plain.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def _navigated(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for inner in entry.values():
            yield from _navigated(inner)
    else:
        for inner in entry:
            yield from _navigated(inner)


def test_every_page_is_in_the_navigation_once() -> None:
    """A page that nobody is led to is not read: name it in mkdocs.yml."""
    site = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader=_Plain)  # noqa: S506
    named = list(_navigated(site["nav"]))
    assert sorted(named) == [str(path.relative_to(DOCS)) for path in PAGES]


@cache
def _anchors(path: Path) -> frozenset[str]:
    """As forges and the site make them of headings."""
    return frozenset(
        re.sub(r"[^\w\- ]", "", heading.lower().replace("`", ""))
        .strip()
        .replace(" ", "-")
        for heading in HEADING.findall(FENCE.sub("", _read(path)))
    )


def test_links_and_their_anchors_lead_somewhere() -> None:
    for path in TOLD:
        for link, anchor in LINK.findall(FENCE.sub("", _read(path))):
            there = (path.parent / link).resolve() if link else path
            assert there.exists(), f"{_named(path)}: {link}"
            if anchor and there.suffix == ".md":
                assert anchor in _anchors(there), f"{_named(path)}: {link}#{anchor}"


@cache
def _parser(name: str) -> argparse.ArgumentParser:
    app = get_commands().get(name)
    assert app is not None, f"manage.py {name} is no command"
    return load_command_class(app, name).create_parser("manage.py", name)


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """What may follow, with what is taken then."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
        if not action.option_strings and action.choices:
            return dict.fromkeys(action.choices, parser)
    return {}


def _options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


def test_every_command_that_is_named_exists() -> None:
    """With its verb, and with each option that is written behind it."""
    for path in TOLD:
        for name, rest in COMMAND.findall(_read(path)):
            assert _is_taken(name, rest), f"{_named(path)}: {name}{rest}"


def _is_taken(name: str, rest: str) -> bool:
    parser = _parser(name)
    known, verbs = [parser], _verbs(parser)
    if verbs and re.match(r" +[a-z_]+\b(?![.=])", rest):
        said = rest.split()[0].rstrip(")|").replace("\\", "").split("|")
        if not set(said) <= set(verbs):
            return False
        known = [verbs[each] for each in said]
    # What comes after a pipe, or after the end of a substitution, is another command's.
    options = re.findall(r" (--[a-z-]+)", re.split(r"[|)#;]", rest)[0])
    return all(any(each in _options(one) for one in known) for each in options)


def test_every_target_of_make_exists() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for path in TOLD:
        for found in TARGET.findall(_read(path)):
            assert "".join(found) in there, f"{_named(path)}: make {''.join(found)}"


def test_every_variable_exists() -> None:
    """A knob of a deployment, or a name of the code."""
    there = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    for path in TOLD:
        if path.parent.name != "reference":
            missing = set(KNOB.findall(_read(path))) - there
            assert missing <= _constants(), f"{_named(path)}: {sorted(missing)}"


@cache
def _constants() -> frozenset[str]:
    """Names of that shape in the house and its tests."""
    return frozenset(
        name
        for folder in ("config", "autonomy", "ledger", "perception", "plans", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for name in KNOB.findall(_read(path))
    )


@cache
def _routes() -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile(re.sub(r"<[^>]+>", "[^/]+", route.removeprefix("api/v1/")))
        for route in api_routes()
    )


def test_every_route_exists() -> None:
    for path in TOLD:
        for route in set(ROUTE.findall(_read(path))):
            asked = route.split("?")[0].rstrip(".")
            is_there = any(each.fullmatch(asked) for each in _routes())
            assert is_there or not asked, f"{_named(path)}: {route}"


def test_pictures_are_small_and_shown() -> None:
    """`make pictures` takes them; one that no page shows is dead weight."""
    shown = "".join(map(_read, TOLD))
    for picture in sorted((DOCS / "pictures").iterdir()):
        assert picture.stat().st_size <= LARGEST, picture.name
        assert f"pictures/{picture.name}" in shown, picture.name


def test_what_a_site_would_fetch_from_others_is_found(tmp_path: Path) -> None:
    """A check that finds nothing would prove nothing: `make site` rests on it."""
    (tmp_path / "one.html").write_text(
        '<link rel="canonical" href="https://here.example/"><a href="https://x.example">'
        '<script src="assets/own.js"></script><script src=https://cdn.example/a.js>'
        '<link href="//fonts.example/f.css" rel="stylesheet"><img src="data:,">'
    )
    (tmp_path / "one.css").write_text(
        "@import 'https://a.example/b'; p {background: url(../own.png)}"
    )
    assert sorted(fetched_elsewhere(tmp_path)) == [
        "one.css fetches https://a.example/b",
        "one.html fetches //fonts.example/f.css",
        "one.html fetches https://cdn.example/a.js",
    ]
