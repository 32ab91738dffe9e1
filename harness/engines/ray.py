"""The engine of a Ray cluster: every run is a Ray task, on whichever node has room for it.

Runs that are lost with their node are run again, up to three times. A run whose process dies on a node that lives is
not: it would most likely die again, and is on record as an error. Ray cannot keep the two apart for us, so its own
retries are off. `harness.engines.cluster.connected` makes the connection that this needs.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from dataclasses import astuple, dataclass, replace
from typing import Any

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from harness.engines import Listener
from harness.engines.plugin_files import Parcels, pack
from harness.errors import HarnessError, StoppedError, UsageError, one_line
from harness.process.interrupt import held_back
from harness.record import Record, Status
from harness.spec import RunSpec

_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_TO_END = 3.0
_ATTEMPTS = 4


@dataclass(frozen=True)
class _Job:
    """What a node needs to know of a run; plain data but for the files."""

    key: str
    attempt: int
    spec: str
    parcels: Parcels
    device: str
    unwanted: str  # a folder that nothing is to be imported from


@dataclass
class _Flight:
    """A run that is not back yet."""

    key: str
    spec: RunSpec
    parcels: Parcels
    attempt: int = 1
    told: bool = False  # the listener has heard that it started
    since: float | None = None  # when this attempt began


class Ray:
    """Runs as Ray tasks with one CPU each and, on 'cuda', a share of a GPU.

    `jobs`: runs at once (None: as many as the cluster has room for); `gpus`: the share, over 0 and up to 1.
    """

    def __init__(
        self, device: str = "auto", jobs: int | None = None, gpus: float = 1.0, timeout: float | None = None
    ) -> None:
        self.device, self.jobs, self.gpus, self.timeout = _device(device, gpus), jobs, gpus, timeout
        share = gpus if self.device == "cuda" else 0
        self.execute = ray.remote(num_cpus=1, num_gpus=share, max_retries=0)(_execute)
        self.waiting: deque[_Flight] = deque()
        self.flights: dict[Any, _Flight] = {}  # by the reference of what will come back
        self.ended: list[tuple[str, Record]] = []  # not handed back yet
        self.parcels: dict[tuple[str, str], Parcels] = {}  # by architecture and task
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.mailbox = ray.remote(num_cpus=0, max_restarts=-1)(_Mailbox).options(scheduling_strategy=here).remote()

    @property
    def room(self) -> int:
        return min(self.jobs or sys.maxsize, _slots(self.device, self.gpus))

    def submit(self, key: str, spec: RunSpec) -> None:
        names = spec.architecture, spec.task
        if names not in self.parcels:
            self.parcels[names] = pack(spec)
        self.waiting.append(_Flight(key, spec, self.parcels[names]))

    def collect(self, listener: Listener) -> list[tuple[str, Record]]:
        while not self.ended:
            self._launch(listener)
            if not self.flights:
                return []
            landed, _ = ray.wait(list(self.flights), timeout=_SECONDS_BETWEEN_LOOKS)
            self._hear(listener)
            with held_back():  # or what has just come would be lost with Ctrl-C
                self._gather(landed, listener)
        self._launch(listener)  # before the driver writes: a node should not wait for that
        ended, self.ended = self.ended, []
        return ended

    def stop(self, key: str) -> None:
        self.mailbox.stop.remote(key)

    def cancel(self) -> None:
        if self.flights:
            landed, _ = ray.wait(list(self.flights), num_returns=len(self.flights), timeout=0)
            self.ended += [pair for reference in landed for pair in self._land(reference)]
        self.waiting.clear()
        for reference in self.flights:
            ray.cancel(reference, force=True)
        if self.flights:
            ray.wait(list(self.flights), num_returns=len(self.flights), timeout=_SECONDS_TO_END)
        self.flights.clear()

    def _launch(self, listener: Listener) -> None:
        """Hands out twice as many as the cluster has room for, so that no node waits for us, nor Ray keeps them all."""
        if not self.waiting:
            return
        room = min(self.jobs or sys.maxsize, 2 * _slots(self.device, self.gpus))
        while self.waiting and len(self.flights) < room:
            flight = self.waiting.popleft()
            if not listener.claim(flight.key):
                continue
            flight.since = None
            job = _Job(flight.key, flight.attempt, flight.spec.to_json(), flight.parcels, self.device, _unwanted())
            self.flights[self.execute.remote(job, self.mailbox)] = flight

    def _hear(self, listener: Listener) -> None:
        from harness.record import Progress

        news: dict[tuple[str, int], tuple[Any, ...] | None] = {}
        with contextlib.suppress(exceptions.RayActorError):  # it is started anew
            news = ray.get(self.mailbox.empty.remote())
        for flight in self.flights.values():
            if (flight.key, flight.attempt) not in news:
                continue
            self._begin(flight, listener)
            if progress := news[flight.key, flight.attempt]:
                listener.progressed(flight.key, Progress(*progress))

    def _begin(self, flight: _Flight, listener: Listener) -> None:
        flight.since = flight.since or time.monotonic()
        if not flight.told:
            flight.told = True
            listener.started(flight.key)

    def _gather(self, landed: list[Any], listener: Listener) -> None:
        for reference in landed:
            flight = self.flights[reference]
            if ended := self._land(reference):
                self.ended += ended
                self._begin(flight, listener)
        self.ended += self._overdue()

    def _land(self, reference: Any) -> list[tuple[str, Record]]:
        """The record of a run that ended; none for one that was lost with its node and waits again."""
        flight = self.flights.pop(reference)
        try:
            record = replace(ray.get(reference), spec=flight.spec)  # a loose file has another path there
            lost = record.status == "interrupted"  # not by us: its node is being shut down
        except exceptions.RayError as error:
            lost = isinstance(error, _LOST)
            record = Record(flight.spec, *_verdict(error), traceback=str(error))
        if lost and flight.attempt < _ATTEMPTS:
            flight.attempt += 1
            self.waiting.appendleft(flight)
            return []
        if lost:
            record = Record(flight.spec, "error", f"it was lost with its node, {_ATTEMPTS} times", record.traceback)
        return [(flight.key, record)]

    def _overdue(self) -> list[tuple[str, Record]]:
        if self.timeout is None:
            return []
        now = time.monotonic()
        late = [r for r, flight in self.flights.items() if flight.since and now - flight.since >= self.timeout]
        ended = []
        for reference in late:
            ray.cancel(reference, force=True)
            flight = self.flights.pop(reference)
            ended.append((flight.key, Record(flight.spec, "timeout", f"it took longer than {self.timeout:g} s")))
        return ended


_LOST = (  # the last one: ended from outside before the run itself began, as where a node is shut down
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
    exceptions.ObjectLostError,
    exceptions.TaskCancelledError,
)


def _unwanted() -> str:
    """The folder that Ray lets workers import from, before all else, though the driver does not; '' for none."""
    return "" if {"", os.getcwd()} & set(sys.path) else os.getcwd()


def _verdict(error: BaseException) -> tuple[Status, str]:
    """The status and the one-line reason of a task that brought no record."""
    cause = getattr(error, "cause", None) or error
    if isinstance(error, exceptions.OutOfMemoryError):
        return "out_of_memory", "Ray ended it when its node ran out of memory"
    if isinstance(error, exceptions.WorkerCrashedError):
        return "error", "its process died: it crashed in native code, ended itself, or was killed"
    return "error", str(cause) if isinstance(cause, HarnessError) else one_line(cause)


def _device(name: str, gpus: float) -> str:
    """The device that runs get; refuses what the cluster does not have: Ray would wait for it for ever."""
    if not 0 < gpus <= 1:
        raise UsageError(f"A run takes a share of one GPU, over 0 and up to 1, not {gpus:g}.")
    most = {kind: max((node.get(kind, 0.0) for node in _nodes()), default=0.0) for kind in ("CPU", "GPU")}
    if name == "auto":
        name = "cuda" if most["GPU"] >= gpus else "cpu"
    if name not in ("cpu", "cuda"):
        raise UsageError(f"--engine ray computes on cpu or cuda, not on {name}.")
    if most["CPU"] < 1:
        raise UsageError("No node of this Ray cluster offers a whole CPU core to run on.")
    if name == "cuda" and most["GPU"] < gpus:
        raise UsageError(
            f"--device cuda: no node of this Ray cluster offers {gpus:g} GPU; the most is {most['GPU']:g}."
        )
    return name


def _slots(device: str, gpus: float) -> int:
    """Runs that the cluster has room for at once."""
    rooms = [min(node.get("CPU", 0.0), node.get("GPU", 0.0) / gpus if device == "cuda" else 1e9) for node in _nodes()]
    return max(1, sum(int(room) for room in rooms))


def _nodes() -> list[dict[str, float]]:
    """What each living node offers."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


