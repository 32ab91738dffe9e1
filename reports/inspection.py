"""The page of `harness inspect`: one HTML file that opens offline, the verdict first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from harness.analysis import verdict
from harness.analysis.inspections import ArchitectureInspection, InspectionSummary, Line, summarise_inspections
from harness.inspection_record import STRAIGHT_FROM, Follower, Inspection
from harness.report import Results

from . import _inspection_figures, _svg
from ._drawing import Drawn
from ._files import write as write_file
from ._page import render
from ._tables import Table, TableCell

_EXPLAINED = {
    "gradient-by-lag": "How much the loss at the last answer would change with each earlier input. A line that falls "
    "steeply is a vanishing gradient: training learns nothing from inputs that far back. The line is the median over "
    "seeds, the band is from the lowest to the highest. No axis goes below 1e-12; what is below it is drawn there.",
    "state-by-lag": "What is left of a small change of the state after that many steps. Below 1 it fades, above 1 it "
    "grows, on the dotted line it is kept. The first seed of each architecture. No axis goes below 1e-12; "
    "what is below it is drawn there.",
    "decoded": "A linear probe is fitted to read what is to be remembered from the state at each step, and tested on "
    "other sequences. Where it falls to chance, the model forgot. Where it stays high and the answers are wrong, the "
    "model knows and cannot say it. Chance is that of always naming the most frequent.",
    "time-scales": "A unit whose forget gate is f keeps what it holds for about -1 / ln f steps.",
    "over-training": "Peaks are exploding gradients; training clips them. A line for each seed.",
    "inside": "Units down, the slowest first; time along.",
    "units": "Grey: the feature. In colour: the unit that follows it best, scaled to the height of the feature; a unit "
    "whose correlation is negative is drawn upside down. Features that do not change in this sequence are left out.",
}
_MOST_SYMBOLS = 60  # of the shown sequence, in words


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
            _Figure(one.title, Markup(_svg.inline(one)), _explained(one))
            for one in _inspection_figures.figures(summary, inspections)
        ]
    labels = [one.label for one in summary.architectures]
    return render(
        "inspection.html",
        title=f"Inside {verdict.listed(labels)} on {summary.task_label}, T={summary.length}",
        question=results.tasks.get(summary.task_label),
        counted=_counted(summary, inspections),
        shown_sequence=_shown(inspections[0]),
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


def _explained(one: Drawn) -> str:
    """By the kind of a figure, which ends with the architecture's name where each has its own."""
    words = (one.kind, one.kind.partition("-")[0])
    return next((_EXPLAINED[word] for word in words if word in _EXPLAINED), "")


def _counted(summary: InspectionSummary, inspections: Sequence[Inspection]) -> str:
    """How much was looked at; and where the first input is, if that is not the length."""
    seeds = max(one.seeds for one in summary.architectures)
    counted = f"{_number_of(len(inspections), 'run')}, {_number_of(seeds, 'seed')}; measured on sequences that were "
    counted += "neither trained nor tested on."
    farthest = max(one.farthest for one in summary.architectures)
    if farthest != summary.length:
        counted += f" T={summary.length} is the length as the task counts it; of the inputs seen, the earliest is "
        counted += f"{farthest} steps before the last answer."
    return counted


def _shown(one: Inspection) -> str:
    """The sequence of the heat maps, in words: whose it is and how long."""
    inputs = one.shown.inputs
    text = " ".join(inputs[:_MOST_SYMBOLS]) + " ..." * (len(inputs) > _MOST_SYMBOLS)
    if one.shown.wanted:
        return f"The sequence that is shown, one of the task with {_number_of(len(inputs), 'step')}: {text}"
    return (
        f"The sequence that is shown is yours, in the task's symbols: {text} ({_number_of(len(inputs), 'step')}; it is "
        f"not padded to T={one.length}, at which all else is measured)"
    )


def _numbers(architectures: list[ArchitectureInspection]) -> Table:
    rows = [
        _row("seeds", architectures, "{:.0f}", lambda one: one.seeds),
        _row("gradient: factor per step, at the start", architectures, "{:.3f}", lambda one: one.gain_at_start),
        _row("gradient: factor per step, after training", architectures, "{:.3f}", lambda one: one.gain),
        _row("gradient: reach in steps, at the start", architectures, "{:.0f}", lambda one: one.reach_at_start),
        _row("gradient: reach in steps, after training", architectures, "{:.0f}", lambda one: one.reach),
        _row("state: Lyapunov exponent, at the start", architectures, "{:+.3f}", lambda one: one.exponent_at_start),
        _row("state: Lyapunov exponent, after training", architectures, "{:+.3f}", lambda one: one.exponent),
        _row("probe: decoded at the last step", architectures, "{:.1%}", lambda one: _last(one.decoded)),
        _row("probe: chance", architectures, "{:.1%}", lambda one: _last(one.decoding_chance)),
        _row("answers: test accuracy", architectures, "{:.1%}", lambda one: one.accuracy),
        _row("answers: chance", architectures, "{:.1%}", lambda one: one.chance),
    ]
    note = "Factor per step: of a straight line through the logarithms of the gradient; - where a straight line does "
    note += f"not explain {STRAIGHT_FROM:.0%} of their variance. Reach: the most steps back with at least 1% of the "
    note += "gradient of the last input. Chance of the probe: naming the most frequent of what is to be remembered in "
    note += "the sequences probed. Chance of the answers: the best predictor without memory."
    columns = ["measured", *(one.label for one in architectures)]
    return Table("Gradients, states and what is known", columns, rows, note=note)


def _row(
    name: str,
    architectures: list[ArchitectureInspection],
    form: str,
    value: Callable[[ArchitectureInspection], float | None],
) -> list[TableCell]:
    return [TableCell(name), *(_number(value(one), form) for one in architectures)]


def _last(line: Line | None) -> float | None:
    return line.middle[-1] if line else None


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
