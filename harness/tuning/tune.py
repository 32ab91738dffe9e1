"""Tuning with equal budgets: the same number of trials for every architecture, and the best confirmed on fresh seeds.

    ask > RunSpec > run > tell

Each architecture on each task is a study (`tuning/study.py`). Its trials run on the engines that sweeps run on
(`tuning/trials.py`); the best of them are trained again on fresh seeds (`tuning/confirmation.py`). Test data is not
touched: that is left to `harness run --tuned`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from json import JSONDecodeError
from pathlib import Path

from optuna.exceptions import OptunaError
from sqlalchemy.exc import SQLAlchemyError

from harness.discovery import registry
from harness.engines import Engine
from harness.errors import StoreError, UsageError, one_line
from harness.process.interrupt import defer_interrupts
from harness.report import Results
from harness.search_record import SearchRecord
from harness.space import Space
from harness.spec import RunSpec, SweepSpec
from harness.sweeps.driver import Rules
from harness.sweeps.plan import plan
from harness.tracking.searches import write_search
from harness.tracking.store import Store
from harness.tuning import storage
from harness.tuning.config_file import write_config
from harness.tuning.confirmation import Confirmation
from harness.tuning.space import Typed, check_typed, space_of
from harness.tuning.study import Search, Study
from harness.tuning.summarise import summarise_study
from harness.tuning.trials import SearchDisplay, Trials


@dataclass(frozen=True)
class Tuning:
    """What a person asks for. `sweep` has one seed, that of the search, and one value for every option."""

    sweep: SweepSpec
    search: Search = field(default_factory=Search)
    space: Typed = field(default_factory=dict)
    confirm_seeds: int = 3
    top: int = 3  # settings that are confirmed
    storage: str = storage.DEFAULT_NAME
    folder: Path = Path("tuned")

    @property
    def fresh_seeds(self) -> range:
        first = self.search.seed + 1
        return range(first, first + self.confirm_seeds)


@dataclass
class Tuned:
    """What became of it."""

    studies: list[Study]
    searches: dict[str, SearchRecord]  # by a study's digest; none of a study without a complete trial
    files: list[Path]
    stopped: str = ""
    interrupted: bool = False


def studies_of(tuning: Tuning, driver: str) -> list[Study]:
    """One for each architecture and task, opened; HarnessError for what cannot be searched so."""
    sweep = tuning.sweep
    _refuse_variants(sweep)
    check_typed(sweep.architectures, tuning.space, sweep.params)
    runs = plan(sweep)
    opened = storage.open_storage(tuning.storage)
    with storage_failures_told(tuning.storage):
        return [
            Study(specs, _space(specs[0], tuning), tuning.search, sweep.params, opened, driver)
            for specs in _grouped(runs)
        ]


def tune(
    tuning: Tuning, studies: list[Study], engine: Engine, store: Store, display: SearchDisplay, rules: Rules
) -> Tuned:
    """Searches, confirms and writes the results; Ctrl-C ends it with everything finished kept."""
    with storage_failures_told(tuning.storage):
        driver = Trials(store, display, studies, rules)
        display.searching(driver.planned)
        interrupted = driver.search(engine)
        if not interrupted and not driver.stopped and tuning.confirm_seeds:
            confirmation = Confirmation(store, display, studies, rules, tuning.top, tuning.fresh_seeds)
            display.confirming(confirmation.planned)
            interrupted = confirmation.confirm(engine)
        with defer_interrupts():
            searches = _summarise(tuning, studies)
            files = _write(tuning, list(searches.values()), store)
    return Tuned(studies, searches, files, driver.stopped, interrupted)


@contextmanager
def storage_failures_told(place: str) -> Iterator[None]:
    """Turns what Optuna's storage raises into StoreError, with the way out."""
    try:
        yield
    except (OptunaError, SQLAlchemyError, OSError, JSONDecodeError) as error:
        raise StoreError(
            f"The storage {storage.without_password(place)} failed: {one_line(error)[:250]}\n"
            "What it holds is kept. Remove the cause; the same command then runs the rest."
        ) from error


def _summarise(tuning: Tuning, studies: Sequence[Study]) -> dict[str, SearchRecord]:
    """The results so far by a study's digest, of the studies that have any."""
    place = storage.without_password(tuning.storage)
    found = {study.digest: summarise_study(study, place, tuning.top, tuning.fresh_seeds) for study in studies}
    return {digest: search for digest, search in found.items() if search}


def _write(tuning: Tuning, searches: Sequence[SearchRecord], store: Store) -> list[Path]:
    """Writes a file of settings for each search and a figure for each task, and keeps both in the store."""
    files: list[Path] = []
    report = registry.find("report", "search").load()
    for label in dict.fromkeys(search.task_label for search in searches):
        on_task = [search for search in searches if search.task_label == label]
        figures = list(report(Results((), searches=on_task), tuning.folder))
        for search in on_task:
            config = write_config(search, tuning.folder)
            write_search(store, search, [config, *figures])
            files.append(config)
        files += figures
    return files


def _grouped(runs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """The runs of each study: one a length, without a test."""
    groups: dict[tuple[str, str], list[RunSpec]] = {}
    for spec in runs:
        groups.setdefault((spec.task_label, spec.architecture), []).append(
            replace(spec, test_sequences=0, test_lengths=())
        )
    return list(groups.values())


def _space(default: RunSpec, tuning: Tuning) -> dict[str, Space]:
    mine = {name: text for name, text in tuning.space.items() if _may_be_of(name, default)}
    fixed = [name for name in default.asked if name != "params"]
    return space_of(default.architecture, mine, fixed)


def _may_be_of(name: str, spec: RunSpec) -> bool:
    """A name with its part before it is of the architectures with that part alone."""
    part, dot, _ = name.rpartition(".")
    return not dot or any(key.startswith(f"{part}.") for key in spec.architecture_options)


def _refuse_variants(sweep: SweepSpec) -> None:
    settings = {name: values for name, values in sweep.settings.items() if isinstance(values, tuple)}
    for name, values in {**sweep.options, **settings}.items():
        if len(values) > 1:
            listed = ",".join(map(str, values))
            raise UsageError(f"{name} takes one value here; to search over them: --space {name}={listed}")
