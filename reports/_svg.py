"""Figures as SVG for the page: in its own font and ink, with titles to point at; and as files for a paper."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from html import escape
from pathlib import Path
from typing import Any

import matplotlib

from ._drawing import Drawn

_INK = "#010203"  # stands for the ink of the page until the figure is in it
_NOTHING = {"Date": None, "Creator": None, "Format": None, "Type": None}


@contextmanager
def style(ink: str = "black") -> Iterator[None]:
    """Settings that figures are both made and written with; names are text, never formulas."""
    settings: Any = {
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink),
        "text.parse_math": False,
        "font.size": 9,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "lines.linewidth": 1.6,
        "figure.constrained_layout.use": True,
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the page's font has it
        yield


def page_style() -> AbstractContextManager[None]:
    return style(_INK)


def inline(drawn: Drawn) -> str:
    """The figure as an element of an HTML page; call within `page_style()`."""
    with matplotlib.rc_context({"svg.hashsalt": drawn.name}):
        text = io.StringIO()
        drawn.figure.savefig(text, format="svg", metadata=_NOTHING)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), svg)
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    said = f'role="img" aria-labelledby="{drawn.name}"><title id="{drawn.name}">{escape(drawn.alt)}</title>'
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', lambda found: f"<svg {found[1]} {said}", svg, count=1)
    svg = re.sub(r'<g id="[^"]*"/>', "", svg)
    svg = re.sub(r'<g id="([^"]*)">', lambda found: _group(drawn, found[1]), svg)
    svg = re.sub(r'font-family: [^;"]*', "font-family: system-ui, sans-serif", svg)
    svg = svg.replace(_INK, "currentColor")
    return re.sub(r"\n\s*", "\n", svg)


def save(drawn: Drawn, folder: Path) -> list[Path]:
    """Writes the figure as SVG and PDF, the same bytes each time; call within `style()`."""
    paths = [folder / f"{drawn.file}.svg", folder / f"{drawn.file}.pdf"]
    with matplotlib.rc_context({"svg.hashsalt": drawn.name}):
        drawn.figure.savefig(paths[0], metadata={"Date": None})
    drawn.figure.savefig(paths[1], metadata={"CreationDate": None})
    return paths


def _group(drawn: Drawn, mark: str) -> str:
    said = drawn.hover.get(mark)
    return f'<g class="mark"><title>{escape(said)}</title>' if said else "<g>"
