"""A first look at each training in a guarded process: does it work, what does it cost, which kernels does it use?

What fails here, or ends its process, is a row with a reason, and nothing else is harmed by it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from harness.bench.memory import limit_memory, peak
from harness.bench.request import PASSES, Request
from harness.bench.workload import Work
from harness.engines.local import warm_up
from harness.errors import HarnessError
from harness.process.parent_death import end_with_parent
from harness.run import outcome, probe_batch, refuse_unfit
from harness.spec import RunSpec
from harness.training.device import computing, pick
from harness.training.model import count_parameters, state_size

_KERNELS = {
    "mkldnn_rnn_layer": "oneDNN, fused",
    "_cudnn_rnn": "cuDNN, fused",
    "_flash_attention": "flash attention",
    "_Compiled": "compiled loop",  # of our own plugins: what autograd calls them begins so
}
_COUNTED_ROWS = 2  # of a batch: products grow with the batch in proportion


@dataclass
class Look:
    """What is known of one training before it is timed."""

    label: str
    length: int
    reason: str = ""  # why it cannot be measured; '' where it can
    status: str = "ok"
    seconds: dict[str, float] = field(default_factory=dict)  # that one call took, by pass
    flops: dict[str, float] = field(default_factory=dict)  # of the products in one call
    memory: dict[str, int | None] = field(default_factory=dict)  # peak bytes beyond model and batch
    parameters: int = 0
    state_size: int | None = None
    steps: int = 0  # time steps of one sequence
    kernel: str = ""


def looks(request: Request, limit: float) -> Iterator[Look]:
    """Looks at each training in turn, at most `limit` seconds at each."""
    warm_up()
    context = multiprocessing.get_context("forkserver")
    for spec in request.specs:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(theirs, spec.to_json(), request.to_json()), daemon=True)
        process.start()
        theirs.close()
        try:
            yield _heard(ours, spec, limit) or _gone(process, spec)
        finally:
            process.kill()
            process.join()


def _heard(pipe: Connection, spec: RunSpec, limit: float) -> Look | None:
    if not pipe.poll(limit):
        return Look(spec.label, spec.length, f"it took longer than {limit:g} s (--timeout)", "timeout")
    with contextlib.suppress(EOFError, OSError):
        return Look(**pipe.recv())
    return None


def _gone(process: Any, spec: RunSpec) -> Look:
    process.join()
    ended = f"exit code {process.exitcode}" if process.exitcode >= 0 else f"signal {-process.exitcode}"
    memory = " (out of memory?)" if process.exitcode == -9 else ""
    return Look(spec.label, spec.length, f"its process ended with {ended}{memory}", "error")


def _serve(pipe: Connection, spec: str, request: str) -> None:
    end_with_parent()
    silence = os.open(os.devnull, os.O_WRONLY)  # what a plugin or the profiler prints is no result
    for stream in (1, 2):
        os.dup2(silence, stream)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    asked = Request.from_json(request)
    limit_memory(pick(asked.device))
    pipe.send(asdict(look(RunSpec.from_json(spec), asked)))


def look(spec: RunSpec, request: Request) -> Look:
    """Everything but the timing; whatever goes wrong becomes the reason."""
    found = Look(spec.label, spec.length)
    device = pick(request.device)
    with computing(device):
        torch.set_num_threads(request.threads)
        try:
            _fill(found, Work(spec, device), request.memory)
        except Exception as error:
            found.status, found.reason = outcome(error)
            if isinstance(error, HarnessError):
                found.reason = str(error)
    return found


def _fill(found: Look, work: Work, memory: bool) -> None:
    refuse_unfit(work.model, work.task, work.spec, probe_batch(work.task, work.spec, work.device))
    found.parameters = count_parameters(work.model)
    found.steps = work.batch.inputs.shape[1]
    for kind in PASSES:
        call = work.call(kind)
        call()
        clock = time.process_time if work.device.type == "cpu" else time.perf_counter  # others' work is not ours
        began = clock()
        call()
        found.seconds[kind] = clock() - began
    if memory:
        found.memory = {kind: peak(work.call(kind), work.device) for kind in PASSES}
    with torch.no_grad():
        found.state_size = state_size(work.model(work.batch.inputs, work.batch.lengths)[1])
    found.kernel = _kernel(work, found.steps)
    found.flops = _flops(work)


def _kernel(work: Work, steps: int) -> str:
    """Which kernels a forward pass ran on, as torch's profiler saw it; in a CUDA graph it sees none."""
    graph = work.spec.execution == "cuda-graphs"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if work.device.type == "cuda" else [])]
    with profile(activities=activities) as seen:
        work.eager() if graph else work.call("forward")()
    counts = {event.key: event.count for event in seen.key_averages()}
    fused = [told for part, told in _KERNELS.items() if any(part in name for name in counts)]
    operations = sum(count for name, count in counts.items() if name.startswith("aten::"))
    told = " and ".join(fused) or f"eager, {operations / steps:.3g} operations a step"
    if work.spec.execution == "compile":
        told = f"compiled: {told.removeprefix('eager, ')}"
    return f"{told}, in a CUDA graph" if graph else told


def _flops(work: Work) -> dict[str, float]:
    """Operations of the matrix products and convolutions, which torch's counter knows, of one call of each pass.

    Fused kernels are one operation to the counter. They are switched off for it, and two sequences computed step by
    step on the CPU. What is elementwise is not counted.
    """
    rows = min(_COUNTED_ROWS, work.spec.batch_size)
    small = Work(replace(work.spec, batch_size=rows, precision="32", execution="eager"), torch.device("cpu"))
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):  # of GPUs not here
        forward, backward = FlopCounterMode(display=False), FlopCounterMode(display=False)
        with forward:
            loss = small.forward()
        with backward:
            loss.backward()  # type: ignore[no-untyped-call]
    scale = work.spec.batch_size / rows
    once, back = forward.get_total_flops() * scale, backward.get_total_flops() * scale
    return {"forward": once, "backward": once + back, "step": once + back}


def together(found: Iterable[Look]) -> dict[str, float]:
    """Seconds of a call by the key of its cell, of what can be measured."""
    return {f"{one.label}|{one.length}|{kind}": s for one in found if not one.reason for kind, s in one.seconds.items()}
