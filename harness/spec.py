"""What one training is (`RunSpec`), and its identity: a digest of everything that decides its result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from harness.registry import short_name, split_parts

IDENTITY_VERSION = 1
"""Raised when the same spec would give other results than before: the golden loss curve guards it."""

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
PRECISIONS = ("32", "64", "bf16-mixed", "16-mixed")
_NOT_IN_IDENTITY = ("architecture", "task", "label", "task_label", "asked")  # paths, and wording


@dataclass(frozen=True)
class RunSpec:
    """One training: one architecture, one task, one length, one seed, every setting resolved."""

    architecture: str  # as named: 'lstm', 'deep:gru', './cell.py:Cell'
    task: str
    length: int
    seed: int = 0
    architecture_options: dict[str, Any] = field(default_factory=dict)  # 'part.option': value, all of them
    task_options: dict[str, Any] = field(default_factory=dict)
    hidden_size: int = 96
    steps: int = 5000
    batch_size: int = 32
    lr: float = 0.005
    optimizer: str = "adam"
    beta2: float = 0.95  # of adam and adamw
    clip: float = 1.0  # gradient norm; 0: no clipping
    precision: str = "32"
    validate_every: int = 100  # steps
    validation_sequences: int = 500
    test_sequences: int = 2000
    test_lengths: tuple[int, ...] = ()  # evaluated beside `length`
    architecture_code: str = ""  # fingerprints of the plugins' source
    task_code: str = ""
    label: str = ""  # what the architecture and its variant are called in tables and charts: 'lstm forget_bias=0'
    task_label: str = ""
    asked: dict[str, Any] = field(default_factory=dict)  # the settings that were typed, the others being defaults

    @property
    def identity(self) -> str:
        """16 hexadecimal digits, the same for the same training wherever and however it is executed."""
        content = {key: value for key, value in asdict(self).items() if key not in _NOT_IN_IDENTITY}
        content["architecture"] = display_name(self.architecture)
        content["task"] = short_name(self.task)
        return _digest(content)

    @property
    def curve(self) -> str:
        """The identity of the curve this run is a point of: that of the run without its length, under its label."""
        return _digest({"curve_of": replace(self, length=0).identity, "label": self.label})

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> RunSpec:
        """Reads a spec back; settings that this version does not know are an error."""
        content = json.loads(text)
        unlike = set(content) ^ {f.name for f in fields(cls)}
        if unlike:
            raise ValueError(f"the spec is of another version, which differs in: {', '.join(sorted(unlike))}")
        content["test_lengths"] = tuple(content.get("test_lengths", ()))
        return cls(**content)


def display_name(architecture: str) -> str:
    """'deep:./cells/mine.py:Cell' -> 'deep:Cell'."""
    return ":".join(short_name(part) for part in split_parts(architecture))


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps({"identity_version": IDENTITY_VERSION, **content}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
