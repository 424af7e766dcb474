"""N6: a report as one page that needs nothing else: tables, and charts drawn as SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, EDGE, ROW = 320, 240, 36, 30
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem;color:#1c2430}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{overflow-wrap:anywhere;padding:.25rem .75rem;border-bottom:1px solid #d5dbe3;text-align:left}"
    "svg text{font:11px system-ui,sans-serif;fill:#4a5565}.axis{stroke:#aab4c2}"
    ".ideal{stroke:#aab4c2;stroke-dasharray:4}.raw{fill:#c2691c}.shown{fill:#1c6dc2}"
    ".bar{stroke:#1c6dc2;stroke-width:3}"
)

Said = Mapping[str, Any]


def page(report: Said, name: str) -> str:
    """The whole page."""
    title = f"Learning: {escape(name)}"
    whole = report["completeness"]
    parts = [
        f"<h1>{title}</h1>",
        _span(report),
        "<h2>What became of what was proposed</h2>",
        _table(("outcome", "count"), list(whole["by_outcome"].items())),
        f"<p>{whole['missing']} of {whole['ended']} that ended have no outcome.</p>",
        _gaps(whole["gaps"]),
        "<h2>What confidence is worth</h2>",
        reliability(report["confidence"]),
        _figures(report["confidence"]),
        "<h2>What another order would bring</h2>",
        *(_model(each) for each in report["models"]),
        "" if report["models"] else "<p>No model ranks, and none is tried.</p>",
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<style>{STYLE}</style>{''.join(parts)}</html>\n"
    )


def _span(report: Said) -> str:
    return (
        f"<p>Made on {_day(report['at'])}, of choices from {_day(report['from'])} to "
        f"{_day(report['to'])} (UTC). Each had "
        f"{report['horizon_days']} days to become clear: {report['clear']} of "
        f"{report['choices']} have. {escape(report['says'])}</p>"
    )


def reliability(confidence: Said) -> str:
    """Said across, true upwards; whoever is right lies on the line."""
    inner_w, inner_h = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE
    marks = []
    for name, style in (("raw", "raw"), ("calibrated", "shown")):
        bins = (confidence[name] or {"bins": []})["bins"]
        most = max((each["count"] for each in bins), default=0)
        marks += [
            f'<circle class="{style}" cx="{EDGE + each["said"] * inner_w:.1f}" '
            f'cy="{HEIGHT - EDGE - each["true"] * inner_h:.1f}" '
            f'r="{3 + 5 * each["count"] / most:.1f}"><title>{name}: {each["count"]}, '
            f"said {each['said']:.2f}, true {each['true']:.2f}</title></circle>"
            for each in bins
            if each["count"]
        ]
    low, right = HEIGHT - EDGE, WIDTH - EDGE
    return (
        f'<svg role="img" aria-label="Reliability" width="{WIDTH}" height="{HEIGHT}">'
        f'<line class="axis" x1="{EDGE}" y1="{low}" x2="{right}" y2="{low}"/>'
        f'<line class="axis" x1="{EDGE}" y1="{EDGE}" x2="{EDGE}" y2="{low}"/>'
        f'<line class="ideal" x1="{EDGE}" y1="{low}" x2="{right}" y2="{EDGE}"/>'
        f"{''.join(marks)}"
        f'<text x="{EDGE}" y="{HEIGHT - 12}">confidence, 0 to 1 (orange raw, blue '
        f'calibrated)</text><text x="4" y="{EDGE - 12}">came true, 0 to 1</text></svg>'
    )


def intervals(estimates: Sequence[Said]) -> str:
    """Each figure with its interval around nothing gained."""
    said = [each for each in estimates if each["why"] is None]
    reach = max(
        (abs(each[end]) for each in said for end in ("lower", "upper")), default=1
    )
    scale = (WIDTH - 2 * EDGE) / 2 / (reach or 1)
    middle, height = WIDTH / 2, ROW * (len(said) + 1)
    rows = []
    for number, each in enumerate(said):
        at = ROW * number + ROW / 2
        rows.append(
            f'<line class="bar" x1="{middle + each["lower"] * scale:.1f}" y1="{at}" '
            f'x2="{middle + each["upper"] * scale:.1f}" y2="{at}"/>'
            f'<circle class="shown" cx="{middle + each["value"] * scale:.1f}" cy="{at}" '
            f'r="5"/><text x="2" y="{at + 4}">{escape(each["method"])}</text>'
        )
    return (
        f'<svg role="img" aria-label="Estimates" width="{WIDTH}" height="{height}">'
        f'<line class="ideal" x1="{middle}" y1="0" x2="{middle}" y2="{height - 18}"/>'
        f'{"".join(rows)}<text x="{middle - 4}" y="{height - 4}">0</text></svg>'
    )


def _model(each: Said) -> str:
    pair = each["paired"]
    gain = (
        "too few days to say"
        if pair["lower"] is None
        else f"{pair['mean']:+.3f}, between {pair['lower']:+.3f} and {pair['upper']:+.3f}"
    )
    said = [(one["method"], one["says"]) for one in each["uplift"]]
    return (
        f"<h3>{escape(each['version'])} ({escape(each['status'])})</h3>"
        f"<p>Precision among the first three of a day, against what was shown: {gain} "
        f"({pair['lists']} days).</p>{intervals(each['uplift'])}"
        f"{_table(('estimate', 'uplift of what comes first'), said)}"
    )


def _figures(confidence: Said) -> str:
    rows = [
        (name, held["count"], _number(held["ece"]), _number(held["brier"]))
        for name, held in confidence.items()
        if held is not None
    ]
    return _table(("confidence", "choices", "ECE", "Brier"), rows)


def _day(moment: str) -> str:
    return escape(moment[:10])


def _gaps(gaps: Sequence[Said]) -> str:
    rows = [
        (each["intent"], each["action_type"], each["status"], each["owed"])
        for each in gaps
    ]
    return _table(("intent", "type", "status", "missing"), rows) if rows else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    top = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>"
        for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
