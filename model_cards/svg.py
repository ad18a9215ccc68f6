"""The strokes that every plot is drawn with: SVG as text, one palette, ticks, and labels that fit.

Drawn by hand because an audit renders the plots again and compares bytes; a plotting library's output
changes with its version and its fonts. Text keeps a contrast of 4.5:1 on the white paper and on every cell.
"""

import html
import math
import re

INK, MUTED, LINE, GOAL, GRID, PAPER = "#1f2933", "#52606d", "#0b69a3", "#b44d12", "#e4e7eb", "#ffffff"
MOST_CLASSES = 24  # beyond this a plot of classes is a texture, not a picture
_STYLE = "font-family:ui-sans-serif,system-ui,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px"
# What XML 1.0 cannot hold: a label may be the name of any folder.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: str) -> str:
    """``text`` as XML character data or an attribute's value."""
    return html.escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def picture(width: int, height: int, title: str, body: list[str]) -> bytes:
    """A whole SVG document of ``width`` x ``height`` pixels, named ``title`` for those who cannot see it."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}" style="{_STYLE}">'
    )
    paper = f'<rect width="{width}" height="{height}" fill="{PAPER}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", paper, *body, "</svg>", ""]).encode()


def text(x: float, y: float, words: str, *, anchor: str = "start", fill: str = INK, extra: str = "") -> str:
    """``words`` with their baseline at ``y``; ``extra`` holds further attributes, after a blank."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}"{extra}>{escape(words)}</text>'


def heading(x: float, words: str) -> str:
    """The title that stands in the picture."""
    return text(x, 22, words, extra=' font-weight="600"')


def stroke(path: str, colour: str, *, width: float = 1, dashed: bool = False) -> str:
    """A line along ``path``, in SVG's own drawing commands."""
    dashes = ' stroke-dasharray="6 4"' if dashed else ""
    return f'<path d="{path}" stroke="{colour}" stroke-width="{width:g}"{dashes}/>'


def ticks(low: float, high: float, most: int = 6) -> list[tuple[float, str]]:
    """Round numbers between ``low`` and ``high``, each with its text."""
    # The smallest of 1, 2, 5 x 10**e that makes few enough steps.
    exponent = int(f"{(high - low) / most:e}".partition("e")[2])
    step, decimals = next(
        (factor * 10.0**e, max(0, -e))
        for e in (exponent, exponent + 1)
        for factor in (1, 2, 5)
        if (high - low) / (factor * 10.0**e) <= most
    )
    return [
        (k * step, _written(k * step, decimals))
        for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def _written(value: float, decimals: int) -> str:
    digits = f"{value:,.{decimals}f}"
    return "0" if not digits.strip("-0.,") else digits.replace("-", "−")


def fit(label: str, room: float) -> str:
    """``label``, cut where it would be wider than ``room`` pixels in a wide system font of 13 px."""
    widths = [_letter(letter) for letter in label]
    if sum(widths) <= room:
        return label
    kept, taken = 0, _letter("…")
    while taken + widths[kept] <= room:
        taken += widths[kept]
        kept += 1
    return label[:kept] + "…"


def _letter(letter: str) -> float:
    # Not by the font and not by Python's Unicode tables: both change, and the picture's bytes may not.
    if ord(letter) >= 0x1100 or letter in "MW@%":
        return 13.5
    return 9.5 if "A" <= letter <= "Z" or letter in "mw" else 7.5
