"""The flags that several verbs have, each defined once: what is compared, how it is trained, where it runs.

Defaults of training are those of `RunSpec`.
"""

from __future__ import annotations

from typing import Any, get_args

from harness.cli._parse import (
    assignment,
    completes,
    completes_from_store,
    count,
    length_or_range,
    many,
    one_of,
    positive,
    spaced_lengths,
    whole,
)
from harness.spec import EXECUTIONS, KEEP_WEIGHTS, OPTIMIZERS, PRECISIONS, SCHEDULES, Match, RunSpec
from harness.tracking.completion import sweep_names


def add_grid(parser: Any, required: bool = True) -> None:
    """What is compared."""
    completes(
        many(parser, "--arch", required=required, metavar="NAME", help="architectures: names or ./file.py"),
        "architecture",
    )
    completes(many(parser, "--task", required=required, metavar="NAME", help="tasks: names or ./file.py"), "task")
    parser.add_argument(
        "--dry-run", action="store_true", help="show planned, finished and refused runs, and the time left"
    )
    parser.add_argument("--config", metavar="FILE", help="TOML file of these flags; typed flags override it")
    many(
        parser,
        "--length",
        kind=length_or_range,
        metavar="T",
        help="lengths to train at, one run for each; or one range such as 3..40, from which each batch draws its "
        "length (default: the task's own lengths)",
    )
    many(
        parser,
        "--test-length",
        kind=spaced_lengths,
        metavar="T",
        help="further lengths to test every trained model at; 40..256:8 stands for eight evenly spaced lengths. Models "
        "trained on a range are tested at these lengths only",
    )
    parser.add_argument("--seeds", type=whole(1), default=1, metavar="N", help="number of seeds (default: 1)")
    parser.add_argument("--first-seed", type=whole(0), default=0, metavar="S", help="seeds S .. S+N-1 (default: 0)")
    parser.add_argument(
        "--params",
        type=count,
        metavar="N",
        help="parameters of every model (50k, 1.5M): hidden_size is solved for each",
    )
    parser.add_argument(
        "--match",
        choices=get_args(Match),
        default="params",
        help="equal for all: number of parameters (default, with --params), the first one's hidden_size, or the first "
        "one's state size",
    )
    add_set(parser, ", or a training setting of one architecture (lstm.lr); VALUE,VALUE makes variants")


def add_set(parser: Any, more: str = "", default: Any = ()) -> None:
    """`--set NAME=VALUE`, any number of times; `more` ends its help."""
    parser.add_argument(
        "--set",
        dest="options",
        action="append",
        type=assignment,
        default=list(default) if default is not None else None,
        metavar="NAME=VALUE",
        help=f"option of an architecture or task, or hidden_size{more}",
    )


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


def add_training(group: Any, tested: bool = True) -> None:
    """How every model is trained and tested; dest is the setting's name in RunSpec. Several values make variants."""
    d = RunSpec

    def setting(flag: str, kind: Any, help: str, metavar: str = "N", **more: Any) -> None:
        many(group, flag, kind=kind, latest=True, metavar=metavar, help=help, **more)

    setting("--steps", whole(1), f"maximum number of optimizer steps (default: {d.steps})")
    setting("--batch", whole(1), f"sequences per step (default: {d.batch_size})", dest="batch_size")
    setting("--lr", positive(), f"learning rate (default: {d.lr:g})", "RATE")
    setting(
        "--schedule",
        one_of(SCHEDULES),
        f"course of the learning rate after its warm-up: {', '.join(SCHEDULES)} (default: {d.schedule})",
        "NAME",
    )
    setting(
        "--warmup",
        whole(0),
        f"steps in which the learning rate grows linearly from zero (default: {d.warmup})",
        "STEPS",
    )
    setting(
        "--final-lr",
        positive(zero=True),
        f"learning rate at the end of a cosine or linear schedule (default: {d.final_lr:g})",
        "RATE",
    )
    setting("--optimizer", one_of(OPTIMIZERS), f"{', '.join(OPTIMIZERS)} (default: {d.optimizer})", "NAME")
    setting(
        "--weight-decay",
        positive(zero=True),
        "of weight matrices, never of biases and norms; for adam and adamw (default: 0.01 for adamw, else 0)",
        "X",
    )
    setting(
        "--beta2",
        positive(below=1),
        f"decay of the mean of squared gradients, in adam and adamw (default: {d.beta2:g})",
        "X",
    )
    setting("--clip", positive(zero=True), f"maximum gradient norm; 0: no clipping (default: {d.clip:g})", "X")
    setting(
        "--tbptt",
        whole(0),
        "truncated backpropagation through time: cut sequences into chunks of K time steps, and carry the state "
        f"but not its gradient across; --steps then counts chunks; 0: whole sequences (default: {d.tbptt})",
        "K",
    )
    setting(
        "--embedding",
        str,
        "how tokens are fed: one-hot, or by a learned embedding of DIM dimensions, as learned:DIM or learned "
        "(default: as the task has it)",
        "KIND",
    )
    setting(
        "--train-sequences",
        whole(1),
        "train on N fixed sequences, reshuffled each epoch (default: every batch is new)",
    )
    setting("--precision", one_of(PRECISIONS), f"{', '.join(PRECISIONS)} (default: {d.precision})", "NAME")
    setting(
        "--execution",
        one_of(EXECUTIONS),
        "how training passes are executed: eager; compile: on a CPU, by a loop in C that is generated for a cell "
        "written as one step; on a GPU, by torch.compile; cuda-graphs: recorded, for many small kernels; "
        "harness bench --execution tells whether they are faster "
        f"(default: {d.execution})",
        "NAME",
    )
    setting("--validate-every", whole(1), f"steps between validations (default: {d.validate_every})")
    setting("--validation-sequences", whole(1), f"sequences per validation (default: {d.validation_sequences})")
    if tested:
        setting("--test-sequences", whole(1), f"test sequences per length (default: {d.test_sequences})")
    group.add_argument(
        "--keep-weights",
        choices=KEEP_WEIGHTS,
        help="weights of trained models in the store: of models up to 2 million parameters (auto), none or all "
        f"(default: {d.keep_weights})",
    )


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
