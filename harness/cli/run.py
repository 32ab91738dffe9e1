"""`harness run`: trains every combination asked for and shows accuracy against length."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import interrupt, registry
from harness.cli.parse import Parser, assignment, completes, count, many, positive, whole
from harness.errors import UsageError
from harness.spec import OPTIMIZERS, PRECISIONS

if TYPE_CHECKING:
    from harness.engines import Engine
    from harness.sweep import Outcome, SweepSpec

_OTHERWISE = ("task", "length")  # flags of these names hold several values
_EPILOG = """examples:
  harness run --arch lstm --task copy
  harness run --arch rnn,lstm,gru --task adding --length 20,50,100 --seeds 3 --steps 3000 --batch 64 --lr 3e-3
  harness run --arch lstm gru --task copy --length 10 20 50       # spaces do as well as commas
  harness run --arch bidirectional:gru --task parentheses --set hidden_size=64 --set merge=sum
  harness run --arch lstm --task copy --set forget_bias=0,1       # two variants
  harness run --arch rnn,lstm,gru --task copy --params 50k        # at matched size
  harness run --config sweep.toml                                 # arch = ["lstm", "gru"], task = "copy", ...
  harness run --arch ./my_cell.py --task adding                   # a loose file; ./my_cell.py:Name picks a class
  harness run --arch lstm --task copy --engine ray --ray-address auto    # on the Ray cluster that this is a node of

