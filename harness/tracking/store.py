"""Records in MLflow: written, found and read back. Only the driver writes; runs are flat, one experiment a task.

Kinds of MLflow run (tag `harness.kind`): a *cell* is one training and holds the record; *curve* and *summary* runs are
made from the cells of a sweep (`curves.py`); a *sweep* says what was planned and who is at work on it (`journal.py`).
"""

from __future__ import annotations

import gc
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Concatenate, ParamSpec, TypeVar

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # a line for each run on a server

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path

from harness.analysis.colours import colour
from harness.errors import NoRecordsError, UsageError, did_you_mean, one_line
from harness.process import heartbeat
from harness.record import FINAL, CurvePoint, Record
from harness.spec import RunSpec
from harness.tracking.connect import artifact_location, exists, failures_told, opened, resolve_uri
from harness.tracking.run_codec import LEARNING, metrics_of, params_of, record_of, tags_of

_MLFLOW_STATUS = {"ok": "FINISHED", "refused": "FINISHED", "pruned": "KILLED", "interrupted": "KILLED"}  # else FAILED
_AT_ONCE = 1000  # metrics in one call
_WEIGHTS = "weights.safetensors"  # artifact of a run
_PAGE = 500  # runs read at once: each is some fifty rows, and as many objects
_CLAIMED = "harness.claimed"
_LOOKS, _SECONDS_BETWEEN_LOOKS = 100, 0.05  # for a claim to be confirmed or withdrawn
_LOST = "lost: the command that ran it ended without recording it"
_PLAIN: Mapping[str, str] = {}
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _told(method: Callable[Concatenate[Store, _P], _T]) -> Callable[Concatenate[Store, _P], _T]:
    """A method of the store whose failures are StoreError."""

    @wraps(method)
    def telling(self: Store, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with failures_told(self.uri):
            return method(self, *args, **kwargs)

    return telling


def _precedes(one: str, other: str) -> bool:
    """Of two claims made at once, which one stays: any rule will do that both drivers keep."""
    return one < other


def _experiment_name(task_label: str) -> str:
    return f"harness-{task_label}".rstrip("-")


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Keeps Python from looking for garbage among the many objects that a page is made of: a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.enable() if was_on else None


def existing(uri: str | None) -> Store:
    """The store to look into, the default one if none is given; NoRecordsError, and nothing is made, where none is."""
    if not exists(resolve_uri(uri)):
        raise NoRecordsError(f"{resolve_uri(uri)} holds no records yet: harness run --arch lstm --task copy")
    return Store(resolve_uri(uri))


class Store:
    """Where records are kept: an MLflow tracking store, by its address."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.client: MlflowClient = opened(uri)
        self.driver = heartbeat.driver_name()
        self._experiments: dict[str, str] = {}
        self.weights_trouble = ""  # why weights could not be stored; their runs are recorded

    @_told
    def experiment(self, task_label: str) -> str:
        """The id of a task's experiment, made where there is none; '' is that of the sweeps."""
        return self._found(task_label) or self._create(task_label)

    @_told
    def newest_experiment(self, task_label: str | None = None) -> str:
        """The id of a task's experiment, or of the one that was written last; NoRecordsError if there is none."""
        names = self.task_labels()
        if not names:
            raise NoRecordsError(f"{self.uri} holds no records yet: harness run --arch lstm --task copy")
        if task_label is not None and task_label not in names:
            raise UsageError(did_you_mean("recorded task", task_label, names))
        found = [self.client.get_experiment(self.experiment(name)) for name in names if task_label in (None, name)]
        return str(max(found, key=lambda e: int(e.tags.get("harness.written", 0))).experiment_id)

    @_told
    def task_labels(self) -> list[str]:
        """Tasks, with their options, of which there are records."""
        names = [experiment.name for experiment in self.client.search_experiments()]
        return [name.removeprefix("harness-") for name in names if name.startswith("harness-")]

    def start(self, spec: RunSpec, sweep: str, tags: Mapping[str, str] = _PLAIN) -> str:
        """Makes the cell run of a training that begins now (status RUNNING); returns its MLflow id.

        `tags` make it a run of another kind, as a trial is.
        """
        return self._start(spec, sweep, {_CLAIMED: "true", **tags})

    @_told
    def _start(self, spec: RunSpec, sweep: str, more: dict[str, str]) -> str:
        tags = {
            "harness.kind": "cell",
            "harness.sweep": sweep,
            "harness.driver": self.driver,
            "harness.identity": spec.identity,
            "harness.spec": spec.to_json(),
            "mlflow.runColor": colour(spec.label),
            **more,
        }
        name = tags.pop("mlflow.runName", f"{spec.label} T={spec.length_text} seed={spec.seed}")
        return self.create(spec.task_label, name, tags)

    @_told
    def claim(self, spec: RunSpec, sweep: str) -> str | None:
        """Starts a training, unless another driver has finished it meanwhile or is at work on it: None.

        Each of two drivers writes before it looks, so at least one of them sees the other. It steps back from a claim
        that was confirmed, or whose id is the lower; another it waits for, since that one will step back.
        """
        run_id = self._start(spec, sweep, {})
        for _ in range(_LOOKS):
            others = [other for other in self._of(spec) if self._is_anothers(other)]
            if not others:
                self.client.set_tag(run_id, _CLAIMED, "true")
                return run_id
            if any(_CLAIMED in other.data.tags or _precedes(other.info.run_id, run_id) for other in others):
                break
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        self.client.delete_run(run_id)
        return None

    @_told
    def finish(self, run_id: str, record: Record) -> None:
        """Writes a record; its status comes last, so that a record half written never passes for a whole one."""
        metrics = metrics_of(record, int(time.time() * 1000))
        self.log(run_id, metrics, params_of(record.spec), tags_of(record))
        if record.weights:
            self._keep_weights(run_id, record.weights)
        self.client.set_tag(run_id, "harness.status", record.status)
        self.client.set_terminated(run_id, _MLFLOW_STATUS.get(record.status, "FAILED"))

    def _keep_weights(self, run_id: str, weights: bytes) -> None:
        try:
            with TemporaryDirectory() as folder:
                file = Path(folder) / _WEIGHTS
                file.write_bytes(weights)
                self.client.log_artifact(run_id, str(file))
        except Exception as error:  # of the library that an artifact store needs, or of a disk
            self.weights_trouble = one_line(error)

    @_told
    def weights(self, run_id: str) -> bytes | None:
        """The weights that a run left behind, as they were recorded; None where it left none."""
        if self.weights_address(run_id) is None:
            return None
        with TemporaryDirectory() as folder:
            return Path(self.client.download_artifacts(run_id, _WEIGHTS, folder)).read_bytes()

    @_told
    def weights_address(self, run_id: str) -> str | None:
        """Where the weights of a run are: a path for a store on this machine, else a URI; None where it left none."""
        if _WEIGHTS not in {file.path for file in self.client.list_artifacts(run_id)}:
            return None
        address = f"{self.client.get_run(run_id).info.artifact_uri}/{_WEIGHTS}"
        if not address.startswith("file:"):
            return address
        return str(local_file_uri_to_path(address))  # type: ignore[no-untyped-call]

    def records(self, task_labels: Iterable[str], learning_curves: bool = False) -> Iterator[tuple[str, Record]]:
        """MLflow id and record of every ended cell run, newest first; learning curves (thinned) if asked."""
        for label in task_labels:
            for run in self.search(label, "tags.`harness.kind` = 'cell'"):
                if "harness.status" in run.data.tags:
                    with suppress(ValueError, KeyError, TypeError):  # of another version: it is no run of today's plans
                        yield run.info.run_id, record_of(run, learning_curves)

    def find(self, name: str) -> list[tuple[str, Record]]:
        """MLflow id and record, newest first, of ended runs: by MLflow id, or by how the identity begins."""
        query = f"tags.`harness.identity` LIKE '{name}%'" if len(name) <= 16 else f"attributes.run_id = '{name}'"
        found = [run for label in self.task_labels() for run in self.search(label, query)]
        return [(run.info.run_id, record_of(run, curve=True)) for run in found if "harness.status" in run.data.tags]

    def running(self, task_labels: Iterable[str]) -> set[str]:
        """Identities of the runs that drivers are at work on."""
        at_work = self.drivers()
        query = "tags.`harness.kind` = 'cell' and attributes.status = 'RUNNING'"
        found = (run.data.tags for label in task_labels for run in self.search(label, query))
        return {tags["harness.identity"] for tags in found if tags.get("harness.driver") in at_work}

    @_told
    def bury_lost(self, task_labels: Iterable[str]) -> int:
        """Marks runs whose driver is gone as interrupted; how many there were."""
        at_work = self.drivers()
        query = "tags.`harness.kind` = 'cell' and attributes.status = 'RUNNING'"
        running = [run for label in task_labels for run in self.search(label, query)]
        lost = [run for run in running if run.data.tags.get("harness.driver") not in at_work]
        written = {run.info.run_id: run.data.tags.get("harness.status") for run in lost}
        self.bury(run_id for run_id, status in written.items() if status is None)
        for run_id, status in written.items():
            if status is not None:  # its driver ended between the last two lines of `finish`
                self.client.set_terminated(run_id, _MLFLOW_STATUS.get(status, "FAILED"))
        return len(lost)

    @_told
    def bury(self, run_ids: Iterable[str]) -> None:
        """Marks runs as interrupted."""
        for run_id in run_ids:
            self.client.set_tag(run_id, "harness.reason", _LOST)
            self.client.set_tag(run_id, "harness.status", "interrupted")
            self.client.set_terminated(run_id, "KILLED")

    def drivers(self) -> set[str]:
        """Those that are at work, on any sweep."""
        running = self.search("", "tags.`harness.kind` = 'sweep' and attributes.status = 'RUNNING'")
        beats = {run.data.tags["harness.driver"]: float(run.data.tags["harness.beat"]) for run in running}
        return {driver for driver, beat in beats.items() if not heartbeat.is_stale(driver, beat)}

    @_told
    def learning_curve(self, run_id: str) -> list[CurvePoint]:
        """The whole learning curve of one cell run."""
        points: dict[int, dict[str, Any]] = defaultdict(dict)
        for name in LEARNING:
            for metric in self.client.get_metric_history(run_id, name):
                points[metric.step][name] = metric.value
        return [CurvePoint(step, **points[step]) for step in sorted(points)]

    def search(self, task_label: str, query: str) -> Iterator[Run]:
        """MLflow's runs in a task's experiment, newest first."""
        with failures_told(self.uri):
            experiment, token = self._found(task_label), None
        while experiment:
            with failures_told(self.uri), _collecting_later():
                page = self.client.search_runs([experiment], query, max_results=_PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    @_told
    def create(self, task_label: str, name: str, tags: dict[str, str]) -> str:
        """A new MLflow run, RUNNING; returns its id."""
        tags = {**tags, "mlflow.source.name": "harness run"}
        return str(self.client.create_run(self.experiment(task_label), tags=tags, run_name=name).info.run_id)

    @_told
    def log(self, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]) -> None:
        """Writes any number of metrics, in as few calls as MLflow allows."""
        self.client.log_batch(run_id, metrics=metrics[:_AT_ONCE], params=params, tags=tags)
        for begin in range(_AT_ONCE, len(metrics), _AT_ONCE):
            self.client.log_batch(run_id, metrics=metrics[begin : begin + _AT_ONCE])

    def _found(self, task_label: str) -> str | None:
        if task_label not in self._experiments:
            found = self.client.get_experiment_by_name(_experiment_name(task_label))
            if found:
                self._experiments[task_label] = found.experiment_id
        return self._experiments.get(task_label)

    def _create(self, task_label: str) -> str:
        try:
            place = artifact_location(self.uri)
            return str(self.client.create_experiment(_experiment_name(task_label), artifact_location=place))
        except MlflowException:
            if found := self._found(task_label):  # another driver was faster
                return found
            raise

    def _of(self, spec: RunSpec) -> Iterator[Run]:
        cells = "tags.`harness.kind` = 'cell'"
        return self.search(spec.task_label, f"{cells} and tags.`harness.identity` = '{spec.identity}'")

    def _is_anothers(self, run: Run) -> bool:
        """Whether a cell run is finished, or going to be by another driver."""
        tags: dict[str, Any] = run.data.tags
        if run.info.status == "RUNNING":
            return tags.get("harness.driver") in self.drivers() - {self.driver}
        return tags.get("harness.status") in FINAL
