"""What all figures share: a figure with its words, and how each architecture is drawn."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure as PlainFigure
from matplotlib.transforms import ScaledTranslation, Transform

from harness.analysis.colours import PALETTE, colour
from harness.analysis.summary import ArchitectureSummary, Summary, TaskSummary
from harness.names import file_name

from ._axes import DASHED, DOTTED

WIDTH, ROW = 5.4, 0.21  # inches
MOST = 30  # architectures in one figure; the tables hold them all
_MARKERS = "osD^vPX*<>"
_DASHES = ("-", DASHED, DOTTED, (0, (5, 1.5, 1, 1.5)))
_APART, _WIDEST = 6.0, 36.0  # points between neighbours at one length, and from the first to the last of them


class Figure(PlainFigure):
    """A figure that a notebook shows as it is, whether pyplot is loaded or not."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=150)
        return content.getvalue()


@dataclass
class Drawn:
    """A figure, what it shows in words, and the tooltip of each mark, by its id."""

    kind: str  # 'accuracy'
    task: str  # its label; '' where several are in one figure
    title: str
    alt: str
    place: int = 0  # of the task within the page
    figure: Figure = field(default_factory=Figure)
    hover: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Within the page, 'accuracy-0'."""
        return f"{self.kind}-{self.place}"

    @property
    def file(self) -> str:
        """Its file's name without a suffix, 'copy-accuracy'."""
        return file_name(f"{self.task}-{self.kind}" if self.task else self.kind)

    def mark(self, text: str) -> str:
        """An id for a mark whose tooltip is this text."""
        name = f"{self.name}-{len(self.hover)}"
        self.hover[name] = text
        return name


@dataclass(frozen=True)
class LineStyle:
    """How one architecture is drawn; each differs from the others without its colour too."""

    color: str
    marker: str
    dash: object


Shown = list[tuple[ArchitectureSummary, LineStyle]]


def new_figure(task: TaskSummary, index: int, kind: str, title: str, alt: str) -> Drawn:
    """An empty figure on one task."""
    return Drawn(kind, task.label, f"{task.label}: {title}", alt, index)


def line_styles(labels: Iterable[str]) -> dict[str, LineStyle]:
    """How each architecture is drawn on every task: of those with one colour, the shortest name has the plain line."""
    styles: dict[str, LineStyle] = {}
    taken: Counter[str] = Counter()
    for label in sorted(set(labels), key=lambda label: (len(label), label)):
        tint = colour(label)
        nth = taken[tint]
        taken[tint] += 1
        place = list(PALETTE.values()).index(tint)
        styles[label] = LineStyle(tint, _MARKERS[(place + 3 * nth) % len(_MARKERS)], _DASHES[nth % len(_DASHES)])
    return styles


def styles_of(summary: Summary) -> dict[str, LineStyle]:
    return line_styles(one.label for task in summary.tasks for one in task.architectures)


def shown(task: TaskSummary, styles: Mapping[str, LineStyle]) -> Shown:
    """The architectures that are drawn, in the order of the tables; those that failed have nothing to draw."""
    return [(one, styles[one.label]) for one in task.ran][:MOST]


def side_by_side(axes: Axes, place: int, of: int) -> Transform:
    """Data coordinates moved sideways, so that architectures with the same value at one length are all seen."""
    step = min(_APART, _WIDEST / max(of - 1, 1))
    points = (place - (of - 1) / 2) * step
    figure = axes.figure
    return axes.transData + ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)
