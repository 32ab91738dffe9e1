"""`harness.run_study`: a question with expectations, run and judged from Python."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from harness.analysis.wording import runs_are
from harness.api._execution import Request, Reuse, executed
from harness.api._request import call_of
from harness.process.cache import kept_beside
from harness.studies.catalogue import find_study
from harness.studies.sweep_tables import sweeps_of
from harness.sweeps.asked import Device, EngineName
from harness.sweeps.given import one_of, whole
from harness.sweeps.place import Place
from harness.tracking.address import resolve_uri, sqlite_path

if TYPE_CHECKING:
    from harness.analysis.judged_study import JudgedStudy
    from harness.spec import SweepSpec
    from harness.studies.execution import StudyOutcome
    from harness.studies.question import Study
    from harness.sweeps.execute import Outcome


def run_study(
    study: str | os.PathLike[str],
    *,
    seeds: int | None = None,
    reuse: Reuse = "fresh",
    retry: int = 0,
    max_failures: int | None = None,
    engine: EngineName = "local",
    device: Device = "auto",
    jobs: int | None = None,
    slots_per_gpu: int = 1,
    timeout: float | None = None,
    ray_address: str | None = None,
    gpus_per_run: float | None = None,
    tracking_uri: str | None = None,
    quiet: bool = False,
) -> JudgedStudy:
    """Records the question, trains what is missing of its sweeps, and judges every expectation.

    `study`: the name of an installed one, or the path of a TOML file. `seeds`: instead of those of the file. Everything
    else is as for `harness.run_sweep`, and the same study run by `harness study run` is the same runs.

    Ctrl-C raises KeyboardInterrupt; finished runs are kept, and the same call runs the rest. Raises HarnessError for a
    study that cannot be meant, before anything is trained.
    """
    call = call_of(run_study, {**locals(), "training": {}})
    place = Place(engine, device, jobs, slots_per_gpu, timeout, ray_address, gpus_per_run)
    place.refuse()
    one_of("device", device, get_args(Device))
    one_of("reuse", reuse, get_args(Reuse))
    found = find_study(os.fspath(study))
    sweeps = sweeps_of(found, None if seeds is None else whole("seeds", seeds, 1))
    uri = resolve_uri(tracking_uri)
    place.prepare()
    with place.connected(), kept_beside(sqlite_path(uri)):
        outcome = _executed(found, sweeps, place, uri, Request("", reuse, retry, max_failures, quiet, call))
    record = outcome.results.record
    if outcome.interrupted:
        raise KeyboardInterrupt(
            f"{runs_are(record.runs)} kept, {record.missing:,} missing: the same call runs the rest."
        )

    from harness.analysis.judged_study import JudgedStudy

    return JudgedStudy([], title=record.name, command=record.command, store=uri, studies=[outcome.results])


def _executed(study: Study, sweeps: dict[str, SweepSpec], place: Place, uri: str, request: Request) -> StudyOutcome:
    """Tries every model for a moment, then runs what is missing."""
    from harness.studies.execution import finished, run_study
    from harness.studies.planning import plan_study, previews_of
    from harness.tracking.store import Store
    from harness.training import device as devices

    planned = plan_study(study, sweeps)
    previews_of(planned, finished(planned, uri, request.reuse), devices.pick(place.device), untried=True)
    store = Store(uri)

    def run_sweep(sweep: SweepSpec, title: str) -> Outcome:
        return executed(sweep, place, store, replace(request, title=title)).outcome

    return run_study(planned, store, request.call, request.reuse, run_sweep)
