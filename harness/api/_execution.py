"""What the functions that train share: a sweep is executed with progress where the caller sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from harness.spec import RunSpec, SweepSpec
    from harness.sweeps.execute import Outcome
    from harness.sweeps.place import Place
    from harness.tracking.store import Store

Reuse = Literal["fresh", "any", "none"]


@dataclass(frozen=True)
class Request:
    """How a sweep is carried out, as far as no result depends on it."""

    title: str
    reuse: Reuse
    retry: int
    max_failures: int | None
    quiet: bool
    call: str  # for the log of sweeps, where the command line has the line that was typed


class Executed(NamedTuple):
    """What became of a sweep."""

    outcome: Outcome
    runs: list[RunSpec]  # that were planned
    cell: int | None  # of the notebook that shows it


def executed(sweep: SweepSpec, place: Place, store: Store, request: Request) -> Executed:
    """Plans a sweep and runs what is missing of it."""
    from harness.sweeps.driver import Rules
    from harness.sweeps.execute import SweepRequest, execute
    from harness.sweeps.live import live_display
    from harness.sweeps.plan import plan
    from harness.sweeps.progress import Quiet, display

    runs = plan(sweep)
    rules = Rules(request.retry, request.max_failures, shared=request.reuse != "none")
    asked = SweepRequest(
        sweep, runs, request.call, request.title, reuse=request.reuse, rules=rules, learning_curves="thinned"
    )
    live = None if request.quiet else live_display()
    with Quiet() if request.quiet else live or display() as shown:
        outcome = execute(asked, place.make_engine(), store, shown)
    return Executed(outcome, runs, live.cell if live else None)
