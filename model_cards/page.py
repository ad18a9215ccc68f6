"""The card as one HTML page, pictures inside, for people who would rather look than read Markdown."""

import base64
import re
from collections.abc import Mapping
from html import escape

from markdown_it import MarkdownIt

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --muted: #52606d; --line: #d9dee4; --paper: #fff; --soft: #f5f7fa }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --muted: #9aa5b1; --line: #3e4c59; --paper: #12181f; --soft: #1f2933 }
}
body { font: 16px/1.6 ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; color: var(--ink);
  background: var(--paper); max-width: 46rem; margin: 2.5rem auto; padding: 0 1.25rem }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem }
table { border-collapse: collapse; margin: .8rem 0; font-size: .94rem } th { text-align: left; color: var(--muted) }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .9rem .35rem 0; vertical-align: top }
code { font: .88em ui-monospace, Menlo, Consolas, monospace; background: var(--soft); padding: .1em .35em;
  border-radius: 4px; overflow-wrap: anywhere }
img { max-width: 100%; border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0 }
"""


def render_page(card: str, pictures: Mapping[str, bytes]) -> str:
    """One HTML document from a card and its pictures (SVG or JPEG), by path. Raw HTML in the card stays text."""
    # The front matter ends with the first line that is "---" and nothing else; a name may end with it.
    head, _, rest = card.partition("\n---\n")
    body = rest if head.startswith("---\n") and rest else card
    # "js-default" is the safe preset: no raw HTML, no javascript: links.
    html: str = MarkdownIt("js-default").enable("table").render(body)
    heading = re.search("<h1>(.*?)</h1>", html)
    title = re.sub("<[^>]*>", "", heading[1]) if heading else "Model card"
    for path, picture in pictures.items():
        inline = base64.b64encode(picture).decode()
        kind = "jpeg" if path.endswith(".jpg") else "svg+xml"
        html = html.replace(f'src="{escape(path)}"', f'src="data:image/{kind};base64,{inline}"')
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body>\n{html}</body>\n</html>\n"
    )
