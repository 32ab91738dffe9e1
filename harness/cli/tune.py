"""`harness tune`: searches the settings of each architecture with equal budgets, and writes the best to a file."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import _flags
from harness.cli._exit_codes import INTERRUPTED
from harness.cli._launch import begin, cluster, engine_of
from harness.cli._parse import Parser
from harness.errors import UsageError
from harness.process import interrupt
from harness.sweeps.arguments import completes, count, many, whole
from harness.sweeps.asked import refuse_unknown_names
from harness.sweeps.flags import add_set, add_training, sweep_of

if TYPE_CHECKING:
    from harness.tuning.tune import Tuned, Tuning

_EPILOG = """examples:
  harness tune --arch lstm --task adding --length 100 --trials 50 --jobs 2
  harness tune --arch rnn,lstm --task copy --trials 30 --params 50k
  harness tune --arch lstm --task adding --space lr=1e-4:1e-2:log
  harness tune --arch lstm --task adding --space forget_bias=0,1,3
  harness run --arch rnn,lstm --task copy --tuned  # with the best, on new seeds

Each architecture on each task is one search, and all have equal budgets. The
same command typed again continues: --trials is the total. A setting that is
given by a flag is not searched.
exit codes: 0 success; 1 no trial was completed; 2 wrong usage;
130 interrupted
"""


def add(verbs: Any) -> None:
    parser: Parser = verbs.add_parser(
        "tune",
        help="search settings with equal budgets",
        usage="harness tune --arch NAME ... --task NAME ... [flags]",
        description="Searches the settings of every architecture with the same number of trials, ranks them by "
        "validation data, and confirms the best on new seeds.",
        epilog=_EPILOG,
    )
    _add_what(parser)
    _add_search(parser.add_argument_group("search"))
    add_training(parser.add_argument_group("training (settings given here are not searched)"), tested=False)
    _flags.add_where(parser.add_argument_group("where and how"), reuse=False, retry=1)
    parser.set_defaults(call=call, seeds=1, match="params", test_length=None)


def call(arguments: argparse.Namespace) -> int:
    refuse_unknown_names(arguments.arch, arguments.task, [name for name, _ in arguments.options])
    typed = _space(arguments.space)
    begin(arguments)
    with contextlib.redirect_stdout(sys.stderr), cluster(arguments):  # whatever a plugin prints is not the result
        tuning, tuned = _execute(arguments, typed)
    _show(tuning, tuned, arguments)
    if tuned.interrupted:
        return INTERRUPTED
    return 0 if len(tuned.searches) == len(tuned.studies) else 1


def _add_what(parser: Any) -> None:
    completes(many(parser, "--arch", required=True, metavar="NAME", help="architectures"), "architecture")
    completes(many(parser, "--task", required=True, metavar="NAME", help="tasks"), "task")
    many(parser, "--length", kind=whole(1), metavar="T", help="lengths of each trial (default: the task's own)")
    parser.add_argument(
        "--params", type=count, metavar="N", help="parameters of every model: hidden_size is solved for each"
    )
    add_set(parser, "; fixed in all trials")


def _add_search(group: Any) -> None:
    group.add_argument("--trials", type=whole(1), default=50, metavar="N", help="total of each search (default: 50)")
    group.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="NAME=RANGE",
        help="a range to search: low:high, low:high:log, or value,value; narrows the declared ranges, or adds one",
    )
    group.add_argument(
        "--objective",
        choices=["accuracy", "steps_to_solve", "loss"],
        default="accuracy",
        help="score of a trial (default: accuracy)",
    )
    group.add_argument(
        "--prune",
        choices=["median", "halving", "none"],
        default="median",
        help="rule of early stopping (default: median)",
    )
    group.add_argument("--no-prune", dest="prune", action="store_const", const="none", help="complete every trial")
    group.add_argument(
        "--seed",
        dest="first_seed",
        type=whole(0),
        default=0,
        metavar="S",
        help="seed of the search and of its trials (default: 0)",
    )
    group.add_argument(
        "--confirm-seeds",
        type=whole(0),
        default=3,
        metavar="N",
        help="new seeds for the best settings (default: 3; 0: none)",
    )
    group.add_argument(
        "--top", type=whole(1), default=3, metavar="K", help="number of settings to confirm (default: 3)"
    )
    group.add_argument(
        "--storage",
        metavar="PLACE",
        help="a journal file, or a database that Optuna supports, such as postgresql://... (default: "
        "harness-tuning.journal beside the store)",
    )
    group.add_argument(
        "--out", type=Path, default=Path("tuned"), metavar="DIR", help="folder for the files (default: tuned)"
    )


def _space(assignments: list[str]) -> dict[str, str]:
    typed: dict[str, str] = {}
    for text in assignments:
        name, equals, values = (part.strip() for part in text.partition("="))
        if not (name and equals and values):
            raise UsageError(f"--space takes name=low:high, name=low:high:log or name=value,value; got {text!r}.")
        if name in typed:
            raise UsageError(f"--space {name} is given twice.")
        typed[name] = values
    return typed


def _execute(arguments: argparse.Namespace, typed: dict[str, str]) -> tuple[Tuning, Tuned]:
    from harness.sweeps.driver import Rules
    from harness.tracking.address import resolve_uri
    from harness.tracking.store import Store
    from harness.tuning.progress import Lines, Quiet
    from harness.tuning.storage import resolve
    from harness.tuning.study import Search
    from harness.tuning.tune import Tuning, studies_of, tune

    uri = resolve_uri(arguments.tracking_uri)
    tuning = Tuning(
        sweep_of(arguments),
        Search(arguments.trials, arguments.objective, arguments.prune, arguments.first_seed, arguments.retry),
        typed,
        arguments.confirm_seeds,
        arguments.top,
        resolve(arguments.storage, uri),
        arguments.out,
    )
    store = Store(uri)
    studies = studies_of(tuning, store.driver)
    engine = engine_of(arguments)
    interrupt.raise_as_exception()
    shown = Quiet() if arguments.quiet else Lines(studies)
    return tuning, tune(tuning, studies, engine, store, shown, Rules(max_failures=arguments.max_failures))


def _show(tuning: Tuning, tuned: Tuned, arguments: argparse.Namespace) -> None:
    """The table on standard output, the next command on standard error."""
    from harness.cli._tune_output import table
    from harness.tuning.progress import failures
    from harness.tuning.storage import without_password

    if arguments.json:
        print(json.dumps([asdict(one) for one in tuned.searches.values()], indent=2, sort_keys=True))
    elif tuned.searches:
        table(tuned.studies, tuned.searches)
    for line in failures(tuned.studies, tuned.searches):
        print(line, file=sys.stderr)
    if arguments.quiet:
        return
    if tuned.stopped:
        print(f"The search was stopped: {tuned.stopped}.", file=sys.stderr)
    for path in tuned.files:
        print(f"written: {path}", file=sys.stderr)
    where = f" --tracking-uri {arguments.tracking_uri}" if arguments.tracking_uri else ""
    names = ",".join(dict.fromkeys(arguments.arch))
    print(f"trials: {without_password(tuning.storage)}", file=sys.stderr)
    print(f"next: harness run --arch {names} --task {arguments.task[0]} --tuned{where}", file=sys.stderr)
