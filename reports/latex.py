r"""LaTeX: one table for each task, for `\input` in a paper; needs the package booktabs.

Architectures are the rows and lengths the columns, as in every other table. Each place has the mean over seeds with its
95 % interval, or how many seeds solve the length where some do and others do not. Bold: the architecture with the
highest score and those that the test cannot tell apart from it; nothing is bold where nothing can be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.analysis import provenance
from harness.analysis.aggregation import summarise
from harness.analysis.summary import ArchitectureSummary, TaskSummary
from harness.report import Results

from . import _words as words
from ._files import write as write_file

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "&": r"\&",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "[": "{[}",  # which would be the argument of a line's end before it
    "]": "{]}",
    "*": "{*}",  # the same
}


def write(results: Results, folder: Path) -> list[Path]:
    """Writes the tables."""
    return [write_file(results, folder, "tex", "\n".join(_lines(results)))]


def _lines(results: Results) -> Iterator[str]:
    yield r"% Needs \usepackage{booktabs}; names that are not in Latin letters need XeLaTeX or LuaLaTeX."
    yield f"% {' '.join(provenance.line(results.records).split())}"
    for task in summarise(results).tasks:
        yield from _table(task)
    yield ""


def _table(task: TaskSummary) -> Iterator[str]:
    bold = best(task)
    yield ""
    yield r"\begin{table}"
    yield r"\centering"
    yield rf"\caption{{{_caption(task, bold)}}}"
    yield rf"\label{{tab:{_label(task)}}}"
    yield rf"\begin{{tabular}}{{l{'r' * len(task.lengths)}}}"
    yield r"\toprule"
    yield _row(["", *(f"$T={length}$" for length in task.lengths)])
    yield r"\midrule"
    for one in task.architectures:
        yield _row([_bold(escaped(one.label), one.label in bold), *_places(one, task, one.label in bold)])
    yield r"\midrule"
    yield _row(["chance", *(escaped(words.percent(task.chances.get(length))) for length in task.lengths)])
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def best(task: TaskSummary) -> set[str]:
    """The architecture with the highest score and those not told apart from it; nothing where no pair is told apart."""
    scored = [one for one in task.ran if one.score is not None]
    apart = {frozenset((pair.first, pair.second)) for pair in task.pairs if pair.told_apart}
    if not scored or not apart:
        return set()
    first = max(scored, key=lambda one: one.score or 0.0).label
    return {one.label for one in scored if frozenset((first, one.label)) not in apart}


def _caption(task: TaskSummary, bold: set[str]) -> str:
    said = f"Test accuracy on {task.label} by length. {words.accuracy_note(task)}"
    if bold:
        shown = "Bold: the highest score and those that a paired permutation test (Holm) does not tell apart from it."
    else:
        shown = "No difference between architectures can be shown." if len(task.ran) > 1 else ""
    return escaped(f"{said} {shown}".strip())


def _places(one: ArchitectureSummary, task: TaskSummary, bold: bool) -> Iterator[str]:
    for length in task.lengths:
        found = one.lengths.get(length)
        if found is None:
            yield escaped("refused" if one.refused else words.UNKNOWN)
        elif found.all_failed:
            yield escaped(", ".join(dict.fromkeys(found.failures.values())))
        else:
            leads, beside = words.accuracy(found)
            small = rf" {{\scriptsize {escaped(beside)}}}" if beside else ""
            yield _bold(escaped(leads), bold) + small


def _label(task: TaskSummary) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", task.label).strip("-")


def _bold(text: str, bold: bool) -> str:
    return rf"\textbf{{{text}}}" if bold else text


def _row(places: list[str]) -> str:
    return " & ".join(places) + r" \\"


def escaped(text: str) -> str:
    """The text as it is, in one line, whatever LaTeX would make of it."""
    known = "".join(_ESCAPES.get(character, character) for character in " ".join(text.split()))
    return known.replace("--", "-{}-").replace("--", "-{}-")  # two hyphens would become a dash
