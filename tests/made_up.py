"""Sweeps that were never run: records as a real sweep leaves them, made from a rule and a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.record import CurvePoint, Record, Scores
from harness.report import Results
from harness.spec import RunSpec

TASKS = {"copy": (0.125, 0.95), "adding": (0.0784, 0.9), "parentheses": (0.25, 0.95)}
REACH = {"rnn": 8, "lstm": 45, "gru": 48, "deep:gru": 90, "bidirectional:lstm": 160, "deep:lstm": 70}
LENGTHS = (5, 10, 20, 50, 100, 200)
ENVIRONMENT = {
    "version.torch": "2.13.0",
    "version.rnn-harness": "0.1.0",
    "python": "3.12.1",
    "device": "cpu",
    "device.name": "AMD EPYC",
    "threads": "1",
    "git": "0123abc",
}


def made_up(
    tasks: Sequence[str] = tuple(TASKS),
    architectures: Sequence[str] = tuple(REACH),
    lengths: Sequence[int] = LENGTHS,
    seeds: int = 5,
    failures: bool = True,
    points: int = 50,
) -> list[Record]:
    """Records of every combination; with `failures`, some diverged, one ran out of memory and one pair was refused."""
    return [
        _record(task, label, length, seed, failures, points)
        for task in tasks
        for seed in range(seeds)
        for length in lengths
        for label in architectures
    ]


def _record(task: str, label: str, length: int, seed: int, failures: bool, points: int) -> Record:
    chance, solved_at = TASKS.get(task, (0.125, 0.95))
    options = {"lstm.forget_bias": 1.0} if "lstm" in label else {}
    spec = RunSpec(label, task, length, seed, options, label=label, task_label=task, asked={"steps": 5000})
    spec = replace(spec, test_lengths=(2 * length,))
    record = Record(spec, "ok", solved_at=solved_at, chances={length: chance, 2 * length: chance})
    record.environment, record.steps, record.steps_per_sequence = dict(ENVIRONMENT), 5000, length + 20
    record.ended = 1_790_000_000.0 + 60 * seed
    if failures and task == "parentheses" and label.startswith("bidirectional"):
        record.status, record.reason = "refused", "bidirectional:lstm cannot be run on parentheses: it sees the future."
        return record
    record.parameters = {"embedding": 0, "architecture": 20_000 + 9_000 * len(label), "head": 800}
    record.state_size = 96 * (1 + ("lstm" in label)) * (1 + ("deep" in label))
    draw = random.Random(f"{task} {label} {length} {seed}")
    if failures and draw.random() < (0.12 if label == "rnn" and length > 50 else 0.01):
        record.status, record.reason = "diverged", "the loss was nan after 1200 steps"
        return record
    if failures and (task, label, length, seed) == ("adding", "deep:lstm", 200, 3):
        record.status, record.reason = "out_of_memory", "OutOfMemoryError: can't allocate memory: 3 GB"
        return record
    reach = REACH.get(label, 30) * {"copy": 1.0, "adding": 2.2}.get(task, 0.6) * draw.uniform(0.75, 1.3)
    accuracy = chance + (1 - chance) / (1 + (length / reach / 2.2) ** 4)
    accuracy = min(1.0, accuracy + (0.004 if accuracy > 0.9 else draw.uniform(-0.01, 0.01)))
    record.scores[length] = Scores(accuracy, 2 * (1 - accuracy), max(0.0, 2 * accuracy - 1))
    further = chance + (accuracy - chance) * draw.uniform(0.5, 0.9)
    record.scores[2 * length] = Scores(further, 2 * (1 - further), max(0.0, 2 * further - 1))
    record.seconds, record.tokens_per_second = 0.6 * length * len(label), draw.uniform(2e4, 3e4) / len(label)
    record.steps_to_solve = int(600 * draw.uniform(1, 2) * (1 + length / reach)) if accuracy >= solved_at else None
    record.curve = [_point(5000 * n // points, 1 - n / points, accuracy, chance, draw) for n in range(1, points + 1)]
    return record


def _point(step: int, left: float, accuracy: float, chance: float, draw: random.Random) -> CurvePoint:
    reached = chance + (accuracy - chance) * (1 - left**3) + draw.uniform(-0.01, 0.01)
    return CurvePoint(step, 2 * (1 - reached) + 0.01, 2 * (1 - reached), min(1.0, max(0.0, reached)))


def as_results(records: list[Record], **more: Any) -> Results:
    told: dict[str, Any] = {"title": "demo", "command": "harness run --arch rnn,lstm,gru --task copy --seeds 5"}
    told["references"] = {
        "copy": "Arjovsky, Shah & Bengio 2016, Unitary evolution recurrent neural networks",
        "gru": "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder, arXiv:1406.1078",
    }
    return Results(records, **{**told, "report_command": "harness report --sweep demo", "store": "mlflow.db", **more})
