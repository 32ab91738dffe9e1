"""Records in MLflow: written, found and read back. Only the driver writes. Runs are flat, one experiment a task.

What kinds of MLflow runs there are is said in `tags.Kind`: a run with the record of one training, curves and summaries
that are derived from them (`curves.py`), the log of sweeps (`sweep_log.py`), searches (`searches.py`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mlflow.entities import Run

from harness.analysis.colours import colour
from harness.errors import HarnessError, NoRecordsError, UsageError, did_you_mean, one_line
from harness.process import heartbeat
from harness.record import FINAL, CurvePoint, Record
from harness.spec import RunSpec
from harness.tracking import tags as names
from harness.tracking.address import exists, resolve_uri
from harness.tracking.mlflow_runs import SWEEPS, MlflowRuns, experiment_of
from harness.tracking.run_codec import LEARNING, metrics_of, params_of, record_of, tags_of
from harness.tracking.tags import RUNNING, Kind, both, equals

_MLFLOW_STATUS = {"ok": "FINISHED", "refused": "FINISHED", "pruned": "KILLED", "interrupted": "KILLED"}  # else FAILED
_WEIGHTS = "weights.safetensors"  # artifact of a run
_POLLS, _POLL_SECONDS = 100, 0.05  # for a claim to be confirmed or withdrawn
_STALE = "stale: the command that ran it ended without recording it"
_RUNS = equals(names.KIND, Kind.RUN)
_PLAIN: Mapping[str, str] = {}


class StoredRecord(NamedTuple):
    """A record and the MLflow run that holds it."""

    run_id: str
    record: Record


def existing(uri: str | None) -> Store:
    """The store to read, the default one if none is given; NoRecordsError, and nothing is made, where none is."""
    if not exists(resolve_uri(uri)):
        raise NoRecordsError(f"{resolve_uri(uri)} holds no records yet: harness run --arch lstm --task copy")
    return Store(resolve_uri(uri))


class Store(MlflowRuns):
    """Where records are kept: an MLflow tracking store, by its address."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.driver = heartbeat.driver_name()
        self.weights_trouble = ""  # why weights could not be stored; their runs are recorded
        self.unreadable: dict[str, str] = {}  # why the last reading could not read a run, by MLflow id

    def task_experiment(self, task_label: str) -> str:
        """The id of a task's experiment, which is made where there is none."""
        return self.experiment(experiment_of(task_label), task_label)

    def newest_experiment(self, task_label: str | None = None) -> str:
        """The id of a task's experiment, or of the one that was written last; NoRecordsError if there is none."""
        labels = self.task_labels()
        if not labels:
            raise NoRecordsError(f"{self.uri} holds no records yet: harness run --arch lstm --task copy")
        newest = self.newest_task_experiment(task_label)
        if newest is None:
            raise UsageError(did_you_mean("recorded task", task_label or "", labels))
        return newest

    def start(self, spec: RunSpec, sweep: str, tags: Mapping[str, str] = _PLAIN) -> str:
        """Makes the MLflow run of a training that begins now (status RUNNING); returns its id.

        `tags` make it a run of another kind, such as a trial.
        """
        return self._start(spec, sweep, {names.CLAIMED: "true", **tags})

    def claim(self, spec: RunSpec, sweep: str) -> str | None:
        """Starts a training; None where another driver has finished it meanwhile or works on it.

        Each of two drivers writes before it reads, so at least one of them sees the other. It withdraws its claim for
        one that is confirmed, or whose id is lower; a claim with a higher id it waits for, since that one is withdrawn.
        """
        run_id = self._start(spec, sweep, {})
        for _ in range(_POLLS):
            others = [other for other in self._runs_of(spec) if self._is_taken(other)]
            if not others:
                self.set_tag(run_id, names.CLAIMED, "true")
                return run_id
            if any(names.CLAIMED in other.data.tags or _precedes(other.info.run_id, run_id) for other in others):
                break
            time.sleep(_POLL_SECONDS)
        self.delete(run_id)
        return None

    def finish(self, run_id: str, record: Record) -> None:
        """Writes a record; its status comes last, so that an unfinished one never passes for a whole one."""
        metrics = metrics_of(record, int(time.time() * 1000))
        self.log(run_id, metrics, params_of(record.spec), tags_of(record))
        if record.weights:
            self._keep_weights(run_id, record.weights)
        self.set_tag(run_id, names.STATUS, record.status)
        self.terminate(run_id, _MLFLOW_STATUS.get(record.status, "FAILED"))

    def weights(self, run_id: str) -> bytes | None:
        """The weights that a run left behind, as they were recorded; None where it left none."""
        return self.attached(run_id, _WEIGHTS)

    def weights_address(self, run_id: str) -> str | None:
        """Where the weights of a run are: a path for a store on this machine, else a URI; None where it left none."""
        return self.attached_address(run_id, _WEIGHTS)

    def records(self, task_labels: Iterable[str], learning_curves: bool = False) -> Iterator[StoredRecord]:
        """Every ended run, newest first; learning curves (thinned) if asked.

        A run that cannot be read is left out and noted in `unreadable`: another version wrote it, or it is damaged.
        """
        self.unreadable.clear()
        for label in task_labels:
            for run in self.search(experiment_of(label), _RUNS):
                if names.STATUS in run.data.tags:
                    try:
                        yield StoredRecord(run.info.run_id, record_of(run, learning_curves))
                    except (ValueError, KeyError, TypeError) as error:
                        self.unreadable[run.info.run_id] = _why_unreadable(error)

    def find(self, name: str) -> list[StoredRecord]:
        """Ended runs, newest first, by MLflow id or by how the identity begins; HarnessError for an unreadable one."""
        query = names.begins(names.IDENTITY, name) if len(name) <= 16 else f"attributes.run_id = '{name}'"
        found = [run for label in self.task_labels() for run in self.search(experiment_of(label), query)]
        try:
            return [
                StoredRecord(run.info.run_id, record_of(run, curve=True))
                for run in found
                if names.STATUS in run.data.tags
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(f"The record of run {name} cannot be read: {_why_unreadable(error)}.") from None

    def running(self, task_labels: Iterable[str]) -> set[str]:
        """Identities of the runs that drivers work on."""
        at_work = self.drivers()
        found = (run.data.tags for run in self._running(task_labels))
        return {tags.get(names.IDENTITY, "") for tags in found if tags.get(names.DRIVER) in at_work}

    def mark_stale_runs(self, task_labels: Iterable[str]) -> int:
        """Marks runs whose driver has ended as interrupted; how many there were."""
        at_work = self.drivers()
        stale = [run for run in self._running(task_labels) if run.data.tags.get(names.DRIVER) not in at_work]
        for run in stale:
            status = run.data.tags.get(names.STATUS)
            if status is None:
                self.mark_interrupted(run.info.run_id)
            else:  # the driver ended between the last two lines of `finish`
                self.terminate(run.info.run_id, _MLFLOW_STATUS.get(status, "FAILED"))
        return len(stale)

    def mark_stale_trials(self, task_label: str, study: str, is_stale: Callable[[str], bool]) -> None:
        """Marks the running trials of a study as interrupted whose driver, by its name, is stale."""
        for run in self.search(experiment_of(task_label), both(equals(names.STUDY, study), RUNNING)):
            if is_stale(run.data.tags.get(names.DRIVER, "")):
                self.mark_interrupted(run.info.run_id)

    def mark_interrupted(self, run_id: str) -> None:
        """Marks a run whose driver has ended as interrupted."""
        self.set_tag(run_id, names.REASON, _STALE)
        self.set_tag(run_id, names.STATUS, "interrupted")
        self.terminate(run_id, "KILLED")

    def drivers(self) -> set[str]:
        """Drivers that are at work, on any sweep."""
        running = (run.data.tags for run in self.search(SWEEPS, both(equals(names.KIND, Kind.SWEEP), RUNNING)))
        found = {tags.get(names.DRIVER, ""): tags.get(names.HEARTBEAT, "0") for tags in running}
        return {driver for driver, beat in found.items() if not heartbeat.is_stale(driver, _seconds(beat))}

    def learning_curve(self, run_id: str) -> list[CurvePoint]:
        """The whole learning curve of one run."""
        points: dict[int, dict[str, Any]] = defaultdict(dict)
        for name in LEARNING:
            for step, value in self.metric_history(run_id, name).items():
                points[step][name] = value
        return [CurvePoint(step, **points[step]) for step in sorted(points)]

    def _keep_weights(self, run_id: str, weights: bytes) -> None:
        try:
            self.attach_bytes(run_id, _WEIGHTS, weights)
        except Exception as error:  # of the library that an artifact store needs, or of a disk
            self.weights_trouble = one_line(error)

    def _start(self, spec: RunSpec, sweep: str, more: Mapping[str, str]) -> str:
        tags = {
            names.KIND: Kind.RUN,
            names.SWEEP: sweep,
            names.DRIVER: self.driver,
            names.IDENTITY: spec.identity,
            names.RUN_COLOR: colour(spec.label),
            **names.long_text(names.SPEC, spec.to_json()),
            **more,
        }
        name = tags.pop(names.RUN_NAME, f"{spec.label} T={spec.length_text} seed={spec.seed}")
        return self.create(self.task_experiment(spec.task_label), name, tags)

    def _runs_of(self, spec: RunSpec) -> Iterator[Run]:
        return self.search(experiment_of(spec.task_label), both(_RUNS, equals(names.IDENTITY, spec.identity)))

    def _running(self, task_labels: Iterable[str]) -> Iterator[Run]:
        for label in task_labels:
            yield from self.search(experiment_of(label), both(_RUNS, RUNNING))

    def _is_taken(self, run: Run) -> bool:
        """Whether a run is finished, or another driver works on it."""
        tags: dict[str, Any] = run.data.tags
        if run.info.status == "RUNNING":
            return tags.get(names.DRIVER) in self.drivers() - {self.driver}
        return tags.get(names.STATUS) in FINAL


def _precedes(one: str, other: str) -> bool:
    """Which of two claims made at the same moment stays: any rule will do that both drivers keep."""
    return one < other


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _why_unreadable(error: Exception) -> str:
    missing = f"{error.args[0]} is missing" if isinstance(error, KeyError) and error.args else ""
    return missing or " ".join(str(error).split())[:200] or type(error).__name__
