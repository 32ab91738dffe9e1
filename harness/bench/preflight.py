"""A first look at each training in a guarded process: does it work, what does it cost, which kernels does it use?

What fails here, or ends its process, is a row with a reason, and nothing else is harmed by it.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.connection import Connection

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from harness.bench.memory import peak
from harness.bench.request import PASSES, Request
from harness.bench.workload import Work
from harness.errors import HarnessError
from harness.process.guarded import GuardedProcess
from harness.run import outcome
from harness.spec import RunSpec
from harness.training.device import computing, memory_share, pick
from harness.training.model import count_parameters, state_size
from harness.training.sanity import probe_batch, refuse_unfit

_KERNELS = {
    "mkldnn_rnn_layer": "oneDNN, fused",
    "_cudnn_rnn": "cuDNN, fused",
    "_flash_attention": "flash attention",
    "_Compiled": "compiled loop",  # of our own plugins: what autograd calls them begins so
    "GeneratedLoop": "generated loop",  # of a cell, with --execution compile
}
_COUNTED_ROWS = 2  # of a batch: products grow with the batch in proportion


@dataclass
class Preflight:
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


def preflights(request: Request, limit: float) -> Iterator[Preflight]:
    """Looks at each training in turn, at most `limit` seconds at each."""
    memory = memory_share(pick(request.device), 1)
    for spec in request.specs:
        target = "harness.bench.preflight:serve"
        process = GuardedProcess.start(target, spec.to_json(), request.to_json(), memory=memory, name="bench")
        try:
            yield _result(process, spec, limit)
        finally:
            process.end()


def _result(process: GuardedProcess, spec: RunSpec, limit: float) -> Preflight:
    found = process.receive(limit)
    if found is not None:
        return Preflight(**found)
    if process.hangs():
        return Preflight(spec.label, spec.length, f"it took longer than {limit:g} s (--timeout)", "timeout")
    reason = process.exit_reason()
    return Preflight(spec.label, spec.length, reason.text, "out_of_memory" if reason.out_of_memory else "error")


def serve(pipe: Connection, spec: str, request: str) -> None:
    """In the guarded process: sends what was found."""
    pipe.send(asdict(preflight(RunSpec.from_json(spec), Request.from_json(request))))
    os._exit(0)  # without waiting for threads of a plugin


def preflight(spec: RunSpec, request: Request) -> Preflight:
    """Everything but the timing; whatever goes wrong becomes the reason."""
    found = Preflight(spec.label, spec.length)
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


def _fill(found: Preflight, work: Work, memory: bool) -> None:
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
    if work.spec.execution == "compile" and work.device.type != "cpu":
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


def pass_seconds(found: Iterable[Preflight]) -> dict[str, float]:
    """Seconds of a call by the key of its cell, of what can be measured."""
    return {f"{one.label}|{one.length}|{kind}": s for one in found if not one.reason for kind, s in one.seconds.items()}
