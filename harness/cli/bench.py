"""`harness bench`: measures speed and memory of architectures, and compares with an earlier measurement."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import _flags
from harness.cli._exit_codes import INTERRUPTED, REGRESSION
from harness.cli._say import say, silent
from harness.errors import UsageError
from harness.process import interrupt
from harness.spec import EXECUTIONS, PRECISIONS
from harness.sweeps.arguments import completes, many, one_of, positive, whole
from harness.sweeps.asked import refuse_unknown_names
from harness.sweeps.flags import add_set

if TYPE_CHECKING:
    from harness.bench.comparison import TimingChange
    from harness.bench.measurement import Measurement
    from harness.bench.request import Request

_DEFAULTS: dict[str, Any] = {
    "arch": ["rnn", "lstm", "gru"],
    "task": "adding",
    "length": [50, 200, 800],
    "batch": 32,
    "hidden": 128,
    "device": "cpu",
    "precision": "32",
    "execution": ["eager"],
    "threads": 1,
    "processes": 3,
    "rounds": 5,
    "options": [],
}
_EPILOG = """examples:
  harness bench --arch rnn,lstm,gru --length 50,200,800 --batch 32 --hidden 128
  harness bench --arch ./my_cell.py --length 50 --save before
  harness bench --compare before --fail-on slower:10%    # after a change
  harness bench --device cuda --precision bf16-mixed --memory