class _Mailbox:
    """Holds what runs tell until the driver asks (the latest progress, None where one has only started), and whom to
    stop."""

    def __init__(self) -> None:
        self.stopped: set[str] = set()
        self.news: dict[tuple[str, int], tuple[Any, ...] | None] = {}

    def tell(self, key: str, attempt: int, progress: tuple[Any, ...] | None) -> bool:
        """Whether the run is to stop."""
        self.news[key, attempt] = progress
        return key in self.stopped

    def stop(self, key: str) -> None:
        self.stopped.add(key)

    def empty(self) -> dict[tuple[str, int], tuple[Any, ...] | None]:
        news, self.news = self.news, {}
        return news


def _execute(job: _Job, mailbox: Any) -> Record:
    """On a node: one run, from spec to record."""
    import signal

    if job.unwanted in sys.path:  # a copy.py that lies there would be taken for the standard library's
        sys.path.remove(job.unwanted)

    from harness.discovery.compose import refuse_other_code
    from harness.engines.plugin_files import unpack
    from harness.run import run
    from harness.training import device as devices

    mailbox.tell.remote(job.key, job.attempt, None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a node that is shut down: 'interrupted', no error
    spec = unpack(RunSpec.from_json(job.spec), job.parcels)
    refuse_other_code(spec)

    def on_progress(progress: Any) -> None:
        told = mailbox.tell.remote(job.key, job.attempt, astuple(progress))
        with contextlib.suppress(exceptions.RayError):  # it is away: no reason to stop
            if ray.get(told, timeout=_SECONDS_BETWEEN_LOOKS):
                raise StoppedError

    return run(spec, devices.pick(job.device), on_progress)
