"""`harness sample RUN`: what a trained model writes: more of a text, a caption, a pronunciation, a translation."""

from __future__ import annotations

import argparse
from statistics import fmean
from typing import TYPE_CHECKING, Any

from harness.cli._flags import add_store
from harness.sweeps.arguments import positive, whole

if TYPE_CHECKING:
    from harness.spec import RunSpec
    from harness.task import WritingTask
    from harness.tracking.store import Store

_CHARACTERS = 200  # of a text that goes on


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "sample",
        help="let a trained model write",
        description="Answers a prompt symbol by symbol with the model of a finished run, which is fed its own answers.",
        epilog="examples:\n  harness run --arch lstm --task charlm --length 50\n"
        "  harness sample               # the runs that can be sampled\n"
        '  harness sample 1f3a5c7e --prompt "def "\n'
        '  harness sample 1f3a5c7e --prompt "import " --temperature 0.7 --seed 3\n'
        "  harness sample 9b2d4f60 --prompt é    # a run of glyph_names: what is drawn",
    )
    parser.add_argument(
        "run", nargs="?", help="identity of the run, or its first digits; or its MLflow id (default: list the runs)"
    )
    parser.add_argument("--prompt", default="", metavar="TEXT", help="what is answered, or the beginning of the text")
    parser.add_argument(
        "--length",
        type=whole(1),
        metavar="N",
        help=f"symbols at most (default: {_CHARACTERS} of a text that goes on; else up to its end)",
    )
    parser.add_argument(
        "--temperature",
        type=positive(zero=True),
        metavar="X",
        help="below 1: more probable; above 1: more random; 0: always the most probable symbol (default: 1 of a text "
        "that goes on, else 0)",
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="S", help="seed of the random draws (default: 0)")
    add_store(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    from harness.errors import UsageError
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import find_run
    from harness.training.sampling import prompt_of, written
    from harness.training.weights import trained_model

    store = existing(arguments.tracking_uri)
    if arguments.run is None:
        return _list(store)
    run_id, record = find_run(store, arguments.run)
    if record.status != "ok":
        raise UsageError(f"Run {record.identity} ended as '{record.status}' and has no model: sample a finished run.")
    task = _writing_task(record.spec)
    prompt = prompt_of(task, arguments.prompt)
    weights = store.weights(run_id)
    if weights is None:
        raise UsageError(f"Run {record.identity} has no weights: repeat it as harness show {record.identity} says.")
    model = trained_model(record.spec, weights)
    temperature = arguments.temperature
    if temperature is None:
        temperature = 1.0 if task.end is None else 0.0
    said = task.text_of(written(model, task, prompt, _most(arguments.length, task), temperature, arguments.seed))
    print(f"{arguments.prompt}{said}" if task.end is None else said)
    return 0


def _most(length: int | None, task: WritingTask) -> int:
    """How many answers are written at most: as asked, else what the task has, or enough to see a text by."""
    return length or (_CHARACTERS if task.end is None else task.most_answers)


def _list(store: Store) -> int:
    """Prints a line for each run whose model can generate text."""
    from harness.errors import NoRecordsError

    ended = [record for _, record in store.records(store.task_labels()) if record.status == "ok"]
    texts = {task: _is_written(task) for task in {record.spec.task for record in ended}}
    found = {record.identity: record for record in ended if texts[record.spec.task]}
    if not found:
        raise NoRecordsError(f"{store.uri} holds no language model yet: harness run --arch lstm --task charlm")
    for identity, record in found.items():
        spec, bits = record.spec, fmean(record.scores[length].bits or 0.0 for length in record.spec.points)
        where = f"{spec.label} on {spec.task_label}, length {spec.length_text}, seed {spec.seed}"
        print(f"{identity}  {where}: {bits:.3f} bits")
    return 0


def _is_written(task: str) -> bool:
    from harness.discovery import registry
    from harness.errors import HarnessError
    from harness.task import WritingTask

    try:
        return issubclass(registry.find("task", task).load(), WritingTask)
    except HarnessError:
        return False


def _writing_task(spec: RunSpec) -> WritingTask:
    """The task of a run; UsageError if its answers are not written one after the other."""
    from harness.errors import UsageError
    from harness.task import WritingTask
    from harness.training.build import build_task

    task = build_task(spec.task, spec.task_options)
    if not isinstance(task, WritingTask):
        raise UsageError(f"{spec.task_label} is not a text task: sample a run of charlm, or of another that writes.")
    return task
