"""`harness show RUN`: everything about one run, and the command that repeats it."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.cli._flags import add_json, add_store
from harness.cli._runs import print_runs
from harness.errors import NoRecordsError
from harness.spec import RunSpec
from harness.sweeps.arguments import completes_from_store
from harness.tracking.completion import run_names

if TYPE_CHECKING:
    from harness.record import Record
    from harness.tracking.store import Store


_LAST = 15  # lines of a traceback, or of what a run printed, that are shown
_NEWEST = 10  # runs that are listed without an argument


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "show",
        help="everything about one run",
        description="Shows the settings, measurements and errors of one run, and the command that repeats it.",
        epilog="examples:\n  harness show    # the newest runs\n"
        "  harness show 1f3a5c7e    # first digits of its identity\n  harness show 1f3a5c7e --json",
    )
    run = parser.add_argument(
        "run", nargs="?", help="identity of the run, or its first digits; or its MLflow id (default: list the newest)"
    )
    completes_from_store(run, run_names)
    add_store(parser)
    add_json(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    from harness.record import as_json
    from harness.tracking.outdated import changed_since, code_of
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import find_run

    store = existing(arguments.tracking_uri)
    if arguments.run is None:
        return _list_newest(store)
    run_id, record = find_run(store, arguments.run)
    weights = store.weights_address(run_id)
    changed = changed_since(code_of(record.spec))
    if arguments.json:
        content = {
            **as_json(record),
            "outdated": bool(changed),
            "mlflow_run": run_id,
            "weights": weights,
            "command": command_of(record.spec),
        }
        print(json.dumps(content, indent=2, sort_keys=True))
    else:
        print(_text(run_id, record, weights, changed))
    return 0


def _list_newest(store: Store) -> int:
    from harness.tracking.outdated import outdated_runs

    found = [stored.record for stored in store.records(store.task_labels())]
    if not found:
        raise NoRecordsError(f"{store.uri} holds no finished run yet: harness run --arch lstm --task copy")
    newest = sorted(found, key=lambda record: record.began, reverse=True)[:_NEWEST]
    print_runs(newest, outdated_runs(newest))
    print(f"all about one: harness show {newest[0].identity[:8]}    all runs: harness runs", file=sys.stderr)
    return 0


def command_of(spec: RunSpec) -> str:
    """The command that repeats a run, given the same plugin code."""
    from harness.cli._parse import Parser
    from harness.sweeps.flags import add_training

    words = ["harness", "run", "--arch", spec.architecture, "--task", spec.task, "--length", spec.length_text]
    words += ["--seeds", "1", "--first-seed", str(spec.seed)]
    if spec.test_lengths:
        words += ["--test-length", ",".join(map(str, spec.test_lengths))]
    training = Parser(add_help=False)
    add_training(training)
    for action in training._actions:
        value = getattr(spec, action.dest)
        of_vectors = action.dest == "embedding" and value == "none"
        if value != getattr(RunSpec, action.dest) and not of_vectors:
            words += [action.option_strings[0], str(value)]
    if spec.hidden_size != RunSpec.hidden_size:
        words += ["--set", f"hidden_size={spec.hidden_size}"]
    for name, value in spec.asked.items():
        if "." in name:
            words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    return shlex.join([*words, "--reuse", "none"])


def _text(run_id: str, record: Record, weights: str | None, changed: Sequence[str]) -> str:
    spec = record.spec
    lines = [
        f"run {record.identity}",
        f"{spec.label} on {spec.task_label}, length {spec.length_text}, seed {spec.seed}",
        "",
    ]
    if record.began:
        lines.append(time.strftime("began: %Y-%m-%d %H:%M:%S %Z", time.localtime(record.began)))
    lines += [f"status: {record.status}" + (f": {record.reason}" if record.reason else "")]
    if changed:
        lines.append(f"outdated: {', '.join(changed)} has changed since this run")
    lines += _measured(record)
    sections = {
        "settings": _settings(spec),
        "asked": spec.asked,
        "files that the plugins use from elsewhere": spec.code_files,
        "environment": record.environment,
    }
    for title, content in ((title, content) for title, content in sections.items() if content):
        lines += ["", f"{title}:", *(f"  {key}: {value}" for key, value in content.items())]
    if record.output:
        lines += _last_lines("it printed", record.output)
    if record.traceback:
        lines += _last_lines("traceback", record.traceback)
    lines += ["", f"MLflow run: {run_id}", f"weights: {weights or 'not kept'}", f"repeat: {command_of(spec)}"]
    if changed:
        lines.append(f"  (trains with today's code of {', '.join(changed)}, not with the recorded one)")
    return "\n".join(lines)


def _last_lines(title: str, text: str) -> list[str]:
    lines = text.rstrip().splitlines()
    more = f", last lines (all {len(lines)} lines: --json)" if len(lines) > _LAST else ""
    return ["", f"{title}{more}:", *lines[-_LAST:]]


def _measured(record: Record) -> list[str]:
    lines = []
    for length, scores in record.scores.items():
        trained = " (trained at)" if length in record.spec.trained and record.spec.test_lengths else ""
        chance = f"chance {record.chances[length]:.2%}" if length in record.chances else "chance unknown"
        lines.append(
            f"length {length}{trained}: accuracy {scores.accuracy:.2%} ({chance}), loss {scores.loss:.4g}, "
            f"exact match {scores.exact_match:.2%}" + ("" if scores.bits is None else f", bits {scores.bits:.3f}")
        )
        if scores.forced_error is None or scores.free_error is None:
            continue
        lines.append(
            f"answers wrong: {scores.forced_error:.2%} fed the right ones, {scores.free_error:.2%} (edit distance) fed "
            "its own"
        )
    if record.steps:
        reached, rule = f"reached after {record.steps_to_solve}", ""
        if not record.steps_to_solve:
            reached, rule = "not reached", "; it needs two validations in a row"
        threshold = f"threshold {reached} (validation accuracy {record.solved_at:.0%}{rule})"
        lines.append(f"steps: {record.steps} trained, {threshold}")
        lines.append(f"time: {record.seconds:.1f} s, {record.tokens_per_second:,.0f} tokens/s")
    if record.parameters:
        parts = ", ".join(f"{part} {count:,}" for part, count in record.parameters.items())
        lines.append(f"parameters: {sum(record.parameters.values()):,} ({parts})")
    if record.state_size is not None:
        lines.append(f"state: {record.state_size:,} numbers carried from step to step")
    lines += [f"note: the plugin changed its process, which was put back: {note}" for note in record.notes]
    if record.attempt > 1:
        lines.append(f"attempt: {record.attempt}")
    return lines


def _settings(spec: RunSpec) -> dict[str, Any]:
    left_out = ("architecture_options", "task_options", "asked", "label", "task_label")
    plain = {key: value for key, value in json.loads(spec.to_json()).items() if key not in left_out}
    task = spec.task_name
    return {**plain, **spec.architecture_options, **{f"{task}.{key}": v for key, v in spec.task_options.items()}}
