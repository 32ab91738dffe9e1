"""`harness run`: trains every combination of a grid and shows accuracy against length."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from harness.cli import _flags
from harness.cli._launch import Work, begin, carry_out, cluster, engine_of, loadable
from harness.cli._parse import Parser
from harness.sweeps.arguments import sweep_name
from harness.sweeps.asked import refuse_unknown_names
from harness.sweeps.flags import add_grid, add_training, sweep_of

if TYPE_CHECKING:
    from harness.spec import SweepSpec

_EPILOG = """examples:
  harness run --arch lstm --task copy
  harness run --arch rnn,lstm,gru --task adding --length 20,50,100 --seeds 7
  harness run --arch lstm gru --task copy --length 10 20   # or with spaces
  harness run --arch bidirectional:gru --task parentheses --set merge=sum
  harness run --arch lstm --task copy --set forget_bias=0,1     # two variants
  harness run --arch rnn,lstm,gru --task copy --params 50k   # at matched size
  harness run --arch ./my_cell.py --task adding                 # a loose file
  harness run --arch rnn,lstm,gru --task copy --tuned     # see harness tune
  harness run --config sweep.toml           # task = "copy", length = [10, 20]
  harness run --arch lstm --task copy --engine ray --ray-address auto

The same command typed again runs only what is missing.
exit codes: 0 success; 1 a run failed, and all records are kept;
2 wrong usage; 130 interrupted
"""


def add(verbs: Any) -> None:
    parser: Parser = verbs.add_parser(
        "run",
        help="train and compare architectures",
        usage="harness run --arch NAME ... --task NAME ... [flags]",
        description="Trains every combination of architecture, task, length and seed, and shows "
        "accuracy against length.",
        epilog=_EPILOG,
    )
    add_grid(parser)
    parser.add_argument(
        "--tuned",
        nargs="?",
        const="alike",
        choices=["alike", "any"],
        metavar="any",
        help="use the best settings that harness tune found, on new seeds; any: allow different budgets",
    )
    parser.add_argument("--name", type=sweep_name, metavar="NAME", help="name of the sweep, for --sweep and reports")
    add_training(parser.add_argument_group("training"))
    _flags.add_where(parser.add_argument_group("where and how"))
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    refuse_unknown_names(arguments.arch, arguments.task, [name for name, _ in arguments.options])
    begin(arguments)
    if arguments.dry_run:
        return _dry_run(arguments)
    return carry_out(arguments, lambda: Work(_asked(arguments), arguments.typed, title=arguments.name or ""))


def _dry_run(arguments: argparse.Namespace) -> int:
    from harness.cli._dry_run import show
    from harness.sweeps.execute import load_finished_runs
    from harness.sweeps.plan import plan
    from harness.sweeps.preview import preview
    from harness.sweeps.settings import recommended_for
    from harness.tracking.address import exists, resolve_uri
    from harness.tracking.store import Store
    from harness.training import device as devices

    sweep, _ = loadable(arguments, _asked(arguments))
    runs = plan(sweep)
    planned = {spec.identity: spec for spec in runs}
    uri = resolve_uri(arguments.tracking_uri)
    done = set(load_finished_runs(Store(uri), planned, arguments.reuse).done) if exists(uri) else set()
    device = devices.pick(arguments.device)
    with cluster(arguments):
        jobs = engine_of(arguments).capacity
    settings = {spec.label: recommended_for(spec) for spec in {spec.label: spec for spec in runs}.values()}
    show(preview(runs, done, device), jobs, {label: own for label, own in settings.items() if own})
    return 0


def _asked(arguments: argparse.Namespace) -> SweepSpec:
    """The sweep, with tuned settings if `--tuned` asks for them."""
    sweep = sweep_of(arguments)
    if not arguments.tuned:
        return sweep
    from harness.tracking.store import existing
    from harness.tuning.apply import apply_tuned

    tuned, searches = apply_tuned(sweep, existing(arguments.tracking_uri), arguments.tuned == "any")
    for name, one in searches.items() if not arguments.quiet else ():
        values = ", ".join(
            f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in one.values.items()
        )
        print(f"{name}: {one.budget_in_words} at length {','.join(map(str, one.lengths))}: {values}", file=sys.stderr)
    return tuned
