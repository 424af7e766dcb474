"""Reference pages of docs/, written from the code so that they cannot drift."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from autonomy.rules.catalogue import CORE
from config import reference_parts as parts
from config.access import MATRIX, allowed
from config.isolation import api_routes
from config.reference_states import states
from ledger.rules.kinds import MEANING
from perception.rules.roles import Role

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTICE = "<!-- Written by `make docs`. Do not edit. -->\n"


@cache
def pages() -> dict[Path, str]:
    """Every reference page and its text."""
    return {
        FOLDER / "actions.md": _page("Action types", _actions()),
        FOLDER / "commands.md": _page("Commands", parts.commands()),
        FOLDER / "connectors.md": _page("Kinds of connectors", parts.connectors()),
        FOLDER / "environment.md": _page("The environment", parts.environment()),
        FOLDER / "kinds.md": _page("Kinds of ledger entries", _kinds()),
        FOLDER / "metrics.md": _page("Metrics", parts.metrics()),
        FOLDER / "problems.md": _page("Problems", parts.problems()),
        FOLDER / "roles.md": _page("Who may do what", _roles()),
        FOLDER / "routes.md": _page("Routes", _routes()),
        FOLDER / "schedule.md": _page("The timetable", parts.schedule()),
        FOLDER / "signals.md": _page("Signals", parts.signals()),
        FOLDER / "states.md": _page("States", states()),
        FOLDER / "tools.md": _page("Tools", parts.tools()),
    }


def write() -> list[Path]:
    """Write what differs; return it."""
    changed = []
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"# {title}\n", NOTICE, *lines]) + "\n"


def _actions() -> Iterator[str]:
    yield "The core catalogue. Tenants may make a tier stricter, and add types.\n"
    yield "| action type | tier | risk | outside | touches | taken back | tool |"
    yield "|---|---|---|---|---|---|---|"
    for key, action in CORE.items():
        traits = action.traits
        cells = (
            f"`{key}`",
            traits.tier,
            traits.risk_level,
            "yes" if traits.external_contact else "",
            ", ".join(traits.touches),
            traits.reversal,
            f"`{traits.tool}`" if traits.tool else "",
        )
        yield f"| {' | '.join(cells)} |"


def _kinds() -> Iterator[str]:
    yield "| kind | states |"
    yield "|---|---|"
    for kind, meaning in MEANING.items():
        yield f"| `{kind}` | {meaning} |"


def _roles() -> Iterator[str]:
    yield "Routes by name, as in `routes.md`. What is not listed is closed.\n"
    yield "| route | method | " + " | ".join(role.title() for role in Role) + " |"
    yield "|---|---|" + "---|" * len(Role)
    for route, methods in MATRIX.items():
        for method in methods:
            marks = ["yes" if role in allowed(route, method) else "" for role in Role]
            yield f"| {route} | {method} | " + " | ".join(marks) + " |"


def _routes() -> Iterator[str]:
    yield "The OpenAPI document at `/api/schema/` has parameters, bodies and answers.\n"
    for route in sorted(api_routes()):
        yield f"- `/{route}`"
