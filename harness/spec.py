"""What is asked for: one training (`RunSpec`), with a digest of all that decides its result, and a grid of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

from harness.names import display_name, short_name

IDENTITY_VERSION = 2
"""Raised when the same spec would give other results than before: the golden loss curve guards it."""

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine", "linear")
Match = Literal["params", "hidden", "state"]
EXECUTIONS = ("eager", "compile", "cuda-graphs")
PRECISIONS = ("32", "64", "bf16-mixed", "16-mixed")
KEEP_WEIGHTS = ("auto", "none", "all")
_NOT_IN_IDENTITY = ("architecture", "task", "label", "task_label", "asked", "keep_weights")  # they change no result


@dataclass(frozen=True)
class RunSpec:
    """One training: one architecture, one task, one length or range of lengths, one seed, every setting resolved."""

    architecture: str  # as named: 'lstm', 'deep:gru', './cell.py:Cell'
    task: str
    length: int  # trained at; of a range of lengths, the longest
    seed: int = 0
    architecture_options: dict[str, Any] = field(default_factory=dict)  # 'part.option': value, all of them
    task_options: dict[str, Any] = field(default_factory=dict)
    length_from: int | None = None  # the shortest of a range, from which each batch draws its length; None: one length
    hidden_size: int = 96
    embedding: str = "one-hot"  # of tokens, or "learned:DIM"; "none" where inputs are vectors
    steps: int = 5000
    batch_size: int = 32
    lr: float = 0.005
    optimizer: str = "adam"
    schedule: str = "constant"  # of the learning rate, after its warm-up
    warmup: int = 0  # steps in which the learning rate grows from zero
    final_lr: float = 0.0  # where a schedule ends
    weight_decay: float | None = None  # of adam and adamw; None: 0.01 for adamw, else 0
    beta2: float = 0.95  # of adam and adamw
    clip: float = 1.0  # gradient norm; 0: no clipping
    tbptt: int = 0  # steps of time that the gradient goes back through at most; 0: whole sequences
    precision: str = "32"
    execution: str = "eager"  # of the training passes; each rounds in its own way
    train_sequences: int = 0  # a fixed set of so many, reshuffled each epoch; 0: each batch is new
    validate_every: int = 100  # steps
    validation_sequences: int = 500
    test_sequences: int = 2000  # 0: test data is not touched, as in a search
    test_lengths: tuple[int, ...] = ()  # evaluated beside `length`; after training on a range, instead of it
    architecture_code: str = ""  # fingerprints of the plugins' source
    task_code: str = ""
    task_data: str = ""  # digest of what the task reads from outside
    code_files: dict[str, str] = field(
        default_factory=dict
    )  # files from elsewhere that the plugins use: digest by path
    label: str = ""  # what the architecture and its variant are called in tables and charts: 'lstm forget_bias=0'
    task_label: str = ""
    asked: dict[str, Any] = field(default_factory=dict)  # the settings that were typed, the others being defaults
    keep_weights: str = "auto"  # "auto": of models up to 2 million parameters; "none", "all"

    @cached_property
    def identity(self) -> str:
        """16 hexadecimal digits, the same for the same training wherever and however it is executed."""
        content = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_IN_IDENTITY}
        content["architecture"] = display_name(self.architecture)
        content["task"] = short_name(self.task)
        content["code_files"] = sorted(self.code_files.values())
        return _digest(content)

    @property
    def trained(self) -> range:
        """The lengths that batches of training and validation are drawn from."""
        return range(self.length if self.length_from is None else self.length_from, self.length + 1)

    @property
    def task_name(self) -> str:
        """The task's name in options: 'copy', or the stem of a loose file or its class."""
        return short_name(self.task)

    @property
    def tested(self) -> list[int]:
        """The lengths that the trained model is tested at: its own among them, unless it trained on a range."""
        own = () if self.length_from is not None and self.test_lengths else (self.length,)
        return sorted({*own, *self.test_lengths})

    @property
    def points(self) -> list[int]:
        """The lengths at which the run is a point of its architecture's curve: of a range, all that are tested."""
        return [self.length] if self.length_from is None else self.tested

    @property
    def longest(self) -> int:
        """The longest length that the model must take."""
        return max(self.length, *self.tested)

    @property
    def length_text(self) -> str:
        """What the length is called in texts: '20', or '3..40' for a range."""
        return str(self.length) if self.length_from is None else f"{self.length_from}..{self.length}"

    def value_of(self, name: str) -> Any:
        """The value of a setting (`lr`), or of an option of the architecture (`lstm.forget_bias`)."""
        return self.architecture_options[name] if "." in name else getattr(self, name)

    def with_values(self, values: Mapping[str, Any]) -> RunSpec:
        """The same training with other settings and options of the architecture, named as in `value_of`."""
        options = {name: value for name, value in values.items() if "." in name}
        settings = {name: value for name, value in values.items() if "." not in name}
        options, asked = {**self.architecture_options, **options}, {**self.asked, **values}
        return replace(self, **settings, architecture_options=options, asked=asked)

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


@dataclass(frozen=True)
class TunedSetting:
    """The values that a search found for one architecture on one task."""

    architecture: str  # full name
    task_label: str
    values: Mapping[str, Any]  # settings of RunSpec, hidden_size, and options such as 'lstm.forget_bias'
    budget: str  # of the search, in words
    search_run: str  # MLflow id of the search


@dataclass(frozen=True)
class SweepSpec:
    """What a person asks for: every combination of these; settings that are not given are at their defaults."""

    architectures: tuple[str, ...]
    tasks: tuple[str, ...]
    lengths: tuple[int, ...] = ()  # trained at, each by itself; empty: each task's own
    length_range: tuple[int, int] | None = None  # instead of lengths: the shortest and the longest of each run
    seeds: int = 1
    first_seed: int = 0  # seeds first_seed .. first_seed + seeds - 1
    params: int | None = None  # parameters of every model: hidden_size is solved for each architecture and task
    match: Match = "params"  # "hidden", "state": solved for the first one, whose hidden_size or state all others get
    settings: Mapping[str, Any] = field(default_factory=dict)  # of RunSpec; a tuple of values makes variants
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # from --set: name and values, as typed
    tuned: tuple[TunedSetting, ...] = ()  # at most one for each architecture and task

    def tuned_for(self, architecture: str, task_label: str) -> TunedSetting | None:
        """What a search found for an architecture (by full name) on a task; None where the defaults are used."""
        return next(
            (one for one in self.tuned if (one.architecture, one.task_label) == (architecture, task_label)), None
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SweepSpec:
        """Reads a sweep back; what this version does not know is a TypeError."""
        content: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
        content["options"] = {name: tuple(values) for name, values in content["options"].items()}
        settings = content["settings"]
        content["settings"] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        content["tuned"] = tuple(TunedSetting(**one) for one in content["tuned"])
        return cls(**content)


@dataclass(frozen=True)
class Planned:
    """One run of a sweep, as far as a table must know it."""

    identity: str
    task_label: str
    label: str
    length: int
    seed: int

    @classmethod
    def of(cls, spec: RunSpec) -> Planned:
        return cls(spec.identity, spec.task_label, spec.label, spec.length, spec.seed)


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps({"identity_version": IDENTITY_VERSION, **content}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
