"""Write the templates of mails from assets/*.mjml; `make mail` runs it."""

import sys
from pathlib import Path

import mrml

ROOT = Path(__file__).parents[1]
MAILS = ("digest", "notices")


def target(name: str) -> Path:
    """Where a built template stands."""
    return ROOT / "autonomy" / "templates" / "autonomy" / f"{name}.html"


def built(name: str) -> str:
    """A template as mail programs understand it."""
    source = ROOT / "assets" / f"{name}.mjml"
    output = mrml.to_html(source.read_text(encoding="utf-8"))
    if output.warnings:
        sys.exit(f"{source.name}: {output.warnings}")
    return f"{output.content}\n"


if __name__ == "__main__":
    for each in MAILS:
        target(each).write_text(built(each), encoding="utf-8")
