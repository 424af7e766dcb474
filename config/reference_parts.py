"""Tables of the reference that are read out of what runs: doors, knobs, times, figures."""

import argparse
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import get_commands, load_command_class

from autonomy.jobs import SHIPPED as JOBS
from autonomy.rules.catalogue import CORE, TOOLS
from autonomy.rules.plays import PLAYS
from autonomy.rules.triggers import SHIPPED as WINDOWS
from autonomy.service import Served
from autonomy.unreached import Counted
from autonomy.workload import Workload
from config.figures import UP, Seen, families
from config.problems import STATUSES, code_of
from config.schedule import TICKS
from config.values import ROOT
from ledger.backlog import Backlog
from perception.connectors import kinds
from perception.rules.signals import TYPES

STOREYS = ("config", "plans", "autonomy", "perception", "ledger")
# What every command of Django takes.
EVERYWHERE = frozenset(
    {
        "help", "version", "verbosity", "settings", "pythonpath", "traceback",
        "no_color", "force_color", "skip_checks",
    }
)  # fmt: skip
NOTHING = Seen(
    beats={},
    waiting=Backlog(count=0, oldest_seconds=0),
    work=Workload(
        backlog={}, oldest_seconds=0, relay_lag_seconds=0,
        parked=0, given_up=0, in_doubt=0,
    ),
    tools=Served(families={}, alerts=0),
    unread=Counted(given_up=0, all=0),
)  # fmt: skip
KNOB = re.compile(r"# ([A-Z][A-Z_]+)=(.*)")


def row(*cells: object) -> str:
    """A line of a table; what would end a cell is escaped."""
    said = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(said)} |"


def table(*heads: str) -> Iterator[str]:
    yield row(*heads)
    yield "|" + "---|" * len(heads)


def environment() -> Iterator[str]:
    """Out of .env.example, where each knob stands below what is said of it."""
    yield (
        "What a deployment may choose. Nothing is required for `make run`; a value that cannot work\n"
        "is refused at the start, in one line. `.env.example` is the same as a file to copy to `.env`.\n"
    )
    yield from table("variable", "default, or for example", "what it is")
    said: list[str] = []
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if knob := KNOB.fullmatch(line):
            value = f"`{knob[2]}`" if knob[2] else ""
            yield row(f"`{knob[1]}`", value, " ".join(said))
            said = []
        elif not line or line.startswith("# ---"):
            said = []
        else:
            text = line.removeprefix("# ")
            said.append(f"`{text}`" if text.startswith("python ") else text)


def commands() -> Iterator[str]:
    """Every command of the house with what it takes."""
    yield (
        "All start with `manage.py`, and tell more with `--help`. [Operate it](../operate.md) says when to use which.\n"
    )
    for name, app in sorted(get_commands().items()):
        if app.partition(".")[0] not in STOREYS:
            continue
        command = load_command_class(app, name)
        yield f"## {name}\n"
        if command.help:
            yield f"{command.help}\n"
        yield from _taken(command.create_parser("manage.py", name))


def _taken(parser: argparse.ArgumentParser) -> Iterator[str]:
    own = [each for each in parser._actions if each.dest not in EVERYWHERE]
    subs = [each for each in own if isinstance(each, argparse._SubParsersAction)]
    rest = [each for each in own if each not in subs]
    if rest:
        yield from table("takes", "which is")
        yield from map(_argument, rest)
        yield ""
    for sub in subs:
        yield from table("verb", "takes")
        for verb, inner in sub.choices.items():
            taken = [each for each in inner._actions if each.dest not in EVERYWHERE]
            yield row(f"`{verb}`", ", ".join(map(_spelled, taken)))
        yield ""


def _argument(action: argparse.Action) -> str:
    return row(_spelled(action), (action.help or "").replace("%(default)s", ""))


def _spelled(action: argparse.Action) -> str:
    """As somebody types it."""
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    name = action.option_strings[-1]
    if action.nargs == 0:
        return f"`{name}`"
    value = action.metavar or action.dest.upper()
    said = "\\|".join(map(str, action.choices)) if action.choices else value
    return f"`{name} {said}`"


def metrics() -> Iterator[str]:
    yield (
        "`/metrics` in Prometheus's text format, beside what the client library says of its process.\n"
        "Labels never name a tenant. `deploy/prometheus/alerts.yaml` alerts on them.\n"
    )
    yield from table("metric", "labels", "what it says")
    yield row(f"`{UP[0]}`", "", UP[1])
    for family in families(NOTHING):
        labels = ", ".join(f"`{each}`" for each in family._labelnames)
        yield row(f"`{family.name}`", labels, family.documentation)


