"""MLflow's runs and experiments by a few verbs. The only module that calls MLflow's client.

Every verb waits while the store is locked, turns failures into StoreError, cuts what MLflow limits (names, lengths of
texts, metrics in one call), and restores what somebody deleted in MLflow's page while it is still written to.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from mlflow.entities import Experiment, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path

from harness.process import gc_tuning
from harness.process.temp_files import temp_prefix
from harness.tracking import tags as names
from harness.tracking.connect import artifact_location, ask, open_client, say

SWEEPS = "harness"
"""Name of the experiment that holds the log of sweeps."""

MEASUREMENTS = "speed-harness"
"""Name of the experiment that holds what `harness bench` measured."""

QUESTIONS = "studies-harness"
"""Name of the experiment that holds the questions of studies and their verdicts."""

_TASKS = "harness-"  # prefix of the experiments of tasks
_METRICS_AT_ONCE, _PARAMS_AT_ONCE, _TAGS_AT_ONCE = 1000, 100, 100  # MLflow's limits of one call
_NAME_LENGTH, _KEY_LENGTH, _PARAM_LENGTH, _TAG_LENGTH = 450, 250, 6000, 8000  # MLflow's limits, or less
_PAGE = 500  # runs read at once: each is some fifty rows and as many objects
_DELETED = "deleted"
_T = TypeVar("_T")


def experiment_of(task_label: str) -> str:
    """Name of the experiment of a task."""
    name = f"{_TASKS}{_storable(task_label)}"
    return name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]} {_short_digest(name)}"


class MlflowRuns:
    """An MLflow tracking store, by its address."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._client = open_client(uri)
        self._experiments: dict[str, str] = {}  # id by name

    def experiment(self, name: str, label: str = "") -> str:
        """The id of an experiment, which is made where there is none. `label`: of the task it belongs to."""
        return self._find_experiment(name, restore=True) or self._ask(lambda: self._create_experiment(name, label))

    def task_labels(self) -> list[str]:
        """Tasks, with their options, of which there are records."""
        return [_label(experiment) for experiment in self._task_experiments()]

    def newest_task_experiment(self, task_label: str | None = None) -> str | None:
        """The id of a task's experiment, or of the task that was written last; None if there is none."""
        found = [one for one in self._task_experiments() if task_label in (None, _label(one))]
        newest = max(found, key=lambda one: int(one.tags.get(names.WRITTEN, 0)), default=None)
        return str(newest.experiment_id) if newest else None

    def mark_written(self, experiment_id: str, view: str, state: str) -> None:
        """Notes on an experiment that it was written now, and how MLflow's page is to show it."""
        written = {names.WRITTEN: str(time.time_ns()), f"{names.SHARED_VIEW}{view}": state}
        for key, value in written.items():
            self._ask(partial(self._client.set_experiment_tag, experiment_id, key, value))

    def search(self, experiment: str, query: str = "", newest: int | None = None) -> Iterator[Run]:
        """MLflow's runs in the experiment of this name, newest first: all, or the `newest` ones."""
        experiment_id, token = self._find_experiment(experiment), None
        size = min(newest or _PAGE, _PAGE)
        while experiment_id:
            read = partial(self._client.search_runs, [experiment_id], query, max_results=size, page_token=token)
            with gc_tuning.no_collection():
                page = self._ask(read)
            yield from page
            token = page.token
            if not token or newest:
                return

    def load_run(self, run_id: str) -> Run:
        """A run by its id, deleted or not."""
        return self._ask(lambda: self._client.get_run(run_id))

    def create(self, experiment_id: str, name: str, tags: Mapping[str, str], source: str = "harness run") -> str:
        """Makes a run with status RUNNING; returns its id."""
        stored = {key: _storable(value) for key, value in tags.items()} | {names.SOURCE_NAME: source}
        name = _storable(name)[:_NAME_LENGTH]

        def create() -> Run:
            try:
                return self._client.create_run(experiment_id, tags=stored, run_name=name)
            except MlflowException:
                if not self._restore_experiment(self._client.get_experiment(experiment_id)):
                    raise
                return self._client.create_run(experiment_id, tags=stored, run_name=name)

        return str(self._ask(create).info.run_id)

    def log(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Writes any number of metrics, parameters and tags, in as few calls as MLflow allows."""
        entries = [Param(_key(key), _storable(str(value))[:_PARAM_LENGTH]) for key, value in (params or {}).items()]
        notes = [RunTag(_key(key), _storable(value)[:_TAG_LENGTH]) for key, value in (tags or {}).items()]
        calls = zip_longest(
            _batches(metrics, _METRICS_AT_ONCE), _batches(entries, _PARAMS_AT_ONCE), _batches(notes, _TAGS_AT_ONCE)
        )
        for some_metrics, some_params, some_tags in calls:
            log = partial(self._client.log_batch, run_id, some_metrics or (), some_params or (), some_tags or ())
            self._write(run_id, log)

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._write(run_id, lambda: self._client.set_tag(run_id, key, _storable(value)[:_TAG_LENGTH]))

    def terminate(self, run_id: str, status: str = "FINISHED") -> None:
        """Ends a run with one of MLflow's statuses."""
        self._write(run_id, lambda: self._client.set_terminated(run_id, status))

    def delete(self, run_id: str) -> None:
        """Marks a run as deleted: searches find it no more, its id still does."""
        self._ask(lambda: self._client.delete_run(run_id))

    def metric_history(self, run_id: str, metric: str) -> dict[int, float]:
        """All values of a metric, by step."""
        return {one.step: one.value for one in self._ask(lambda: self._client.get_metric_history(run_id, metric))}

    def attach(self, run_id: str, file: Path) -> None:
        """Keeps a file with a run."""
        self._write(run_id, lambda: self._client.log_artifact(run_id, str(file)))

    def attach_bytes(self, run_id: str, name: str, content: bytes) -> None:
        """Keeps these bytes with a run, as a file of this name."""
        with TemporaryDirectory(prefix=temp_prefix("attach")) as folder:
            file = Path(folder) / name
            file.write_bytes(content)
            self.attach(run_id, file)

    def attached_address(self, run_id: str, name: str) -> str | None:
        """Where a file that is kept with a run is: a path on this machine, or a URI; None where there is none."""
        if name not in {file.path for file in self._ask(lambda: self._client.list_artifacts(run_id))}:
            return None
        address = f"{self.load_run(run_id).info.artifact_uri}/{name}"
        if not address.startswith("file:"):
            return address
        return str(local_file_uri_to_path(address))  # type: ignore[no-untyped-call]

    def attached(self, run_id: str, name: str) -> bytes | None:
        """The content of a file that is kept with a run; None where there is none."""
        if self.attached_address(run_id, name) is None:
            return None
        with TemporaryDirectory(prefix=temp_prefix("attach")) as folder:
            return Path(self._ask(lambda: self._client.download_artifacts(run_id, name, folder))).read_bytes()

    def _ask(self, call: Callable[[], _T]) -> _T:
        return ask(call, self.uri)

    def _write(self, run_id: str, call: Callable[[], Any]) -> None:
        """Writes to a run; one that was deleted in MLflow's page meanwhile is restored first."""

        def write() -> None:
            try:
                call()
            except MlflowException:
                if not self._restore_run(run_id):
                    raise
                call()

        self._ask(write)

    def _restore_run(self, run_id: str) -> bool:
        """Restores a run, and its experiment, if it is marked as deleted."""
        run = self._client.get_run(run_id)
        if run.info.lifecycle_stage != _DELETED:
            return False
        self._restore_experiment(self._client.get_experiment(run.info.experiment_id))
        if self._client.get_run(run_id).info.lifecycle_stage == _DELETED:
            self._client.restore_run(run_id)
        say(f"the run {run.info.run_name!r} had been deleted in MLflow while it was written to; it is restored.")
        return True

    def _restore_experiment(self, experiment: Experiment) -> bool:
        """Restores an experiment if it is marked as deleted; whether it was."""
        if experiment.lifecycle_stage != _DELETED:
            return False
        self._client.restore_experiment(experiment.experiment_id)
        say(f"the experiment {experiment.name!r} had been deleted in MLflow; it is restored with its runs.")
        return True

    def _find_experiment(self, name: str, restore: bool = False) -> str | None:
        """The id of an experiment. One that was deleted in MLflow's page keeps its name, and takes no runs."""
        if name not in self._experiments:
            found = self._ask(lambda: self._client.get_experiment_by_name(name))
            if not found:
                return None
            if found.lifecycle_stage == _DELETED:
                if not restore:
                    return None
                self._ask(lambda: self._restore_experiment(found))
            self._experiments[name] = str(found.experiment_id)
        return self._experiments[name]

    def _create_experiment(self, name: str, label: str) -> str:
        tags = {names.TASK: _storable(label)[:_TAG_LENGTH]} if label else {}
        try:
            place = artifact_location(self.uri)
            return str(self._client.create_experiment(name, artifact_location=place, tags=tags))
        except MlflowException:
            found = self._find_experiment(name, restore=True)  # another driver was faster
            if found:
                return found
            raise

    def _task_experiments(self) -> list[Experiment]:
        found = self._ask(self._client.search_experiments)
        return [experiment for experiment in found if experiment.name.startswith(_TASKS)]


def _batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def _label(experiment: Experiment) -> str:
    return str(experiment.tags.get(names.TASK) or experiment.name.removeprefix(_TASKS))


def _storable(text: str) -> str:
    """The text with what databases refuse written as escapes: halves of surrogate pairs, and NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _key(name: str) -> str:
    """A name as a key of MLflow: letters, digits and `_-.:/ ` only, no path that leads elsewhere, at most 250 of them.

    Names that had to be changed end with a digest, so that two of them stay two.
    """
    key = re.sub(r"[^\w.\-: ]", "_", _storable(name))
    key = re.sub(r"^\.+", "_", key)
    if key == name and len(key) <= _KEY_LENGTH:
        return key
    return f"{key[: _KEY_LENGTH - 10]} {_short_digest(name)}"


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
