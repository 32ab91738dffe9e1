"""The figures of an inspection: gradients by lag, states, what can be decoded, gates over time, time scales, units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from harness.analysis.colours import CHANCE
from harness.analysis.inspection_words import FLOOR
from harness.analysis.inspections import InspectionSummary, Line
from harness.inspection_record import Follower, Inspection
from harness.names import file_name

from ._axes import DOTTED, legend
from ._drawing import Drawn, LineStyle, line_styles

_WIDE = (7.4, 3.0)  # inches
FOLLOWS_FROM = 0.3  # of a correlation: below it no unit is said to follow a feature
_MOST_TICKS = 60  # symbols under a heat map
_ORDER = ("forget gate", "update gate", "input gate", "output gate", "reset gate", "cell", "hidden", "state")


def figures(summary: InspectionSummary, inspections: Sequence[Inspection]) -> Iterator[Drawn]:
    """All figures that have something to show; call within a style."""
    styles = line_styles(one.label for one in summary.architectures)
    yield _gradients(summary, styles)
    if any(one.state for one in inspections):
        yield _states(summary, inspections, styles)
    if any(one.decoded for one in summary.architectures):
        yield _decoded(summary, styles)
    for one in _first_seeds(inspections):
        if one.internals:
            yield _internals(one)
    if any(one.time_scales for one in inspections):
        yield _time_scales(inspections, styles)
    for one in _first_seeds(inspections):
        if _traced(one):
            yield _followers(one, styles[one.label])
    if any(len(one.gradient_norms) > 1 for one in inspections):
        yield _over_training(inspections, styles)


def _new(kind: str, task: str, title: str, alt: str, size: tuple[float, float] = _WIDE) -> Drawn:
    drawn = Drawn(kind, task, title, alt)
    drawn.figure.set_size_inches(*size)
    return drawn


def _gradients(summary: InspectionSummary, styles: dict[str, LineStyle]) -> Drawn:
    """Two panels: at the start, and after training."""
    alt = "The norm of the gradient of the loss at the last scored step, by how many steps back the input is; "
    alt += " ".join(one.sentences[0] for one in summary.architectures)
    drawn = _new("gradient-by-lag", summary.task_label, "Gradient by lag", alt)
    panels = drawn.figure.subplots(1, 2, sharey=True)
    titles = ("at the start", "after training")
    for axes, title in zip(panels, titles, strict=True):
        _logarithmic(axes)
        for one in summary.architectures:
            line = one.gradient_at_start if title == titles[0] else one.gradient
            _line(axes, drawn, one.label, line, styles[one.label], f"{title}, {{x}} steps back: ")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("steps back")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    _label_two(panels[0])
    panels[0].set_ylabel("gradient, as a share of\nthat of the last input")
    legend(drawn.figure, panels[0])
    return drawn


def _line(axes: Axes, drawn: Drawn, label: str, line: Line, style: LineStyle, hover: str) -> None:
    """`line`, its band, and marks whose tooltips begin with `hover`."""
    logarithmic = axes.get_yscale() == "log"
    low, middle, high = line.low, line.middle, line.high
    axes.plot(line.x, middle, color=style.color, linestyle=style.dash, label=label)
    axes.fill_between(line.x, low, high, color=style.color, alpha=0.15, linewidth=0)
    every = max(1, len(line.x) // 12)
    for x, y in list(zip(line.x, middle, strict=True))[::every]:
        value = _amount(y) if logarithmic else f"{y:.0%} decoded"
        mark = drawn.mark(f"{label}, {hover.format(x=x)}{value}")
        axes.plot([x], [y], marker=style.marker, markersize=3.5, color=style.color, gid=mark)


def _states(summary: InspectionSummary, inspections: Sequence[Inspection], styles: dict[str, LineStyle]) -> Drawn:
    alt = "How much of a change of the state is left after that many steps, and the largest singular value, by lag."
    drawn = _new("state-by-lag", summary.task_label, "State by lag, after training", alt)
    norms, singular = drawn.figure.subplots(1, 2, sharey=True)
    for one in _first_seeds(inspections):
        if one.state is None:
            continue
        style = styles[one.label]
        for axes, values in ((norms, one.state.norms), (singular, [found[0] for found in one.state.singular])):
            shown = [max(value, FLOOR) for value in values]
            axes.plot(one.state.lags, shown, color=style.color, linestyle=style.dash, label=one.label)
            for lag, value in zip(one.state.lags, values, strict=True):
                mark = drawn.mark(f"{one.label}, {lag} steps back: {_amount(value)}")
                axes.plot([lag], [max(value, FLOOR)], marker=style.marker, markersize=3, color=style.color, gid=mark)
    for axes, title in ((norms, "norm (1: kept as it is)"), (singular, "largest singular value")):
        _logarithmic(axes)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("steps back")
        axes.axhline(1.0, color=CHANCE, linewidth=0.8, linestyle=DOTTED)
    _label_two(norms)
    norms.set_ylabel("d state(T) / d state(T-k)")
    legend(drawn.figure, norms)
    return drawn


def _decoded(summary: InspectionSummary, styles: dict[str, LineStyle]) -> Drawn:
    alt = "How often a linear probe reads from the state what is to be remembered, by time step, beside chance."
    drawn = _new("decoded", summary.task_label, "What is still known", alt)
    axes = drawn.figure.add_subplot()
    for one in summary.architectures:
        if one.decoded:
            _line(axes, drawn, one.label, one.decoded, styles[one.label], "step {x}: ")
    chance = next((one.decoding_chance for one in summary.architectures if one.decoding_chance), None)
    if chance:
        axes.plot(chance.x, chance.middle, color=CHANCE, linestyle=DOTTED, linewidth=1, label="chance")
    axes.set_ylim(-0.02, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlabel("time step")
    axes.set_ylabel("decoded by a linear probe")
    legend(drawn.figure, axes)
    return drawn


def _internals(one: Inspection) -> Drawn:
    """A heat map for each named internal: units down, slowest first; time along, with the inputs under it."""
    known = [name for name in _ORDER if name in one.internals]
    names = [*known, *(name for name in one.internals if name not in known)][:6]
    alt = f"Heat maps of {', '.join(names)} of {one.label} over one sequence: units down, slowest first, time along."
    rows = math.ceil(len(names) / 2)
    title = f"Inside {one.label}, seed {one.seed}"
    drawn = _new(f"inside-{file_name(one.label)}", one.task_label, title, alt, (7.4, 1.75 * rows + 0.3))
    panels = drawn.figure.subplots(rows, min(2, len(names)), squeeze=False).flatten()
    for axes, name in zip(panels, names, strict=False):
        values = np.array(one.internals[name])
        gate = "gate" in name and values.min() >= 0 and values.max() <= 1
        largest = 1.0 if gate else float(np.abs(values).max()) or 1.0
        image = axes.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            cmap="viridis" if gate else "RdBu_r",
            vmin=0.0 if gate else -largest,
            vmax=largest,
        )
        drawn.figure.colorbar(image, ax=axes, pad=0.01, aspect=12).ax.tick_params(labelsize=6)
        axes.set_title(name, fontsize=8)
        axes.set_yticks([])
        axes.set_ylabel("units", fontsize=7)
        _symbols(axes, one.shown.inputs)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return drawn


def _symbols(axes: Axes, inputs: Sequence[str]) -> None:
    """The inputs along the time axis, or numbers where there is no room for them."""
    if len(inputs) <= _MOST_TICKS and all(len(symbol) <= 3 for symbol in inputs):
        axes.set_xticks(range(len(inputs)), inputs, fontsize=5 if len(inputs) > 30 else 7)
        axes.tick_params(axis="x", length=0, pad=1)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.tick_params(labelsize=6)


def _time_scales(inspections: Sequence[Inspection], styles: dict[str, LineStyle]) -> Drawn:
    alt = "How many units have a forget gate of which time scale, in steps; dotted: the length of a sequence."
    drawn = _new("time-scales", inspections[0].task_label, "Time scale of the forget gate", alt, (5.4, 2.6))
    axes = drawn.figure.add_subplot()
    bins = np.geomspace(0.2, 1e5, 40)
    for label in dict.fromkeys(one.label for one in inspections):
        scales = [scale for one in inspections if one.label == label for scale in one.time_scales]
        if scales:
            clipped = np.clip(scales, bins[0], bins[-1])
            axes.hist(clipped, bins=list(bins), histtype="step", color=styles[label].color, label=label)
    axes.axvline(inspections[0].length, color=CHANCE, linestyle=DOTTED, label=f"length: {inspections[0].length}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlabel("steps, -1 / ln f")
    axes.set_ylabel("units, all seeds")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    legend(drawn.figure, axes)
    return drawn


def _followers(one: Inspection, style: LineStyle) -> Drawn:
    """A panel for each feature: the feature (grey) and the unit that follows it best, scaled to the same height."""
    found = _traced(one)
    alt = f"Units of {one.label} that follow a feature of the task best: "
    alt += ", ".join(f"{f.feature} by unit {f.unit}, r = {f.correlation:.2f}" for f in found)
    title = f"Units of {one.label} that follow something, seed {one.seed}"
    size = (7.4, 0.9 * len(found) + 0.5)
    drawn = _new(f"units-{file_name(one.label)}", one.task_label, title, alt, size)
    panels = drawn.figure.subplots(len(found), 1, squeeze=False, sharex=True).flatten()
    for axes, follower in zip(panels, found, strict=True):
        axes.plot(follower.wanted, color=CHANCE, drawstyle="steps-mid", linewidth=1)
        other = axes.twinx()
        other.plot(follower.trace, color=style.color)
        other.set_yticks([])
        if follower.correlation < 0:
            other.invert_yaxis()
        axes.set_yticks([min(follower.wanted), max(follower.wanted)])
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.tick_params(labelsize=6)
        axes.set_title(f"{follower.feature} (grey), unit {follower.unit}: r = {follower.correlation:.2f}", fontsize=8)
    _symbols(panels[-1], one.shown.inputs)
    return drawn


def followed(one: Inspection) -> list[Follower]:
    """The features that some unit really follows, the best first."""
    found = [follower for follower in one.followers if abs(follower.correlation) >= FOLLOWS_FROM]
    return sorted(found, key=lambda follower: -abs(follower.correlation))[:4]


def _traced(one: Inspection) -> list[Follower]:
    """Those whose feature changes within the shown sequence: there is nothing to follow in the others."""
    return [follower for follower in followed(one) if len(set(follower.wanted)) > 1]


def _over_training(inspections: Sequence[Inspection], styles: dict[str, LineStyle]) -> Drawn:
    alt = "The norm of the gradient before clipping against training steps, a line for each seed."
    drawn = _new("over-training", inspections[0].task_label, "Gradient norm over training", alt, (5.4, 2.6))
    axes = drawn.figure.add_subplot()
    named: set[str] = set()
    for one in inspections:
        steps, norms = zip(*one.gradient_norms, strict=True) if one.gradient_norms else ((), ())
        label = None if one.label in named else one.label
        named.add(one.label)
        axes.plot(steps, norms, color=styles[one.label].color, linestyle=styles[one.label].dash, label=label)
    _logarithmic(axes)
    _label_two(axes)
    axes.set_xlabel("training steps")
    axes.set_ylabel("before clipping")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    legend(drawn.figure, axes)
    return drawn


def _logarithmic(axes: Axes) -> None:
    """A logarithmic axis with plain numbers: names and numbers are never formulas here."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _label_two(axes: Axes) -> None:
    """Widens a logarithmic axis until at least two powers of ten are on it; only those are labelled."""
    bounds = axes.get_ylim()
    low, high = (math.log10(bound) for bound in bounds)
    if math.floor(high) - math.ceil(low) < 1:
        axes.set_ylim(10.0 ** math.floor(low), 10.0 ** math.ceil(high))


def _amount(share: float) -> str:
    return f"under {FLOOR:.0e}" if share <= FLOOR * 1.001 else f"{share:.2g}"


def _first_seeds(inspections: Sequence[Inspection]) -> list[Inspection]:
    """One inspection of each architecture, that of its first seed."""
    return list({one.label: one for one in reversed(inspections)}.values())[::-1]
