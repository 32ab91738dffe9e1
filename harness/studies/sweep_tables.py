"""The sweeps of a study: tables with the keys of `harness run --config`, read by the same parser."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from harness.errors import UsageError
from harness.studies.question import sweep_in_words
from harness.sweeps.asked import refuse_unknown_names
from harness.sweeps.flags import add_grid, add_training, sweep_of
from harness.sweeps.table import tokens_of

if TYPE_CHECKING:
    from harness.spec import SweepSpec
    from harness.studies.question import Study

_NOT_OF_A_SWEEP = ("dry-run", "dry_run", "config", "help")


class _TableParser(argparse.ArgumentParser):
    """Raises UsageError where a parser of the command line ends the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def sweeps_of(study: Study, seeds: int | None = None) -> dict[str, SweepSpec]:
    """The sweeps by name; `seeds` instead of those of the file. UsageError for what `harness run` would refuse."""
    return {name: _sweep(study, name, table, seeds) for name, table in study.sweeps.items()}


def _sweep(study: Study, name: str, table: Mapping[str, Any], seeds: int | None) -> SweepSpec:
    parser = _TableParser(allow_abbrev=False)
    add_grid(parser)
    add_training(parser)
    where = f"{study.path}, {sweep_in_words(name)}: "
    try:
        for key in table:
            if key in _NOT_OF_A_SWEEP:
                raise UsageError(f"{key} does not belong to a sweep.")
        arguments = parser.parse_args(tokens_of(study.path, table, parser))
        refuse_unknown_names(arguments.arch, arguments.task, [option for option, _ in arguments.options])
        arguments.seeds = seeds or arguments.seeds
        return sweep_of(arguments)
    except UsageError as error:
        raise UsageError(f"{where}{str(error).removeprefix(f'{study.path}: ')}") from None
