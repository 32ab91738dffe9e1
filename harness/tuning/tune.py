"""Fair tuning: the same number of trials for every architecture, chosen on validation data, confirmed on fresh seeds.

    ask > RunSpec > run > tell

Each architecture on each task is a study (`tuning/study.py`). Its trials run on the engines that sweeps run on
(`tuning/trials.py`); the best of them are trained again on fresh seeds (`tuning/confirmation.py`). Test data is not
touched: that is left to `harness run --tuned`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from optuna.exceptions import OptunaError
from sqlalchemy.exc import SQLAlchemyError

from harness.engines import Engine
from harness.errors import StoreError, UsageError, one_line
from harness.process.interrupt import defer_interrupts
from harness.search_record import Found
from harness.space import Space
from harness.spec import RunSpec, SweepSpec
from harness.sweeps.driver import Rules
from harness.sweeps.plan import plan
from harness.tracking.searches import keep
from harness.tracking.store import Store
from harness.tuning import storage
from harness.tuning.config_file import file_name, write_config
from harness.tuning.confirmation import Confirmation
from harness.tuning.figure import draw
from harness.tuning.space import Typed, check_typed, space_of
from harness.tuning.study import Search, Study
from harness.tuning.summarise import found
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
    found: dict[str, Found]  # by a study's digest: those that found something
    files: list[Path]
    stopped: str = ""
    interrupted: bool = False


def studies_of(tuning: Tuning, driver: str) -> list[Study]:
    """One for each architecture and task, opened; HarnessError for what cannot be searched so."""
    sweep = tuning.sweep
    _refuse_variants(sweep)
    check_typed(sweep.architectures, tuning.space, sweep.params)
    runs = plan(sweep)
    kept = storage.opened(tuning.storage)
    with storage_failures_told(tuning.storage):
        return [
            Study(specs, _space(specs[0], tuning), tuning.search, sweep.params, kept, driver)
            for specs in _grouped(runs)
        ]


def tune(
    tuning: Tuning, studies: list[Study], engine: Engine, store: Store, display: SearchDisplay, rules: Rules
) -> Tuned:
    """Searches, confirms and writes what was found; Ctrl-C ends it with everything finished kept."""
    with storage_failures_told(tuning.storage):
        driver = Trials(store, display, studies, rules)
        display.planned(driver.planned, 0)
        interrupted = driver.search(engine)
        if not interrupted and not driver.stopped and tuning.confirm_seeds:
            confirmation = Confirmation(store, display, studies, rules, tuning.top, tuning.fresh_seeds)
            display.planned(confirmation.planned, 0)
            interrupted = confirmation.confirm(engine)
        with defer_interrupts():
            kept, files = _written(tuning, studies, store)
    return Tuned(studies, kept, files, driver.stopped, interrupted)


@contextmanager
def storage_failures_told(place: str) -> Iterator[None]:
    """Turns what Optuna's storage raises into StoreError, with the way out."""
    try:
        yield
    except (OptunaError, SQLAlchemyError, OSError) as error:
        raise StoreError(
            f"The storage {storage.shown(place)} failed: {one_line(error)[:250]}\n"
            "What it holds is kept. Put the cause right; the same command then runs the rest."
        ) from error


def _written(tuning: Tuning, studies: Sequence[Study], store: Store) -> tuple[dict[str, Found], list[Path]]:
    """What was found, by study, and the files of it."""
    results = {
        study.digest: found(study, storage.shown(tuning.storage), tuning.top, tuning.fresh_seeds) for study in studies
    }
    good = {digest: one for digest, one in results.items() if one}
    files: list[Path] = []
    for label, members in groupby(studies, key=lambda study: study.defaults[0].task_label):
        successful = [good[study.digest] for study in members if study.digest in good]
        if not successful:
            continue
        name = file_name(f"search-{label}-{'-'.join(map(str, successful[0].lengths))}")
        figure = draw(successful, tuning.folder / f"{name}.svg")
        for one in successful:
            config = write_config(one, tuning.folder)
            keep(store, one, [config, figure])
            files.append(config)
        files.append(figure)
    return good, files


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
    for name, values in sweep.options.items():
        if len(values) > 1:
            raise UsageError(
                f"--set {name} takes one value here; to search over them: --space {name}={','.join(values)}"
            )
