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

from harness.engines import EndedRun, Listener
from harness.engines.isolation import foreign_code
from harness.engines.plugin_files import PluginFilesByName, pack
from harness.errors import HarnessError, StoppedError, UsageError, one_line
from harness.process.interrupt import defer_interrupts
from harness.record import Record, Status
from harness.spec import RunSpec

POLL_SECONDS = 0.25
_SECONDS_TO_END = 3.0
_ATTEMPTS = 4


@dataclass(frozen=True)
class _Job:
    """What a node needs to know of a run; plain data but for the files."""

    key: str
    attempt: int
    spec: str
    files: PluginFilesByName
    device: str
    excluded_path: str  # a folder that nothing is to be imported from


@dataclass
class _RunningTask:
    """A run whose record has not come back yet."""

    key: str
    spec: RunSpec
    files: PluginFilesByName
    code: str  # which code its process may load: see `harness.engines.isolation.foreign_code`
    attempt: int = 1
    reported: bool = False  # the listener was told that it started
    since: float | None = None  # when this attempt began


class Ray:
    """Runs as Ray tasks with one CPU each and, on 'cuda', a share of a GPU.

    `jobs`: runs at once (None: as many as the cluster has room for); `gpus`: the share, over 0 and up to 1.
    """

    def __init__(
        self, device: str = "auto", jobs: int | None = None, gpus: float = 1.0, timeout: float | None = None
    ) -> None:
        self.device = _device(device, gpus)
        self.jobs = jobs
        self.gpus = gpus
        self.timeout = timeout  # seconds for each run
        share = gpus if self.device == "cuda" else 0
        self.execute = ray.remote(num_cpus=1, num_gpus=share, max_retries=0)(_execute)
        self.waiting: deque[_RunningTask] = deque()
        self.tasks: dict[Any, _RunningTask] = {}  # by the reference of what will come back
        self.ended: list[EndedRun] = []  # not handed back yet
        self.files: dict[tuple[str, str], PluginFilesByName] = {}  # by architecture and task
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.messages = ray.remote(num_cpus=0, max_restarts=-1)(_Messages).options(scheduling_strategy=here).remote()

    @property
    def capacity(self) -> int:
        return min(self.jobs or sys.maxsize, _slots(self.device, self.gpus))

    def submit(self, key: str, spec: RunSpec) -> None:
        names = spec.architecture, spec.task
        if names not in self.files:
            self.files[names] = pack(spec)
        self.waiting.append(_RunningTask(key, spec, self.files[names], foreign_code(spec)))

    def collect(self, listener: Listener) -> list[EndedRun]:
        while not self.ended:
            self._start_tasks(listener)
            if not self.tasks:
                return []
            finished, _ = ray.wait(list(self.tasks), timeout=POLL_SECONDS)
            self._receive(listener)
            with defer_interrupts():  # or what has just come would be lost with Ctrl-C
                self._collect(finished, listener)
        self._start_tasks(listener)  # before the driver writes: a node should not wait for that
        ended, self.ended = self.ended, []
        return ended

    def stop(self, key: str) -> None:
        self.messages.stop.remote(key)

    def cancel(self) -> None:
        if self.tasks:
            finished, _ = ray.wait(list(self.tasks), num_returns=len(self.tasks), timeout=0)
            self.ended += [pair for reference in finished for pair in self._finish(reference)]
        self.waiting.clear()
        for reference in self.tasks:
            ray.cancel(reference, force=True)
        if self.tasks:
            ray.wait(list(self.tasks), num_returns=len(self.tasks), timeout=_SECONDS_TO_END)
        self.tasks.clear()

    def _start_tasks(self, listener: Listener) -> None:
        """Hands out twice as many as the cluster has room for, so that no node waits for us, nor Ray keeps them all."""
        if not self.waiting:
            return
        most = min(self.jobs or sys.maxsize, 2 * _slots(self.device, self.gpus))
        while self.waiting and len(self.tasks) < most:
            task = self.waiting.popleft()
            if not listener.claim(task.key):
                continue
            task.since = None
            job = _Job(task.key, task.attempt, task.spec.to_json(), task.files, self.device, _excluded_path())
            self.tasks[self._execute_in(task.code).remote(job, self.messages)] = task

    def _execute_in(self, code: str) -> Any:
        """The remote function in processes that load this code only: Ray keeps those of unlike environments apart."""
        if not code:
            return self.execute
        return self.execute.options(runtime_env={"env_vars": {"HARNESS_CODE": code}})

    def _receive(self, listener: Listener) -> None:
        from harness.record import Progress

        reports: dict[tuple[str, int], tuple[Any, ...] | None] = {}
        with contextlib.suppress(exceptions.RayActorError):  # Ray starts it anew
            reports = ray.get(self.messages.take_all.remote())
        for task in self.tasks.values():
            if (task.key, task.attempt) not in reports:
                continue
            self._begin(task, listener)
            if progress := reports[task.key, task.attempt]:
                listener.progressed(task.key, Progress(*progress))

    def _begin(self, task: _RunningTask, listener: Listener) -> None:
        task.since = task.since or time.monotonic()
        if not task.reported:
            task.reported = True
            listener.started(task.key)

    def _collect(self, finished: list[Any], listener: Listener) -> None:
        for reference in finished:
            task = self.tasks[reference]
            if ended := self._finish(reference):
                self.ended += ended
                self._begin(task, listener)
        self.ended += self._overdue()

    def _finish(self, reference: Any) -> list[EndedRun]:
        """The record of a run that ended; none for one that was lost with its node and waits again."""
        task = self.tasks.pop(reference)
        try:
            record = replace(ray.get(reference), spec=task.spec)  # a loose file has another path there
            lost = record.status == "interrupted"  # not by us: its node is being shut down
        except exceptions.RayError as error:
            lost = isinstance(error, _LOST)
            record = Record(task.spec, *_status_of(error), traceback=str(error))
        if lost and task.attempt < _ATTEMPTS:
            task.attempt += 1
            self.waiting.appendleft(task)
            return []
        if lost:
            record = Record(task.spec, "error", f"it was lost with its node, {_ATTEMPTS} times", record.traceback)
        return [EndedRun(task.key, record)]

    def _overdue(self) -> list[EndedRun]:
        if self.timeout is None:
            return []
        now = time.monotonic()
        late = [r for r, task in self.tasks.items() if task.since and now - task.since >= self.timeout]
        ended: list[EndedRun] = []
        for reference in late:
            ray.cancel(reference, force=True)
            task = self.tasks.pop(reference)
            ended.append(EndedRun(task.key, Record(task.spec, "timeout", f"it took longer than {self.timeout:g} s")))
        return ended


