"""CSV: tidy, one row for each run, length tested at and metric; a second file for speed, where it was measured.

Columns, in this order:

- `sweep`; `identity` of the run, 16 hexadecimal digits
- `task` and `architecture`, with their variants as in every table; `seed`; `trained_at`: the length trained at
- `status`: ok, diverged, timeout, out_of_memory, error, refused, interrupted
- `tested_at`: the length tested at; empty for what holds for the run as a whole
- `metric`, `value`: see below; numbers in full precision, `nan` for what is not a number
- `ended`: date and time (UTC, ISO 8601) of the run; `machine`; `harness` and `torch`: versions; `git`: revision of the
  folder it was run in, '+' where it had changes. Empty where not known

Metrics at a length: `accuracy` (0 to 1, over the steps that need memory), `loss`, `exact_match`, `bits` (of one answer,
where answers are classes), `chance`, and, at the length trained at, `score`: the accuracy, and chance for a run that
failed. It is what every mean over seeds is made of. Of answers that are written one after the other also `forced_error`
(share that is wrong where the right ones are fed) and `free_error` (edit distance for each right answer where the model
is fed its own).
Metrics of a run: `solved` (0 or 1), `solved_at` (accuracy), `steps_to_solve` (no row: not within the budget), `steps`,
`seconds`, `tokens_per_second`, `parameters`, `state_size`, `steps_per_sequence`. What is not known has no row.

Columns of `report-<sweep>.speed.csv`, one row for each architecture, length and pass that `harness bench` timed:
`sweep`; `label`: architecture and variant; `length`; `kind`: the pass, forward, backward (with forward) or step;
`reason`: why there is no time; `seconds`: median, with its quartiles `quarter` and `three_quarters`; `samples`;
`tokens_per_second`; `flops` of the matrix products in one call, `flops_per_second` and `of_product`, the share of the
machine's own rate; `memory`: peak bytes beyond model and batch; `parameters`, `state_size`, `kernel`, `batch_size`,
`hidden_size`, `machine`. What is not known is empty. On a CPU speeds compare kernels, not architectures.

Columns of `report-<sweep>.inspection.csv`, one row for each point that `harness inspect` measured: `sweep`, `identity`,
`task`, `architecture`, `seed`, `length`; `metric`: `gradient` and `gradient_at_start` (norm, `x` is the lag), `state`
(norm of the derivative of the state, `x` is the lag), `decoded` and `decoded_chance` (`x` is the time step),
`time_scale` (steps, `x` is the unit); `x`; `value`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from pathlib import Path

from harness.analysis.rows import COLUMNS, run_rows
from harness.bench_record import Row
from harness.inspection_record import Inspection
from harness.report import Results

from ._files import write as write_file

SPEED_COLUMNS = ("sweep", *(field.name for field in fields(Row)))
INSPECTION_COLUMNS = ("sweep", "identity", "task", "architecture", "seed", "length", "metric", "x", "value")


def write(results: Results, folder: Path) -> list[Path]:
    """Writes the rows of every run that ended, in the order of the plan, and those of speed, where there are any."""
    files = [write_file(results, folder, "csv", _text(COLUMNS, run_rows(results)))]
    if results.speeds:
        files.append(write_file(results, folder, "speed.csv", _text(SPEED_COLUMNS, _speeds(results))))
    if results.inspections:
        files.append(write_file(results, folder, "inspection.csv", _text(INSPECTION_COLUMNS, _inspections(results))))
    return files


def _text(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    return text.getvalue()


def _speeds(results: Results) -> Iterator[tuple[object, ...]]:
    for row in results.speeds:
        yield results.title, *("" if value is None or value != value else value for value in astuple(row))


def _inspections(results: Results) -> Iterator[tuple[object, ...]]:
    for one in results.inspections:
        run = (results.title, one.identity, one.task_label, one.label, one.seed, one.length)
        for metric, x, value in _inspected(one):
            yield *run, metric, x, value


def _inspected(one: Inspection) -> Iterator[tuple[str, int, float]]:
    yield from (("gradient_at_start", lag, norm) for lag, norm in zip(one.start.lags, one.start.norms, strict=True))
    yield from (("gradient", lag, norm) for lag, norm in zip(one.trained.lags, one.trained.norms, strict=True))
    if one.state:
        yield from (("state", lag, norm) for lag, norm in zip(one.state.lags, one.state.norms, strict=True))
    if one.decoded:
        columns = zip(one.decoded.steps, one.decoded.accuracies, one.decoded.chances, strict=True)
        for step, accuracy, chance in columns:
            yield "decoded", step, accuracy
            yield "decoded_chance", step, chance
    yield from (("time_scale", unit, value) for unit, value in enumerate(one.time_scales))
