"""Pages: one HTML file from a template, with its style and script inside, that asks for nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

_TEMPLATES = Path(__file__).with_name("templates")
_CODE = re.compile(r"`([^`]+)`")
_FLAG = re.compile(r"--[a-z-]+(?: [\w.,:]+)?")


def render(template: str, **values: Any) -> str:
    """The page as text. Names come from plugins and are escaped wherever they appear."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken_flags"] = _unbroken_flags
    environment.filters["code"] = _code
    style = Markup((_TEMPLATES / "style.css").read_text())
    script = Markup((_TEMPLATES / "sort.js").read_text())
    return environment.get_template(template).render(style=style, script=script, **values)


def _unbroken_flags(text: str) -> Markup:
    """The text, escaped, with its flags ('--seeds 7') kept on one line."""
    return Markup(_FLAG.sub(lambda found: f'<span class="flag">{found[0]}</span>', str(escape(text))))


def _code(text: str) -> Markup:
    """The text, escaped, with what stands between backticks set as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
