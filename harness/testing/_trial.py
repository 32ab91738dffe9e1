"""An architecture on a task, as a run begins with it: what `harness run` refuses is a broken promise."""

from __future__ import annotations

from typing import NamedTuple

import torch

from harness.discovery.plugin_errors import describe_error
from harness.errors import HarnessError
from harness.spec import RunSpec
from harness.task import Task
from harness.testing.findings import Finding, Promise
from harness.training.build import build_model
from harness.training.sanity import probe_batch, refuse_unfit


class Trial(NamedTuple):
    """A run that is built and examined, at its own hidden size and length, and is not trained."""

    spec: RunSpec
    task: Task

    @property
    def promise(self) -> Promise:
        return Promise(
            f"a run on {self.spec.task_label} at length {self.spec.length} accepts it",
            "At the run's hidden size and on the task's inputs, it passes what every run examines before training.",
            "Way out: mend what the reason names, or choose another task, length or hidden_size.",
        )

    def finding(self) -> Finding:
        try:
            model = build_model(self.spec, self.task)
            refuse_unfit(model, self.task, self.spec, probe_batch(self.task, self.spec, torch.device("cpu")))
        except (Exception, SystemExit) as error:
            said = str(error) if isinstance(error, HarnessError) else describe_error(error)
            return Finding(self.promise.name, "broken", said)
        return Finding(self.promise.name, "kept")
