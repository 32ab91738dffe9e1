"""The sweeps of a study: tables with the keys of `harness run --config`, read by the same parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from harness.cli import _flags
from harness.cli._config import tokens_of
from harness.cli._parse import Parser
from harness.cli._request import refuse_unknown_names, sweep_of
from harness.errors import UsageError
from harness.studies.question import sweep_in_words

if TYPE_CHECKING:
    from harness.spec import SweepSpec
    from harness.studies.question import Study

_NOT_OF_A_SWEEP = ("dry-run", "dry_run", "config", "help")


class _TableParser(Parser):
    """Raises UsageError where a parser of the command line ends the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def sweeps_of(study: Study, seeds: int | None = None) -> dict[str, SweepSpec]:
    """The sweeps by name; `seeds` instead of those of the file. UsageError for what `harness run` would refuse."""
    return {name: _sweep(study, name, table, seeds) for name, table in study.sweeps.items()}


def _sweep(study: Study, name: str, table: Mapping[str, Any], seeds: int | None) -> SweepSpec:
    parser = _TableParser()
    _flags.add_grid(parser)
    _flags.add_training(parser)
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
