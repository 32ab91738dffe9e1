"""Does `harness bench` find a slowdown of 10 %, and is it silent where nothing has changed?

A cell that takes 4 time steps more than the 50 it is given does a tenth more real work, forward and backward, with what
joins them to the rest (1.09 to 1.10 times the time, measured in turns in one process). Sessions of the cell as it was
and with the slowdown alternate; each slow one is compared with the one before it (found?), and each plain one with the
plain one before it (false alarm?). Run: python benchmarks/bench_noise.py --trials 20
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from harness.bench.comparison import TimingChange, changes
from harness.bench.measurement import Measurement
from harness.bench.request import Request, whole_paths
from harness.bench.session import measure
from harness.spec import SweepSpec
from harness.sweeps.plan import plan

CELL = """
import torch
from torch import nn

EXTRA = {extra}  # share of the work that comes on top


class Planted(nn.Module):
    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.read, self.carry = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.hidden_size = hidden_size

    def forward(self, x):
        state, states = x.new_zeros(x.shape[0], self.hidden_size), []
        steps = x.unbind(dim=1)
        for step in steps:
            state = torch.tanh(self.read(step) + self.carry(state))
            states.append(state)
        out = torch.stack(states, dim=1)
        if EXTRA:  # as many steps more, on which nothing depends but the time
            for step in steps[: round(EXTRA * len(steps))]:
                state = torch.tanh(self.read(step) + self.carry(state))
            out = out + 0 * state.unsqueeze(1)
        return out
"""


def session(file: Path, extra: float, arguments: argparse.Namespace, first: Measurement | None) -> Measurement:
    file.write_text(CELL.format(extra=extra))
    settings = {"batch_size": 32}
    sweep = SweepSpec(
        (str(file),), ("adding",), (arguments.length,), settings=settings, options={"hidden_size": ("128",)}
    )
    specs = tuple(whole_paths(spec) for spec in plan(sweep))
    seconds = first.request.seconds if first else {}  # as --compare does
    request = Request(specs, processes=arguments.processes, rounds=arguments.rounds, seconds=seconds)
    return measure(request, lambda line: None, 300.0)


def told(found: list[TimingChange]) -> str:
    return ", ".join(f"{one.kind} {one.ratio:.3f} (noise to {one.floor:.3f}, p {one.p:.1g})" for one in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="save every session there")
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=12)
    arguments = parser.parse_args()
    found = alarms = silent_trials = 0
    before: Measurement | None = None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "planted.py"
        for trial in range(1, arguments.trials + 1):
            plain = session(file, 0.0, arguments, before)
            slow = session(file, 0.08, arguments, plain)
            for name, one in (("plain", plain), ("slow", slow)) if arguments.keep else ():
                one.save(arguments.keep / f"{name}-{trial:02}.json")
            planted = changes(plain, slow)
            found += any(one.verdict == "slower" for one in planted)
            line = f"planted: found {found} of {trial}: {told(planted)}"
            if before:
                same = changes(before, plain)
                silent_trials += 1
                alarms += any(one.verdict != "same" for one in same)
                line += f"\nA/A: {alarms} false alarms of {silent_trials}: {told(same)}"
            before = plain
            print(f"{line}\nload {os.getloadavg()[0]:.1f}, clock over CPU {plain.clock_over_cpu:.1f}", flush=True)


if __name__ == "__main__":
    main()
