"""Writes the pages that are made from the program: commands, Python, data formats, tutorials.

    python tools/pages.py

`tests/test_pages.py` holds that the pages in `docs/` are what this makes.
"""

from __future__ import annotations

import argparse
import base64
import importlib
import inspect
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
_RESULTS = ("SweepResults", "InspectionResults", "SearchResults", "JudgedStudy", "Results", "Record", "RunSpec")
_WIDTH = "100"  # columns of help texts: they do not depend on the terminal


def pages() -> dict[str, bytes]:
    """The content of every page and picture that is made, by its path in `docs/`."""
    made: dict[str, bytes] = {
        "commands.md": _commands().encode(),
        "python-reference.md": _python().encode(),
        "data-formats.md": _formats().encode(),
    }
    for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
        made |= _tutorial(notebook)
    return made


def _commands() -> str:
    """Every verb with its help, as the command line has it."""
    os.environ["COLUMNS"] = _WIDTH
    from harness.cli.main import _parser

    parser = _parser()
    (verbs,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    text = "# Commands\n\nWhat `harness VERB --help` prints. `python tools/pages.py` makes this page.\n\n"
    text += f"```\n{parser.format_help()}```\n"
    for name, verb in verbs.choices.items():
        text += f"\n## harness {name}\n\n```\n{verb.format_help()}```\n"
    return text


def _python() -> str:
    """The functions and classes of `import harness`, from their docstrings."""
    import harness

    parts = [
        "# Python reference\n",
        "Made from docstrings by `python tools/pages.py`. [From Python](python.md) shows how it is used; "
        "[the contracts](contract.md) have what an architecture and a task are.\n",
    ]
    for name, room in harness._PUBLIC.items():
        thing = getattr(harness, name)
        if room.startswith("api"):
            parts += [f"## harness.{name}\n", _signature(name, thing), "", _documented(thing), *_settings(thing), ""]
    for name in _RESULTS:
        parts += _class(name, getattr(harness, name))
    return "\n".join(parts)


def _class(name: str, cls: type) -> Iterator[str]:
    yield f"## harness.{name}\n\n{_documented(cls)}\n"
    inherited = [base for base in cls.__mro__ if base.__module__.startswith("harness.")]
    members = {key: value for base in reversed(inherited) for key, value in vars(base).items()}
    for key, value in members.items():
        if not key.startswith("_") and inspect.isfunction(value) and value.__doc__:
            arguments = ", ".join(one for one in _arguments(value) if one != "self")
            yield f"- `{key}({arguments})`: {' '.join(_documented(value).split())}"
    yield ""


def _documented(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _signature(name: str, function: Any) -> str:
    """The call, an argument a line."""
    arguments = "".join(f"    {one},\n" for one in _arguments(function))
    returned = inspect.signature(function).return_annotation
    return f"```text\nharness.{name}(\n{arguments}) -> {returned}\n```".replace("(\n)", "()")


def _arguments(function: Any) -> Iterator[str]:
    """The arguments as they are written in the definition."""
    starred = False
    for one in inspect.signature(function).parameters.values():
        starred = starred or one.kind is one.VAR_POSITIONAL
        if one.kind is one.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        kind = "" if one.annotation is one.empty else f": {one.annotation}"
        default = "" if one.default is one.empty else f" = {one.default!r}"
        yield f"{mark}{one.name}{kind}{default}"


def _settings(function: Any) -> Iterator[str]:
    """The names that the last argument stands for."""
    last = list(inspect.signature(function).parameters.values())[-1:]
    if last and last[0].kind is last[0].VAR_KEYWORD:
        known = inspect.getmodule(function).__dict__[last[0].annotation.removeprefix("Unpack[").removesuffix("]")]
        names = ", ".join(f"`{name}`" for name in known.__annotations__)
        yield f"\n`{last[0].name}`: {names}; see `harness run -h` for each."


def _formats() -> str:
    """What is in the CSV and in the JSON of a report."""
    columns = importlib.import_module("harness.reports.csv").__doc__ or ""
    schema = json.loads((ROOT / "reports" / "schema.json").read_text(encoding="utf-8"))
    text = "# Data formats\n\nMade by `python tools/pages.py`. `harness report --format csv,json` writes both; "
    text += "`results.to_frame()` has the rows of the CSV.\n\n## CSV\n\n"
    text += inspect.cleandoc(columns) + "\n\n## JSON\n\n"
    text += f"{schema.get('description', '')}\n\nThe schema (`reports/schema.json`) is JSON Schema. At the top:\n\n"
    return text + "\n".join(_fields(schema, schema)) + "\n"


def _fields(schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    """The fields of the document, and those of what it names."""
    yield from _table(schema)
    for name, part in whole.get("$defs", {}).items():
        if "properties" in part:
            yield f"\n### {name}\n"
            if part.get("description"):
                yield f"{part['description']}\n"
            yield from _table(part)


def _table(part: dict[str, Any]) -> Iterator[str]:
    yield "| field | type | what |\n| --- | --- | --- |"
    for name, one in part.get("properties", {}).items():
        what = one.get("description", "").replace("|", "\\|").replace("<", "&lt;")
        yield f"| `{name}` | {_type(one)} | {what} |"


def _type(one: dict[str, Any]) -> str:
    """The type of a field in words."""
    if "$ref" in one:
        return str(one["$ref"]).rpartition("/")[2]
    if "anyOf" in one or "oneOf" in one:
        return " or ".join(dict.fromkeys(_type(part) for part in one.get("anyOf") or one["oneOf"]))
    kind = one.get("type", "")
    if kind == "array":
        return f"array of {_type(one.get('items', {}))}".removesuffix(" of ")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _tutorial(notebook: Path) -> dict[str, bytes]:
    """A notebook as a page: its text, its code, and what it put out when it was stored."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    name, pictures, parts = notebook.stem, {}, []
    for cell in content["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source.replace("](../docs/", "](../"))
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                picture = f"{name}-{len(pictures) + 1}.png"
                pictures[f"tutorials/{picture}"] = base64.b64decode("".join(data["image/png"]))
                parts.append(f"![{_plain(data)}]({picture})")
            else:
                parts.append(_shown(output))
    first, rest = "\n\n".join(filter(None, parts)).split("\n", 1)
    note = f"\n*This page is the notebook `examples/{notebook.name}` with its outputs, as they were measured.*\n"
    return {f"tutorials/{name}.md": f"{first}\n{note}{rest}\n".encode(), **pictures}


def _shown(output: dict[str, Any]) -> str:
    """An output that is no picture: HTML as it is, text as text; what goes to standard error is progress."""
    data = output.get("data", {})
    if "text/html" in data:
        html = "".join(data["text/html"]).replace('border="1" class="dataframe"', "")
        lines = [line.strip() for line in re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL).splitlines()]
        return '<div class="output" markdown="0">\n' + "\n".join(filter(None, lines)) + "\n</div>"
    text = "".join(output.get("text", "")) if output["output_type"] == "stream" else _plain(data)
    return f"```text\n{text.rstrip()}\n```" if output.get("name") != "stderr" and text.strip() else ""


def _plain(data: dict[str, Any]) -> str:
    return "".join(data.get("text/plain", ""))


def main() -> None:
    for path, content in pages().items():
        (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / path).write_bytes(content)
        print(f"docs/{path}")


if __name__ == "__main__":
    main()
