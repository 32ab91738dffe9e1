"""Honest, effortless comparison of recurrent architectures. `harness.run` is the place to start reading."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the names of _PUBLIC for editors and type checkers; a test compares the two
    from harness.analysis.inspection_results import InspectionResults as InspectionResults
    from harness.analysis.judged_study import JudgedStudy as JudgedStudy
    from harness.analysis.search_results import SearchResults as SearchResults
    from harness.analysis.sweep_results import SweepResults as SweepResults
    from harness.api.results import inspect_run as inspect_run
    from harness.api.results import list_architectures as list_architectures
    from harness.api.results import list_tasks as list_tasks
    from harness.api.results import load_model as load_model
    from harness.api.results import load_results as load_results
    from harness.api.studies import run_study as run_study
    from harness.api.sweeps import run_sweep as run_sweep
    from harness.api.tuning import tune as tune
    from harness.architecture import Architecture as Architecture
    from harness.architecture import CellArchitecture as CellArchitecture
    from harness.architecture import Facts as Facts
    from harness.architecture import Wrapper as Wrapper
    from harness.finite import FiniteTask as FiniteTask
    from harness.record import Record as Record
    from harness.report import Results as Results
    from harness.space import Choice as Choice
    from harness.space import Float as Float
    from harness.space import Int as Int
    from harness.spec import RunSpec as RunSpec
    from harness.task import Batch as Batch
    from harness.task import Classes as Classes
    from harness.task import Task as Task
    from harness.task import Tokens as Tokens
    from harness.task import Vectors as Vectors
    from harness.task import WritingTask as WritingTask
    from harness.training.seeds import derive_seed as derive_seed

# In the repository the wings stand beside this folder, not inside it. A Python started there finds this folder before
# an installed copy, so the wings must be found beside it too.
_repository = Path(__file__).resolve().parent.parent
if (_repository / "pyproject.toml").is_file() and (_repository / "plugins").is_dir():
    __path__.append(str(_repository))

_PUBLIC = {
    "Architecture": "architecture",
    "CellArchitecture": "architecture",
    "Facts": "architecture",
    "Wrapper": "architecture",
    "Task": "task",
    "FiniteTask": "finite",
    "WritingTask": "task",
    "Batch": "task",
    "Tokens": "task",
    "Vectors": "task",
    "Classes": "task",
    "Float": "space",
    "Int": "space",
    "Choice": "space",
    "derive_seed": "training.seeds",
    "RunSpec": "spec",
    "Record": "record",
    "Results": "report",
    "SweepResults": "analysis.sweep_results",
    "InspectionResults": "analysis.inspection_results",
    "SearchResults": "analysis.search_results",
    "JudgedStudy": "analysis.judged_study",
    "run_sweep": "api.sweeps",
    "run_study": "api.studies",
    "tune": "api.tuning",
    "load_results": "api.results",
    "load_model": "api.results",
    "inspect_run": "api.results",
    "list_architectures": "api.results",
    "list_tasks": "api.results",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(importlib.import_module(f"harness.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