_LOST = (  # the last one: ended from outside before the run itself began, as where a node is shut down
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
    exceptions.ObjectLostError,
    exceptions.TaskCancelledError,
)


def _excluded_path() -> str:
    """The folder that Ray lets workers import from, before all else, though the driver does not; '' for none."""
    return "" if {"", os.getcwd()} & set(sys.path) else os.getcwd()


def _status_of(error: BaseException) -> tuple[Status, str]:
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


class _Messages:
    """An actor that holds what runs report until the driver asks for it, and which runs are to stop.

    Of each run it holds the latest progress, or None where it has only started.
    """

    def __init__(self) -> None:
        self.stopped: set[str] = set()
        self.reports: dict[tuple[str, int], tuple[Any, ...] | None] = {}

    def report(self, key: str, attempt: int, progress: tuple[Any, ...] | None) -> bool:
        """Whether the run is to stop."""
        self.reports[key, attempt] = progress
        return key in self.stopped

    def stop(self, key: str) -> None:
        self.stopped.add(key)

    def take_all(self) -> dict[tuple[str, int], tuple[Any, ...] | None]:
        reports, self.reports = self.reports, {}
        return reports


def _execute(job: _Job, messages: Any) -> Record:
    """On a node: one run, from spec to record."""
    import signal

    if job.excluded_path in sys.path:  # a copy.py that lies there would be taken for the standard library's
        sys.path.remove(job.excluded_path)

    from harness.discovery.compose import refuse_other_code
    from harness.engines.plugin_files import unpack
    from harness.run import run
    from harness.training import device as devices

    messages.report.remote(job.key, job.attempt, None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a node that is shut down: 'interrupted', no error
    spec = unpack(RunSpec.from_json(job.spec), job.files)
    refuse_other_code(spec)

    def on_progress(progress: Any) -> None:
        answer = messages.report.remote(job.key, job.attempt, astuple(progress))
        with contextlib.suppress(exceptions.RayError):  # the actor is away: the run goes on
            if ray.get(answer, timeout=POLL_SECONDS):
                raise StoppedError

    return run(spec, devices.pick(job.device), on_progress)
