"""What MkDocs is told besides mkdocs.yml: scripts that lie at hand, links that leave docs/."""

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")
DIAGRAM = '<pre class="mermaid">'
SHIM = re.compile(r"https://unpkg\.com/iframe-worker/shim")


def on_files(files: Any, config: Any) -> Any:
    """The scripts are no documents: they lie where tools/make_site.py has put them."""
    for kept in Path(os.environ["SITE_PARTS"]).glob("*.js"):
        files.append(
            File.generated(config, f"assets/{kept.name}", abs_src_path=str(kept))
        )
    return files


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """A link to a file of the code is said as its path: a site has no code to open."""
    folder = posixpath.dirname(page.file.src_uri)

    def said(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, link[2]))
        if target.startswith("docs/"):
            return link[0]
        return f"{link[1]} (`{target}`)"

    return LINK.sub(said, text)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """The theme would fetch two scripts from a stranger: ours are the same."""
    steps = "../" * page.file.dest_uri.count("/")
    if DIAGRAM in output:
        drawn = f'<script src="{steps}assets/mermaid.min.js"></script></head>'
        output = output.replace("</head>", drawn, 1)
    return SHIM.sub(f"{steps}assets/iframe-worker.js", output)


def on_post_template(output: str, template_name: str, config: Any) -> str:
    """The page for what is not found stands at the top."""
    return SHIM.sub("assets/iframe-worker.js", output)
