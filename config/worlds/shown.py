"""A report on a world for people: a few lines, and a page with charts."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from config.worlds.report import Day, Report

WIDTH, HEIGHT, EDGE = 720, 220, 34
STYLE = (
    "body{font:15px/1.55 system-ui,sans-serif;max-width:52rem;margin:2rem auto;"
    "padding:0 1rem;color:#1a2224}h1{font-size:1.5rem}h2{font-size:1.05rem;"
    "margin-top:2rem}table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;"
    "border-bottom:1px solid #dde2e1;text-align:left}svg{max-width:100%;height:auto}"
    "svg text{font:11px system-ui,sans-serif;fill:#536067}.alone{fill:#0f5c63}"
    ".approved{fill:#9cc5c9}.signals{fill:none;stroke:#7a4e06;stroke-width:1.5}"
    ".bad{color:#a1261b}.good{color:#1b6339}"
)


def lines(report: Report) -> Iterator[str]:
    """What an operator reads in a terminal."""
    asked, rate = report.asked, report.autonomy_rate
    yield (
        f"{asked['tenants']} tenants x {asked['accounts']} accounts x "
        f"{asked['days']} days, seed {asked['seed']}, "
        f"{'with faults' if asked['faults'] else 'without faults'}"
    )
    rows = (
        ("signals", report.signals),
        ("gate", _counts(report.gate)),
        ("runs", _counts(report.runs)),
        ("proposals", _counts(report.intents)),
        ("acts", _counts(report.executions)),
        ("ran alone", "nothing ran" if rate is None else f"{rate:.0%} of the acts"),
        ("useful acts", report.useful_acts),
        ("spend", _counts(report.spend)),
        ("decisions per useful act", report.cost_per_useful_act["decisions"] or "-"),
        ("answers per person and day", report.approvals_per_person_day),
        ("hours until an answer", _counts(report.hours_to_decide)),
        ("answers", _counts(report.decisions)),
        ("refused to people", _counts(report.refusals)),
        ("outcomes", _counts(report.outcomes)),
        ("ledger entries", report.ledger_entries),
        ("faults", _counts(report.faults)),
        ("work that broke", _counts(report.broke)),
    )
    yield from (f"{name:28} {value}" for name, value in rows)
    for house in report.feed:
        yield (
            f"{house['tenant']:12} {house['mode']:15} next {house['next']}, autopilot "
            f"{house['autopilot']}, inbox {house['inbox']}"
        )
    for name, load in report.load.items():
        yield (
            f"CPU of {name:21} {load['cpu_s']} s, {load['ms_per_signal']} ms a signal"
        )
    yield from _verdict(report)


def page(report: Report) -> str:
    """One page that needs nothing else."""
    said = list(lines(report))
    table = "".join(
        f"<tr><th>{escape(line[:28].strip())}</th><td>{escape(line[29:])}</td></tr>"
        for line in said[1:18]
    )
    tone = "bad" if report.broken_laws else "good"
    verdict = "".join(
        f'<p class="{tone}">{escape(each)}</p>' for each in _verdict(report)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>A simulated world</title><style>{STYLE}</style>"
        f"<h1>A simulated world</h1><p>{escape(said[0])}</p>{verdict}"
        f"<h2>Acts and signals by day</h2>{chart(report.days)}"
        f"<h2>Figures</h2><table>{table}</table>"
        f"<h2>Tenants</h2>{_tenants(report.feed)}"
        f"<h2>CPU, for sizing</h2>{_loads(report.load)}</html>\n"
    )


def chart(days: Sequence[Day]) -> str:
    """Acts as bars, those that ran alone below; signals as a line."""
    if not days:
        return "<p>No day was lived.</p>"
    most = max(1, *(max(day.alone + day.approved, day.signals) for day in days))
    wide, high = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE
    each, bottom = wide / len(days), HEIGHT - EDGE
    bars, points = [], []
    for number, day in enumerate(days):
        x, up = EDGE + number * each, float(bottom)
        for kind, count in (("alone", day.alone), ("approved", day.approved)):
            tall = high * count / most
            up -= tall
            bars.append(
                f'<rect class="{kind}" x="{x + 1:.1f}" y="{up:.1f}" '
                f'width="{max(each - 2, 0.5):.1f}" height="{tall:.1f}"/>'
            )
        y = bottom - high * day.signals / most
        points.append(f"{x + each / 2:.1f},{y:.1f}")
    told = f"{days[0].day} to {days[-1].day}; up to {most} a day"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{told}">'
        f'{"".join(bars)}<polyline class="signals" points="{" ".join(points)}"/>'
        f'<text x="{EDGE}" y="{HEIGHT - 10}">{days[0].day}</text>'
        f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 10}" text-anchor="end">'
        f'{days[-1].day}</text><text x="{EDGE}" y="20">up to {most} a day: ran '
        "alone (dark), after a yes (light), signals (line)</text></svg>"
    )


def _verdict(report: Report) -> Iterator[str]:
    if not report.broken_laws:
        yield "Every law held."
    for broken in report.broken_laws:
        yield f"BROKEN at {broken['at']}: {broken['law']}: {', '.join(broken['by'])}"


def _tenants(feed: Sequence[Mapping[str, Any]]) -> str:
    names = ("tenant", "mode", "signals", "next", "autopilot", "inbox")
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{escape(str(each[name]))}</td>" for name in names)
        + "</tr>"
        for each in feed
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _loads(load: Mapping[str, Mapping[str, float]]) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{each['cpu_s']} s</td>"
        f"<td>{each['ms_per_signal']} ms a signal</td></tr>"
        for name, each in load.items()
    )
    return f"<table>{rows}</table>"


def _counts(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items()) or "none"
