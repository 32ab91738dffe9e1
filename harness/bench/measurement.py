"""What a session found: samples as pytest-benchmark wrote them, rows made of them, and the file they are kept in."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from harness.bench.preflight import Preflight
from harness.bench.request import LOOP, PASSES, PRODUCT, Request
from harness.bench_record import Row, slope
from harness.errors import HarnessError, UsageError, did_you_mean
from harness.spec import RunSpec

VERSION = 2


@dataclass(frozen=True)
class Turn:
    """The samples of one turn of a cell, and the time of the reference around it."""

    seconds: tuple[float, ...]
    reference: float

    @property
    def relative(self) -> float:
        """What drifts with the machine is in both, and not in this; of each the call that was disturbed least."""
        return min(self.seconds) / self.reference


@dataclass(frozen=True)
class Measurement:
    """A whole session."""

    request: Request
    preflights: Sequence[Preflight]
    sessions: Sequence[Mapping[str, Any]]  # each as pytest-benchmark writes it, all samples among it
    environment: Mapping[str, str]

    @cached_property
    def turns(self) -> dict[str, list[list[Turn]]]:
        """By key of a cell: for each process the turns it had."""
        found: dict[str, list[list[Turn]]] = defaultdict(list)
        for session in self.sessions:
            for key, turns in _turns(session["benchmarks"]).items():
                found[key].append(turns)
        return dict(found)

    @cached_property
    def product(self) -> float:
        """The machine's own rate: FLOP/s of a product of large matrices, median over the session."""
        found = [
            benchmark["extra_info"]["flops"] / sample
            for session in self.sessions
            for benchmark in session["benchmarks"]
            if benchmark["extra_info"]["cell"].endswith(f"|{PRODUCT}")
            for sample in benchmark["stats"]["data"]
        ]
        return median(found) if found else math.nan

    @cached_property
    def clock_over_cpu(self) -> float:
        """How much longer the session took by the clock than in CPU time: 1 on a machine with nothing else to do."""
        found = [b["extra_info"]["clock_over_cpu"] for session in self.sessions for b in session["benchmarks"]]
        return median(found) if found else math.nan

    @cached_property
    def rows(self) -> list[Row]:
        specs = {(spec.label, spec.length): spec for spec in self.request.specs}
        labels = list(dict.fromkeys(look.label for look in self.preflights))
        ordered = sorted(self.preflights, key=lambda look: (labels.index(look.label), look.length))
        return [self._row(look, kind, specs[look.label, look.length]) for look in ordered for kind in PASSES]

    @cached_property
    def slopes(self) -> dict[tuple[str, str], tuple[float, float | None]]:
        """By label and pass: the exponents with which time, and memory, grow with length; 1 is linear."""
        found = {}
        for label in dict.fromkeys(row.label for row in self.rows):
            for kind in PASSES:
                mine = [row for row in self.rows if (row.label, row.kind) == (label, kind) and not row.reason]
                if len(mine) > 1:
                    memory = [(row.length, row.memory) for row in mine if row.memory]
                    time = slope([(row.length, row.seconds) for row in mine])
                    found[label, kind] = time, slope(memory) if len(memory) > 1 else None
        return found

    @cached_property
    def machine(self) -> str:
        """What it was measured on, and what a time is there."""
        there = self.environment
        name = there["cpu"] if there["device"] == "cpu" else there["device.name"]
        bits = self.request.specs[0].precision
        how = " and ".join(dict.fromkeys(spec.execution for spec in self.request.specs))
        return f"{name}, {_counted(there['threads'], 'thread')}, {bits} bit, {how}, {there['timer']}"

    def _row(self, look: Preflight, kind: str, spec: RunSpec) -> Row:
        key = f"{look.label}|{look.length}|{kind}"
        samples = [s for turns in self.turns.get(key, ()) for turn in turns for s in turn.seconds]
        known: dict[str, Any] = {
            "memory": look.memory.get(kind),
            "parameters": look.parameters,
            "state_size": look.state_size,
            "kernel": look.kernel,
            "batch_size": spec.batch_size,
            "hidden_size": spec.hidden_size,
            "machine": self.machine,
        }
        if not samples:
            told = [line for session in self.sessions for line in session.get("failures", ())]
            reason = look.reason or f"it failed while it was timed: {told[0] if told else 'no word'}"
            return Row(look.label, look.length, kind, reason, **known)
        low, middle, high = quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else samples * 3
        rate = look.flops[kind] / middle
        return Row(
            look.label,
            look.length,
            kind,
            seconds=middle,
            quarter=low,
            three_quarters=high,
            samples=len(samples),
            tokens_per_second=look.steps * spec.batch_size / middle,
            flops=look.flops[kind],
            flops_per_second=rate,
            of_product=rate / self.product,
            **known,
        )

    def save(self, path: Path) -> None:
        """Writes all of it; a folder that cannot be written to is a HarnessError."""
        content = {
            "harness_bench": VERSION,
            "request": json.loads(self.request.to_json()),
            "environment": dict(self.environment),
            "preflights": [asdict(look) for look in self.preflights],
            "sessions": list(self.sessions),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
        except OSError as error:
            raise HarnessError(f"{path} cannot be written ({error.strerror}): --save takes another place.") from None


def _counted(number: int | str, noun: str) -> str:
    """'1 thread', '2 threads'."""
    return f"{number} {noun}" if str(number) == "1" else f"{number} {noun}s"


def place(name: str, folder: Path) -> Path:
    """The file of a name; a name with a suffix is a path itself."""
    return Path(name) if name.endswith(".json") else folder / f"{name}.json"


def load(name: str, folder: Path) -> Measurement:
    """A session that was saved; UsageError where there is none of that name, or it cannot be read."""
    path = place(name, folder)
    if not path.is_file():
        known = [file.stem for file in folder.glob("*.json")] if folder.is_dir() else []
        raise UsageError(did_you_mean("saved measurement", name, known))
    try:
        content = json.loads(path.read_text())
        version = content["harness_bench"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is no measurement that harness bench --save wrote.") from None
    try:
        if version != VERSION:
            raise ValueError(f"version {version}, and this one is {VERSION}")
        request = Request.from_json(json.dumps(content["request"]))
        found = [Preflight(**look) for look in content["preflights"]]
        return Measurement(request, found, content["sessions"], content["environment"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is of another version of harness ({error}): measure it again.") from None


def _turns(benchmarks: Sequence[Mapping[str, Any]]) -> dict[str, list[Turn]]:
    """The turns of each cell in one process, each with the reference timings right before and after it."""
    found: dict[str, list[Turn]] = defaultdict(list)
    told = [(benchmark["extra_info"]["cell"], tuple(benchmark["stats"]["data"])) for benchmark in benchmarks]
    loops = [min(data) if key.endswith(f"|{LOOP}") else None for key, data in told]
    for index, (key, data) in enumerate(told):
        if not key.endswith((f"|{LOOP}", f"|{PRODUCT}")):
            before = next((value for value in reversed(loops[:index]) if value), math.nan)
            after = next((value for value in loops[index:] if value), before)
            found[key].append(Turn(data, math.sqrt(before * after)))
    return found
