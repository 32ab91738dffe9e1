"""Where runs are executed, in the words of the command line: an engine, its processes, its devices."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from harness.errors import UsageError, did_you_mean
from harness.sweeps.asked import Device, EngineName

if TYPE_CHECKING:
    from harness.engines import Engine


@dataclass(frozen=True)
class Place:
    """Where runs are executed; nothing of it changes a result."""

    engine: EngineName = "local"
    device: Device = "auto"
    jobs: int | None = None  # runs at the same time; None: one for each core or slot
    slots_per_gpu: int = 1
    timeout: float | None = None  # seconds of a run
    ray_address: str | None = None
    gpus_per_run: float | None = None

    def refuse(self) -> None:
        """Raises UsageError for settings that exclude each other."""
        if self.engine not in get_args(EngineName):
            raise UsageError(did_you_mean("engine", self.engine, get_args(EngineName)))
        if self.engine != "ray" and (self.ray_address or self.gpus_per_run):
            raise UsageError("--ray-address and --gpus-per-run are for --engine ray.")
        if self.engine == "inline" and (self.timeout or self.jobs):
            raise UsageError("--timeout and --jobs need worker processes: leave out --engine inline.")
        if self.gpus_per_run and self.slots_per_gpu > 1:
            raise UsageError("--gpus-per-run and --slots-per-gpu set the same thing: leave one of them out.")

    def prepare(self) -> None:
        """Starts what takes seconds, beside the imports of this process: the fork server imports torch too."""
        if self.engine == "local":
            from harness.process.fork_server import start_fork_server

            start_fork_server()

    def connected(self) -> contextlib.AbstractContextManager[None]:
        """What the engine needs while it lives; made before the imports that take seconds, as it may not be there."""
        if self.engine == "ray":
            from harness.engines.cluster import connected

            return connected(self.ray_address, self.jobs)
        return contextlib.nullcontext()

    def make_engine(self) -> Engine:
        """The engine itself."""
        if self.engine == "ray":
            return self._ray()

        from harness.training import device as devices

        device = devices.pick(self.device)
        if self.engine == "inline":
            from harness.engines.inline import Inline

            return Inline(device)
        from harness.engines.local import Local

        slots = devices.slots(device, self.slots_per_gpu)
        jobs = self.jobs or (len(slots) if slots else min(devices.cores(), devices.most_workers(device)))
        devices.refuse_jobs_beyond_memory(device, jobs)
        visible = [slots[index % len(slots)] for index in range(jobs)] if slots else None
        return Local(device.type, jobs, visible, self.timeout, devices.memory_share(device, jobs))

    def _ray(self) -> Engine:
        from harness.engines.ray import Ray

        jobs = self.jobs if self.ray_address else None  # a cluster of our own has that many cores
        share = self.gpus_per_run or 1 / self.slots_per_gpu
        return Ray(self.device, jobs, share, self.timeout)
