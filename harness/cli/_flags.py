"""Flags that several verbs have, each defined once: the store, the sweep, where runs are executed, what is shown.

Those that say what is compared and how it is trained are in `sweeps/flags.py`, where studies have them too.
"""

from __future__ import annotations

from typing import Any

from harness.sweeps.arguments import (
    completes_from_store,
    positive,
    whole,
)
from harness.tracking.completion import sweep_names


def add_store(parser: Any) -> None:
    """`--tracking-uri URI`: the MLflow store."""
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow store (default: MLFLOW_TRACKING_URI, else ./mlflow.db)"
    )


def add_sweep(parser: Any, default: str = "the newest") -> None:
    """`--sweep NAME`: a sweep in the store."""
    text = f"name of the sweep, or its first digits (default: {default})"
    completes_from_store(parser.add_argument("--sweep", metavar="NAME", help=text), sweep_names)


def add_json(parser: Any) -> None:
    """`--json`: the result as data."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def add_quiet(parser: Any) -> None:
    """`--quiet`: the result only."""
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def add_where(group: Any, reuse: bool = True, retry: int = 0) -> None:
    """Where the runs are executed, where their records go, what is shown."""
    group.add_argument(
        "--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="device (default: auto)"
    )
    group.add_argument(
        "--jobs", type=whole(1), metavar="N", help="runs at the same time (default: one for each core or GPU slot)"
    )
    group.add_argument(
        "--slots-per-gpu", type=whole(1), default=1, metavar="N", help="runs at the same time on one GPU"
    )
    group.add_argument("--timeout", type=positive(), metavar="SECONDS", help="time limit of a run")
    group.add_argument(
        "--retry",
        type=whole(0),
        default=retry,
        metavar="N",
        help=f"repeat a failed run up to N times (default: {retry})",
    )
    group.add_argument("--max-failures", type=whole(1), metavar="N", help="stop the sweep when N runs have failed")
    group.add_argument(
        "--engine",
        choices=["local", "inline", "ray"],
        default="local",
        help="worker processes (default), this process (for debugging), or a Ray cluster",
    )
    _add_ray(group)
    add_store(group)
    if reuse:
        group.add_argument(
            "--reuse",
            choices=["fresh", "any", "none"],
            default="fresh",
            help="finished runs to reuse: fresh: of the current plugin code (default); any: of older code too; none",
        )
    add_quiet(group)
    add_json(group)


def _add_ray(group: Any) -> None:
    group.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="Ray cluster: auto, or HOST:PORT (default: one on this machine, while the command runs); "
        "whoever reaches a port of Ray can run code there: keep a cluster in a network that you trust",
    )
    group.add_argument(
        "--gpus-per-run",
        type=positive(),
        metavar="SHARE",
        help="share of a GPU for each run on Ray, such as 0.25 (default: 1 / slots per GPU)",
    )


def add_kind(parser: Any) -> None:
    """`--arch` or `--task`, for a name that could be both."""
    kind = parser.add_mutually_exclusive_group()
    for flag, value in (("--arch", "architecture"), ("--task", "task")):
        kind.add_argument(flag, dest="kind", action="store_const", const=value, help=f"kind of the plugin: {value}")
