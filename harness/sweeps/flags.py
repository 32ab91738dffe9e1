"""The flags that say what is compared and how it is trained, each defined once.

The command line has them, and so have the tables of a study. Defaults of training are those of `RunSpec`.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any, get_args

from harness.errors import UsageError
from harness.spec import EXECUTIONS, KEEP_WEIGHTS, OPTIMIZERS, PRECISIONS, SCHEDULES, Match, RunSpec, SweepSpec
from harness.sweeps import asked
from harness.sweeps.arguments import (
    assignment,
    completes,
    count,
    length_or_range,
    many,
    one_of,
    positive,
    spaced_lengths,
    whole,
)

_SEVERAL = ("task", "length")  # settings of RunSpec whose flags hold several values


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


def sweep_of(arguments: argparse.Namespace) -> SweepSpec:
    """The sweep that the flags ask for."""
    given = vars(arguments)
    lengths, length_range = _trained(arguments.length or [])
    return asked.sweep_of(
        arguments.arch,
        arguments.task,
        lengths,
        length_range,
        [length for group in arguments.test_length or () for length in group],
        seeds=arguments.seeds,
        first_seed=arguments.first_seed,
        params=arguments.params,
        match=arguments.match,
        settings={f.name: given[f.name] for f in fields(RunSpec) if f.name in given and f.name not in _SEVERAL},
        options=arguments.options,
    )


def _trained(typed: list[int | tuple[int, int]]) -> tuple[list[int], tuple[int, int] | None]:
    """The lengths, each for runs of its own, or the range of lengths for all runs."""
    ranges = [one for one in typed if isinstance(one, tuple)]
    if not ranges:
        return [one for one in typed if isinstance(one, int)], None
    if len(typed) > 1:
        low, high = ranges[0]
        raise UsageError(f"--length {low}..{high} is one range for every run: leave out the other lengths.")
    return [], ranges[0]