What is finished is not run again: the same command runs the rest.
exit codes: 0 all well; 1 a run failed, its record and all others are kept; 2 wrong usage; 130 interrupted
"""


def add(verbs: Any) -> None:
    parser: Parser = verbs.add_parser(
        "run",
        help="train and compare architectures",
        description="Trains every combination of architecture, task, length and seed; shows accuracy against length.",
        epilog=_EPILOG,
    )
    completes(
        many(parser, "--arch", required=True, metavar="NAME", help="architectures: names or ./file.py"), "architecture"
    )
    completes(many(parser, "--task", required=True, metavar="NAME", help="tasks: names or ./file.py"), "task")
    parser.add_argument(
        "--dry-run", action="store_true", help="show the plan, what is done and refused, and the time left"
    )
    parser.add_argument("--config", metavar="FILE", help="a TOML file of these flags under the same names; flags win")
    many(parser, "--length", kind=whole(1), metavar="T", help="lengths to train at (default: the task's own)")
    many(parser, "--test-length", kind=whole(1), metavar="T", help="lengths to test every trained model at as well")
    parser.add_argument("--seeds", type=whole(1), default=1, metavar="N", help="seeds 0 .. N-1 (default: 1)")
    parser.add_argument(
        "--params",
        type=count,
        metavar="N",
        help="give every model N parameters (50k, 1.5M): solves hidden_size for each",
    )
    parser.add_argument(
        "--set",
        dest="options",
        action="append",
        type=assignment,
        default=[],
        metavar="NAME=VALUE",
        help="an option of the architectures or tasks, hidden_size among them; VALUE,VALUE makes variants",
    )
    _add_training(parser.add_argument_group("training"))
    _add_where(parser.add_argument_group("where and how"))
    parser.set_defaults(call=call)


def _add_training(group: Any) -> None:
    group.add_argument("--steps", type=whole(1), metavar="N", help="most optimizer steps (default: 5000)")
    group.add_argument("--batch", type=whole(1), dest="batch_size", metavar="N", help="sequences a step (default: 32)")
    group.add_argument("--lr", type=positive(), help="learning rate (default: 0.005)")
    group.add_argument("--optimizer", choices=OPTIMIZERS, help="(default: adam)")
    group.add_argument(
        "--beta2", type=positive(below=1), help="averaging of squared gradients in adam and adamw (default: 0.95)"
    )
    group.add_argument("--clip", type=positive(zero=True), help="largest gradient norm; 0: none (default: 1)")
    group.add_argument("--precision", choices=PRECISIONS, help="(default: 32)")
    group.add_argument("--validate-every", type=whole(1), metavar="N", help="steps between validations (default: 100)")
    group.add_argument("--validation-sequences", type=whole(1), metavar="N", help="at each of them (default: 500)")
    group.add_argument("--test-sequences", type=whole(1), metavar="N", help="at the end (default: 2000)")


def _add_where(group: Any) -> None:
    group.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="(default: auto)")
    group.add_argument(
        "--jobs", type=whole(1), metavar="N", help="runs at once (default: one a core, or one a GPU slot)"
    )
    group.add_argument("--slots-per-gpu", type=whole(1), default=1, metavar="N", help="runs at once on one GPU")
    group.add_argument("--timeout", type=positive(), metavar="SECONDS", help="end a run that takes longer")
    group.add_argument(
        "--engine",
        choices=["local", "inline", "ray"],
        default="local",
        help="worker processes (default), this process (to debug), or a Ray cluster",
    )
    group.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="cluster for --engine ray: auto, or HOST:PORT (default: one on this machine, while the command runs); "
        "whoever reaches a port of Ray can run code there: keep a cluster in a network that you trust",
    )
    group.add_argument(
        "--gpus-per-run",
        type=positive(),
        metavar="SHARE",
        help="of one GPU, with --engine ray, such as 0.25 (default: 1 / slots per GPU)",
    )
    group.add_argument("--tracking-uri", help="MLflow store (default: MLFLOW_TRACKING_URI, else ./mlflow.db)")
    group.add_argument(
        "--reuse",
        choices=["fresh", "any", "none"],
        default="fresh",
        help="finished runs that are not run again: those of today's plugin code (default), of older code too, none",
    )
    group.add_argument("--quiet", action="store_true", help="no progress display")
    group.add_argument("--json", action="store_true", help="print the records as JSON instead of the table")


def call(arguments: argparse.Namespace) -> int:
    _find(arguments)
    if not arguments.quiet:
        print("loading torch, Lightning and MLflow ...", file=sys.stderr, flush=True)
    if arguments.engine == "local":
        from harness.engines.local import warm_up

        warm_up()  # the workers import torch while we do
    from harness.store import resolve_uri

    uri = resolve_uri(arguments.tracking_uri)
    if arguments.dry_run:
        return _dry_run(arguments, uri)
    with contextlib.redirect_stdout(sys.stderr), _cluster(arguments):  # whatever a plugin prints is not the result
        planned, outcome = _execute(arguments, uri)
    _show(outcome, arguments, uri, planned)
    return _exit_code(outcome)


def _find(arguments: argparse.Namespace) -> None:
    """Says which name is unknown, before imports that take seconds."""
    for name in arguments.arch:
        for part in registry.split_parts(name):
            registry.find("architecture", part)
    for name in arguments.task:
        registry.find("task", name)


def _execute(arguments: argparse.Namespace, uri: str) -> tuple[int, Outcome]:
    """How many runs were planned, and what became of them."""
    from harness.cli.progress import Quiet, display
    from harness.sweep import execute, plan
    from harness.track import Store

    sweep = _sweep(arguments)
    runs = plan(sweep)
    engine = _engine(arguments)
    store = Store(uri)
    interrupt.as_exception()
    with Quiet() if arguments.quiet else display() as shown:
        outcome = execute(sweep, runs, engine, store, shown, reuse=arguments.reuse, curves=arguments.json)
    return len(runs), outcome


def _dry_run(arguments: argparse.Namespace, uri: str) -> int:
    from harness import device as devices
    from harness.cli.plan import show
    from harness.preview import preview
    from harness.sweep import finished, plan
    from harness.track import Store

    runs = plan(_sweep(arguments))
    records = finished(Store(uri), {spec.identity: spec for spec in runs}, arguments.reuse)
    device = devices.pick(arguments.device)
    jobs = arguments.jobs or len(devices.slots(device, arguments.slots_per_gpu)) or devices.cores()
    show(preview(runs, set(records), device), jobs)
    return 0


def _cluster(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """What an engine needs while it lives; made before the imports that take seconds, as it may not be there."""
    if arguments.engine == "ray":
        from harness.engines.cluster import connected

        return connected(arguments.ray_address, arguments.jobs)
    if arguments.ray_address or arguments.gpus_per_run:
        raise UsageError("--ray-address and --gpus-per-run are for --engine ray.")
    return contextlib.nullcontext()


def _engine(arguments: argparse.Namespace) -> Engine:
    if arguments.engine == "ray":
        return _ray(arguments)

    from harness import device as devices
    from harness.engines.inline import Inline
    from harness.engines.local import Local

    device = devices.pick(arguments.device)
    if arguments.engine == "inline":
        if arguments.timeout or arguments.jobs:
            raise UsageError("--timeout and --jobs need worker processes: leave out --engine inline.")
        return Inline(device)
    slots = devices.slots(device, arguments.slots_per_gpu)
    jobs = arguments.jobs or (len(slots) if slots else devices.cores())
    visible = [slots[index % len(slots)] for index in range(jobs)] if slots else None
    return Local(device.type, jobs, visible, arguments.timeout, devices.memory_share(device, jobs))


def _ray(arguments: argparse.Namespace) -> Engine:
    from harness.engines.ray import Ray

    if arguments.gpus_per_run and arguments.slots_per_gpu > 1:
        raise UsageError("--gpus-per-run and --slots-per-gpu say the same: leave one of them out.")
    jobs = arguments.jobs if arguments.ray_address else None  # a cluster of our own has that many cores
    share = arguments.gpus_per_run or 1 / arguments.slots_per_gpu
    return Ray(arguments.device, jobs, share, arguments.timeout)


def _sweep(arguments: argparse.Namespace) -> SweepSpec:
    from harness.spec import RunSpec
    from harness.sweep import SweepSpec

    names = [field.name for field in fields(RunSpec) if field.name in vars(arguments) and field.name not in _OTHERWISE]
    settings = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.test_length:
        settings["test_lengths"] = tuple(sorted(set(arguments.test_length)))
    return SweepSpec(
        architectures=tuple(dict.fromkeys(arguments.arch)),
        tasks=tuple(dict.fromkeys(arguments.task)),
        lengths=tuple(sorted(set(arguments.length or ()))),
        seeds=arguments.seeds,
        params=arguments.params,
        settings=settings,
        options=_joined(arguments.options),
    )


def _joined(assignments: list[tuple[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Values by name; `--set a=0 --set a=1` is `--set a=0,1`."""
    joined: dict[str, tuple[str, ...]] = {}
    for name, values in assignments:
        joined[name] = tuple(dict.fromkeys((*joined.get(name, ()), *values)))
    return joined


def _show(outcome: Outcome, arguments: argparse.Namespace, uri: str, planned: int) -> None:
    """The result on stdout; where the records are and what to type next on stderr."""
    from harness.record import as_json
    from harness.report import Results

    if arguments.json:
        print(json.dumps([as_json(record) for record in outcome.records], indent=2, sort_keys=True))
    elif outcome.records:
        registry.find("report", "terminal").load()(Results(outcome.records), Path.cwd())
    if arguments.quiet:
        return
    if outcome.reused:
        print(f"{outcome.reused} of {planned} runs were finished before and were not run again.", file=sys.stderr)
    missing = planned - sum(record.status != "interrupted" for record in outcome.records)
    if missing:
        print(f"{missing} of {planned} runs are missing: the same command runs the rest.", file=sys.stderr)
    where = f" --tracking-uri {uri}" if arguments.tracking_uri else ""
    print(f"records: {uri}\nnext: harness dashboard{where}", file=sys.stderr)


def _exit_code(outcome: Outcome) -> int:
    if outcome.interrupted:
        return 130
    statuses = {record.status for record in outcome.records}
    return 0 if statuses <= {"ok", "skipped"} and "ok" in statuses else 1