def problems() -> Iterator[str]:
    """Each refusal of the domain: its sentence is its class's docstring."""
    yield (
        "Refusals are `application/problem+json` (RFC 9457). `code` never changes, `type` is\n"
        "`urn:autonomy:problem:` and the code in small letters with dashes; `detail` is for people.\n"
        "Besides these: `VALIDATION_ERROR` with `errors` by field (400), `NOT_AUTHENTICATED` (401),\n"
        "`PERMISSION_DENIED` (403), `NOT_FOUND` (404), `THROTTLED` (429), `INTERNAL_ERROR` (500) and\n"
        "`DATABASE_AWAY` (503, with `Retry-After`).\n"
        "\n"
        "What a body names and is not there for its sender is 404, as what a path names is; `errors`\n"
        "then tells the field; signals are told all their faults in one 400. Parameters that do\n"
        "not fit (`WRONG_PARAMETERS`) are told field by field.\n"
    )
    yield from table("code", "status", "says")
    for code, (status, said) in sorted(_refusals().items()):
        yield row(f"`{code}`", status, said)


def _refusals() -> dict[str, tuple[int, str]]:
    """Of two storeys that refuse by one name, the first one's words."""
    found: dict[str, tuple[int, str]] = {}
    for error, status in STATUSES.items():
        said = " ".join((error.__doc__ or "").split())
        found.setdefault(code_of(error), (status, said))
    return found


def connectors() -> Iterator[str]:
    yield (
        "What `GET /api/v1/connectors/kinds/` answers: the forms in the admin follow the same schemas.\n"
        "[How to connect](../how-to/connect.md) says it step by step.\n"
    )
    for kind in kinds():
        yield f"## {kind['kind']}\n"
        traits = [
            kind["title"],
            f"read {kind['reach']}" if kind["reach"] else "not read",
            "tools may act through it" if kind["can_act"] else "",
        ]
        yield "; ".join(filter(None, traits)) + ".\n"
        if kind["secret"]:
            yield f"Secret: {kind['secret']}.\n"
        yield from _fields(kind["schema"])


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    fields, required = schema.get("properties", {}), schema.get("required", ())
    if not fields:
        return
    yield from table("in `config`", "", "what it is")
    for name, field in fields.items():
        said = ". ".join(
            str(field[each]).rstrip(".")
            for each in ("title", "description")
            if field.get(each)
        )
        yield row(f"`{name}`", "required" if name in required else "", said)
    yield ""


def signals() -> Iterator[str]:
    yield "Types that are known, what their payloads may hold, and what helps then by rules.\n"
    yield from table("type", "means", "fields", "lives")
    for each in TYPES:
        fields = ", ".join(f"`{name}`" for name in each.fields)
        yield row(f"`{each.key}`", each.means, fields, f"{each.lives.days} days")
    yield "\n## What rules propose\n"
    yield (
        "`.bad`, `.up` and `.down` are a grave, a good or a bad turn of the same; the number is how sure\n"
        "a proposal is, before it is made surer by signals that are alike.\n"
    )
    yield from table("situation", "in words", "proposes")
    for key, play in PLAYS.items():
        moves = ", ".join(f"`{name}` {sure:g}" for name, sure in play.moves)
        yield row(f"`{key}`", play.says, moves)


def tools() -> Iterator[str]:
    yield (
        "Tools of the house, and the action types that use them as shipped. A tenant may give a type\n"
        "another tool, and add tools of its own: [add a tool](../how-to/tool.md).\n"
    )
    yield from table("tool", "used by")
    used: dict[str, list[str]] = {tool: [] for tool in TOOLS}
    for key, action in CORE.items():
        if action.traits.tool:
            used.setdefault(action.traits.tool, []).append(f"`{key}`")
    for tool, keys in sorted(used.items()):
        yield row(f"`{tool}`", ", ".join(keys))


def schedule() -> Iterator[str]:
    """Ticks, jobs and triggers as shipped."""
    yield "As shipped; operators change it in the admin, and what they changed stays.\n"
    yield "## Ticks\n"
    yield "Short and cheap: each looks for rows that are due.\n"
    yield from table("tick", "task", "every")
    for name, (task, seconds) in TICKS.items():
        is_tick = seconds == settings.TICK_SECONDS
        every = "`TICK_SECONDS`" if is_tick else _every(timedelta(seconds=seconds))
        yield row(name, f"`{task}`", every)
    yield "\n## Jobs\n"
    yield from table("job", "every")
    for name, every_ in JOBS.items():
        yield row(f"`{name}`", _every(every_))
    yield "\n## Triggers\n"
    yield "What starts a run, and how often at most. Each tenant may change its own.\n"
    yield from table(
        "trigger", "debounce", "cooldown", "an hour, for an account", "for a tenant"
    )
    for trigger, held in WINDOWS.items():
        yield row(
            f"`{trigger}`",
            f"{held.debounce_s} s",
            f"{held.cooldown_s} s",
            held.max_per_account_hour,
            f"{held.max_per_tenant_hour:,}",
        )


def _every(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    for size, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return noun if count == 1 else f"{count} {noun}s"
    return f"{seconds} seconds"