A difference counts if it is beyond the noise between sessions of the same code
(5 % and more), and a rank test confirms it. A slowdown of exactly the share
after slower: is found in half of all cases: use half of the slowdown that you
want to catch.
exit codes: 0 success; 1 nothing could be measured; 2 wrong usage;
3 with --fail-on: something is slower; 130 interrupted
"""
_INTERRUPTED = "The session was interrupted, and none of its measurements is kept: the same command measures again."


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "bench",
        help="measure speed and memory, and compare with earlier",
        description="Times the forward pass, forward and backward, and whole training steps, in fresh processes.",
        epilog=_EPILOG,
    )
    completes(many(parser, "--arch", metavar="NAME", help="architectures (default: rnn,lstm,gru)"), "architecture")
    completes(
        parser.add_argument("--task", metavar="NAME", help="task whose batches are used (default: adding)"), "task"
    )
    many(parser, "--length", kind=whole(1), metavar="T", help="lengths (default: 50,200,800)")
    parser.add_argument("--batch", type=whole(1), metavar="N", help="sequences per batch (default: 32)")
    parser.add_argument("--hidden", type=whole(1), metavar="N", help="hidden_size (default: 128)")
    add_set(parser, default=None)
    parser.add_argument("--memory", action="store_true", default=None, help="measure peak memory as well")
    parser.add_argument(
        "--details", action="store_true", help="all columns: quartiles, FLOP, share of the machine's rate, sizes too"
    )
    _add_how(parser.add_argument_group("how"))
    _add_comparison(parser.add_argument_group("comparison"))
    _flags.add_store(parser)
    _flags.add_quiet(parser)
    _flags.add_json(parser)
    parser.set_defaults(call=call)


def _add_how(group: Any) -> None:
    group.add_argument("--device", choices=["cpu", "cuda", "mps", "auto"], help="device (default: cpu)")
    group.add_argument("--precision", choices=PRECISIONS, help="floating-point precision (default: 32)")
    many(
        group,
        "--execution",
        kind=one_of(EXECUTIONS),
        metavar="NAME",
        help=f"how the passes are executed: {', '.join(EXECUTIONS)}; several are compared (default: eager)",
    )
    group.add_argument("--threads", type=whole(1), metavar="N", help="CPU threads (default: 1, as harness run)")
    group.add_argument(
        "--processes", type=whole(1), metavar="N", help="fresh processes, each of which times everything (default: 3)"
    )
    group.add_argument(
        "--rounds", type=whole(1), metavar="N", help="rounds over all passes in each process (default: 5)"
    )
    group.add_argument(
        "--timeout",
        type=positive(),
        default=300.0,
        metavar="SECONDS",
        help="time limit of each first trial (default: 300)",
    )


def _add_comparison(group: Any) -> None:
    group.add_argument("--save", metavar="NAME", help="save all samples as DIR/NAME.json")
    group.add_argument(
        "--compare", metavar="NAME", help="compare with a saved measurement, and take flags that are not typed from it"
    )
    group.add_argument("--fail-on", type=_threshold, metavar="slower[:P%]", help="exit code 3 from this slowdown on")
    group.add_argument("--across-machines", action="store_true", help="allow another machine or version")
    group.add_argument("--dir", type=Path, default=Path("bench"), help="folder of saved measurements (default: bench)")


def call(arguments: argparse.Namespace) -> int:
    if arguments.fail_on is not None and not arguments.compare:
        raise UsageError("--fail-on slower needs a saved measurement: --compare NAME.")
    refuse_unknown_names(arguments.arch or (), [arguments.task] if arguments.task else [])
    tell = silent if arguments.quiet else say
    tell("loading torch, Lightning and MLflow ...")
    with contextlib.redirect_stdout(sys.stderr):
        before, measured = _measure(arguments, tell)
    if measured is None:
        return INTERRUPTED
    return _tell(arguments, before, measured)


def _measure(
    arguments: argparse.Namespace, tell: Callable[[str], None]
) -> tuple[Measurement | None, Measurement | None]:
    """The saved measurement, if one is compared with, and the new one; None if it was interrupted."""
    from harness.bench import comparison
    from harness.bench.measurement import load, place
    from harness.bench.mlflow_log import write_measured
    from harness.bench.session import environment, measure
    from harness.tracking.address import resolve_uri
    from harness.tracking.store import Store

    before = load(arguments.compare, arguments.dir) if arguments.compare else None
    request = _request(arguments, before)
    if before:
        comparison.refuse_other_settings(before, request.specs)
        if not arguments.across_machines:
            comparison.refuse_other_machine(before, environment(request))
    store = Store(resolve_uri(arguments.tracking_uri))
    interrupt.raise_as_exception()
    try:
        measured = measure(request, tell, arguments.timeout)
    except KeyboardInterrupt:
        print(f"\n{_INTERRUPTED}", file=sys.stderr)
        return before, None
    with interrupt.defer_interrupts():
        if arguments.save:
            measured.save(place(arguments.save, arguments.dir))
        write_measured(store, measured, arguments.save or "")
    return before, measured


def _request(arguments: argparse.Namespace, before: Measurement | None) -> Request:
    """The settings: as typed, else as in the saved measurement, else the defaults."""
    from harness.bench.request import Request, whole_paths
    from harness.spec import SweepSpec
    from harness.sweeps.plan import plan
    from harness.training.device import pick

    was = before.request.typed if before else {}
    given = {key: getattr(arguments, key) for key in _DEFAULTS}
    typed = {key: was.get(key, _DEFAULTS[key]) if value is None else value for key, value in given.items()}
    memory = arguments.memory if arguments.memory is not None else bool(before and before.request.memory)
    options = {name: tuple(values) for name, values in typed["options"]}
    sweep = SweepSpec(
        architectures=tuple(dict.fromkeys(typed["arch"])),
        tasks=(typed["task"],),
        lengths=tuple(sorted(set(typed["length"]))),
        settings={
            "batch_size": typed["batch"],
            "precision": typed["precision"],
            "execution": _several(typed["execution"]),
        },
        options={"hidden_size": (str(typed["hidden"]),), **options},
    )
    return Request(
        tuple(whole_paths(spec) for spec in plan(sweep)),
        pick(typed["device"]).type,
        typed["threads"],
        memory,
        typed["processes"],
        typed["rounds"],
        before.request.seconds if before else {},
        typed,
    )


def _several(values: str | Sequence[str]) -> str | tuple[str, ...]:
    """One value, or a tuple of several, which make variants; older measurements have a name alone."""
    values = (values,) if isinstance(values, str) else tuple(dict.fromkeys(values))
    return values[0] if len(values) == 1 else values


def _tell(arguments: argparse.Namespace, before: Measurement | None, measured: Measurement) -> int:
    from harness.bench.comparison import changes
    from harness.cli import _bench_output as shown

    found = changes(before, measured) if before else []
    if arguments.json:
        rows = [{k: None if v != v else v for k, v in asdict(row).items()} for row in measured.rows]
        differences = [{**asdict(one), "verdict": one.verdict} for one in found]
        print(json.dumps({"environment": dict(measured.environment), "rows": rows, "changes": differences}, indent=2))
    else:
        shown.rows(measured, arguments.details)
        shown.changes(found) if before else None
    if before and not found:
        print("harness: nothing could be compared: no pass was timed in both measurements", file=sys.stderr)
    if all(row.reason for row in measured.rows):
        return 1
    return REGRESSION if _fails(found, arguments.fail_on, bool(before)) else 0


def _fails(found: list[TimingChange], threshold: float | None, compared: bool) -> bool:
    """Whether something is slower by at least the threshold, or nothing could be compared."""
    if threshold is None:
        return False
    return (compared and not found) or any(o.verdict == "slower" and o.ratio - 1 >= threshold for o in found)


def _threshold(text: str) -> float:
    word, _, share = text.partition(":")
    try:
        number = float(share.removesuffix("%")) / 100 if share else 0.0
    except ValueError:
        number = -1.0
    if word != "slower" or not 0 <= number < 100 or (share and not share.endswith("%")):
        raise argparse.ArgumentTypeError(f"takes slower or slower:10%, got {text!r}")
    return number
