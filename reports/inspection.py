"""The page of `harness inspect`: one HTML file that opens offline, the verdict first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from harness.analysis import verdict
from harness.analysis.inspections import ArchitectureInspection, summarise_inspections
from harness.inspection_record import Follower, Inspection
from harness.report import Results

from . import _inspection_figures, _svg
from ._files import write as write_file
from ._page import render
from ._tables import Table, TableCell

_EXPLAINED = {
    "gradient-by-lag": "How much the loss at the last answer would change with each earlier input. A line that falls "
    "steeply is a vanishing gradient: training cannot hear about inputs that far back.",
    "state-by-lag": "What is left of a small change of the state after that many steps. Below 1 it fades, above 1 it "
    "grows, on the dotted line it is kept.",
    "decoded": "A linear probe is fitted to read what is to be remembered from the state at each step, and tested on "
    "other sequences. Where it falls to chance, the model forgot. Where it stays high and the answers are wrong, the "
    "model knows and cannot say it.",
    "time-scales": "A unit whose forget gate is f keeps what it holds for about -1 / ln f steps.",
    "over-training": "Peaks are exploding gradients; training clips them.",
}


@dataclass(frozen=True)
class _Figure:
    title: str
    svg: Markup
    explained: str


@dataclass(frozen=True)
class _Colour:
    """A character of a text, and how strongly a unit answers to it: from -1 (blue) to 1 (red)."""

    text: str
    red: int
    blue: int


def write(results: Results, folder: Path) -> list[Path]:
    """Writes `report-<sweep>.inspection.html`."""
    return [write_file(results, folder, "inspection.html", page(results))]


def page(results: Results) -> str:
    """The page as text."""
    inspections = results.inspections
    summary = summarise_inspections(inspections)
    with _svg.page_style():
        drawn = [
            _Figure(one.title, Markup(_svg.inline(one)), _explained(one.kind))
            for one in _inspection_figures.figures(summary, inspections)
        ]
    labels = [one.label for one in summary.architectures]
    seeds = max(one.seeds for one in summary.architectures)
    return render(
        "inspection.html",
        title=f"Inside {verdict.listed(labels)} on {summary.task_label}, T={summary.length}",
        question=results.tasks.get(summary.task_label),
        counted=f"{_number_of(len(inspections), 'run')}, {_number_of(seeds, 'seed')}; measured on sequences that were "
        "neither trained nor tested on.",
        comparisons=summary.comparisons,
        architectures=summary.architectures,
        figures=drawn,
        numbers=_numbers(summary.architectures),
        units=_units(inspections),
        texts=_texts(inspections),
        left_out=[(one.label, what, why) for one in summary.architectures for what, why in one.left_out.items()],
        commands=[("This page again", results.command), ("Records", results.store)],
    )


def _number_of(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _explained(kind: str) -> str:
    return _EXPLAINED.get(kind, "")


def _numbers(architectures: list[ArchitectureInspection]) -> Table:
    columns = [
        "architecture",
        "seeds",
        "gain per step at the start",
        "after training",
        "reach at the start",
        "reach",
        "Lyapunov exponent at the start",
        "exponent",
        "decoded at the end",
        "chance",
        "test accuracy",
    ]
    rows = [
        [
            TableCell(one.label),
            TableCell(str(one.seeds), one.seeds),
            _number(one.gain_at_start, "{:.3f}"),
            _number(one.gain, "{:.3f}"),
            _number(one.reach_at_start, "{:.0f}"),
            _number(one.reach, "{:.0f}"),
            _number(one.exponent_at_start, "{:+.3f}"),
            _number(one.exponent, "{:+.3f}"),
            _number(one.decoded.middle[-1] if one.decoded else None, "{:.1%}"),
            _number(one.decoding_chance.middle[-1] if one.decoding_chance else None, "{:.1%}"),
            _number(one.accuracy, "{:.1%}"),
        ]
        for one in architectures
    ]
    note = "Gain: the factor per step of a straight line through the logarithms of the gradient. Reach: the most steps "
    note += "back with at least 1% of the gradient of the last input."
    return Table("Gradients, states and what is known", columns, rows, note=note)


def _number(value: float | None, form: str) -> TableCell:
    return TableCell("-") if value is None else TableCell(form.format(value), value)


def _units(inspections: Sequence[Inspection]) -> Table:
    rows = [
        [
            TableCell(one.label),
            TableCell(str(one.seed), one.seed),
            TableCell(follower.feature),
            TableCell(str(follower.unit), follower.unit),
            TableCell(f"{follower.correlation:.2f}", abs(follower.correlation)),
        ]
        for one in inspections
        for follower in one.followers
    ]
    columns = ["architecture", "seed", "feature", "unit", "correlation"]
    note = "The unit was chosen on half of the sequences; the correlation is on the other half."
    return Table("Units that follow a feature of the task", columns, rows, heads=1, note=note)


def _texts(inspections: Sequence[Inspection]) -> list[tuple[Inspection, Follower, list[_Colour]]]:
    """The shown text, coloured by each unit that follows something; for language models, one of each architecture."""
    first = {one.label: one for one in reversed(inspections)}.values()
    texts = [one for one in first if one.task_label.startswith("charlm")]
    return [(one, unit, _coloured(one, unit)) for one in texts for unit in _inspection_figures.followed(one)]


def _coloured(one: Inspection, follower: Follower) -> list[_Colour]:
    largest = max(map(abs, follower.trace), default=1.0) or 1.0
    shares = [value / largest for value in follower.trace]
    return [
        _Colour(text, round(100 * max(share, 0)), round(100 * max(-share, 0)))
        for text, share in zip(one.shown.inputs, shares, strict=False)
    ]
