"""Write the template of digests from assets/digest.mjml; `make mail` runs it."""

import sys
from pathlib import Path

import mrml

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "assets" / "digest.mjml"
BUILT = ROOT / "autonomy" / "templates" / "autonomy" / "digest.html"


def built() -> str:
    """The template as mail programs understand it."""
    output = mrml.to_html(SOURCE.read_text(encoding="utf-8"))
    if output.warnings:
        sys.exit(f"digest.mjml: {output.warnings}")
    return f"{output.content}\n"


if __name__ == "__main__":
    BUILT.write_text(built(), encoding="utf-8")
