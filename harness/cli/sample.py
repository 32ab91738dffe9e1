"""`harness sample RUN`: generates text with a model that was trained on text."""

from __future__ import annotations

import argparse
from statistics import fmean
from typing import TYPE_CHECKING, Any

from harness.cli._flags import add_store
from harness.cli._parse import positive, whole

if TYPE_CHECKING:
    from harness.spec import RunSpec
    from harness.tracking.store import Store
    from harness.training.sampling import Text


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "sample",
        help="generate text with a trained language model",
        description="Continues a prompt character by character with the model of a finished run, carrying its state.",
        epilog="examples:\n  harness run --arch lstm --task charlm --length 50\n"
        "  harness sample               # the runs that can be sampled\n"
        '  harness sample 1f3a5c7e --prompt "def "\n'
        '  harness sample 1f3a5c7e --prompt "import " --temperature 0.7 --seed 3',
    )
    parser.add_argument(
        "run", nargs="?", help="identity of the run, or its first digits; or its MLflow id (default: list the runs)"
    )
    parser.add_argument("--prompt", default="", metavar="TEXT", help="beginning of the text")
    parser.add_argument("--length", type=whole(1), default=200, metavar="N", help="characters (default: 200)")
    parser.add_argument(
        "--temperature",
        type=positive(zero=True),
        default=1.0,
        metavar="X",
        help="below 1: more probable text; above 1: more random; 0: always the most probable character (default: 1)",
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="S", help="seed of the random draws (default: 0)")
    add_store(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    from harness.errors import UsageError
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import find_run
    from harness.training.sampling import refuse_prompt, written
    from harness.training.weights import trained_model

    store = existing(arguments.tracking_uri)
    if arguments.run is None:
        return _list(store)
    run_id, record = find_run(store, arguments.run)
    if record.status != "ok":
        raise UsageError(f"Run {record.identity} ended as '{record.status}' and has no model: sample a finished run.")
    text = _text_of(record.spec)
    refuse_prompt(text, arguments.prompt)
    weights = store.weights(run_id)
    if weights is None:
        raise UsageError(f"Run {record.identity} has no weights: repeat it as harness show {record.identity} says.")
    model = trained_model(record.spec, weights)
    if not model.architecture.stateful:
        raise UsageError(f"{record.spec.label} cannot be sampled step by step: it carries no state.")
    said = written(model, text, arguments.prompt, arguments.length, arguments.temperature, arguments.seed)
    print(arguments.prompt + said)
    return 0


def _list(store: Store) -> int:
    """Prints a line for each run whose model can generate text."""
    from harness.errors import NoRecordsError

    ended = [record for _, record in store.records(store.task_labels()) if record.status == "ok"]
    texts = {task: _is_text(task) for task in {record.spec.task for record in ended}}
    found = {record.identity: record for record in ended if texts[record.spec.task]}
    if not found:
        raise NoRecordsError(f"{store.uri} holds no language model yet: harness run --arch lstm --task charlm")
    for identity, record in found.items():
        spec, bits = record.spec, fmean(record.scores[length].bits or 0.0 for length in record.spec.points)
        where = f"{spec.label} on {spec.task_label}, length {spec.length_text}, seed {spec.seed}"
        print(f"{identity}  {where}: {bits:.3f} bits")
    return 0


def _is_text(task: str) -> bool:
    from harness.discovery import registry
    from harness.errors import HarnessError

    try:
        return hasattr(registry.find("task", task).load(), "decoded")
    except HarnessError:
        return False


def _text_of(spec: RunSpec) -> Text:
    """The text task of a run; UsageError if its task is another one."""
    from harness.errors import UsageError
    from harness.training.build import build_task
    from harness.training.sampling import Text

    task = build_task(spec.task, spec.task_options)
    if not isinstance(task, Text):
        raise UsageError(f"{spec.task_label} is not a text task: sample a run of charlm.")
    return task
