"""Training settings of a sweep: their values for each architecture, and the variants that several values make.

A setting is named as in RunSpec: `lr`. A flag sets it for all architectures, `--set lstm.lr=1e-3` for one, and an
architecture may recommend a value. Several values make variants, whose labels name the value.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.discovery.compose import Composition, Part, compose
from harness.discovery.options import Option
from harness.discovery.variants import ArchitectureVariant, Typed, has_option, refuse_endless
from harness.errors import PluginError, UsageError, did_you_mean
from harness.spec import EXECUTIONS, OPTIMIZERS, PRECISIONS, SCHEDULES, RunSpec
from harness.training.frame import refuse_embedding
from harness.training.optimizer import refuse_weight_decay
from harness.training.schedule import refuse_schedule

_SHORT = {"batch": "batch_size"}
_CHOICES = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS, "execution": EXECUTIONS}
_AT_LEAST_1 = ("steps", "batch_size", "validate_every", "validation_sequences")
_AT_LEAST_0 = ("test_sequences", "warmup", "tbptt", "train_sequences")
_WHOLE = {**dict.fromkeys(_AT_LEAST_1, 1), **dict.fromkeys(_AT_LEAST_0, 0)}
_REAL = ("lr", "final_lr", "clip", "weight_decay", "beta2")


def _options() -> dict[str, Option]:
    found = {name: Option(name, (), values, getattr(RunSpec, name)) for name, values in _CHOICES.items()}
    found |= {name: Option(name, (int,), (), getattr(RunSpec, name)) for name in _WHOLE}
    found |= {name: Option(name, (float,), (), getattr(RunSpec, name)) for name in _REAL}
    return {**found, "embedding": Option("embedding", (str,), (), RunSpec.embedding)}


SETTINGS: Mapping[str, Option] = _options()


@dataclass(frozen=True)
class OwnSettings:
    """Settings that were typed for single architectures: values by part and setting."""

    values: Mapping[str, Mapping[str, tuple[Any, ...]]]

    def of(self, composition: Composition) -> dict[str, tuple[Any, ...]]:
        """Those of an architecture: of its parts, and of its whole name, which comes first."""
        names = [*(part.name for part in reversed(composition.parts)), composition.display_name]
        return {key: values for name in names for key, values in self.values.get(name, {}).items()}


def split_typed(typed: Typed, compositions: Sequence[Composition], tasks: Sequence[Part]) -> tuple[Typed, OwnSettings]:
    """What was typed with --set, apart: options of plugins, and settings of single architectures ('lstm.lr').

    A plugin's own option comes before a setting of the same name.
    """
    known = {part.name for one in compositions for part in one.parts} | {one.display_name for one in compositions}
    options: dict[str, tuple[str, ...]] = {}
    own: dict[str, dict[str, tuple[Any, ...]]] = {}
    for name, texts in typed.items():
        owner, _, short = name.rpartition(".")
        setting = _SHORT.get(short, short)
        if owner in known and setting in SETTINGS and not has_option(name, compositions, tasks):
            values = tuple(_parsed(setting, text, name) for text in texts)
            own.setdefault(owner, {})[setting] = values
        else:
            options[name] = texts
    return options, OwnSettings(own)


def setting_variants(
    variant: ArchitectureVariant, shared: Mapping[str, Any], own: OwnSettings
) -> Iterator[ArchitectureVariant]:
    """A variant with its settings; one for each combination where there are several values of any."""
    given = {name: value if _is_several(name, value) else (value,) for name, value in shared.items()}
    given |= own.of(variant.composition)
    refuse_endless(math.prod(len(values) for values in given.values()))
    varied = [name for name, values in given.items() if len(values) > 1]
    for combination in itertools.product(*given.values()):
        settings = dict(zip(given, combination, strict=True))
        words = [f"{name}={_shown(settings[name])}" for name in varied]
        yield replace(variant, label=" ".join([variant.label, *words]), settings=settings)


def recommended(composition: Composition) -> dict[str, Any]:
    """What the parts of an architecture recommend (`recommended = {"lr": 1e-3}`); an outer part comes first."""
    found: dict[str, Any] = {}
    for part in reversed(composition.parts):
        for name, value in getattr(part.plugin, "recommended", {}).items():
            if name not in SETTINGS:
                raise PluginError(f"{part.name}.recommended: {did_you_mean('setting', name, SETTINGS)}")
            try:
                found[name] = SETTINGS[name].check(value)
            except ValueError as error:
                raise PluginError(f"{part.name}.recommended: {error}.") from None
    return found


def recommended_for(spec: RunSpec) -> dict[str, Any]:
    """The settings that a run has because its architecture recommends them."""
    found = recommended(compose(spec.architecture))
    return {name: value for name, value in found.items() if name not in spec.asked and getattr(spec, name) == value}


def refuse_settings(spec: RunSpec) -> None:
    """Raises UsageError for a setting out of its range, or settings that contradict each other."""
    for name, least in _WHOLE.items():
        if getattr(spec, name) < least:
            raise UsageError(f"{name} must be at least {least}, got {getattr(spec, name)}.")
    for name in _REAL:
        value = getattr(spec, name)
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"{name} must be a finite number, at least 0, got {value}.")
    if not 0 < spec.beta2 < 1:
        raise UsageError(f"beta2 must be between 0 and 1, got {spec.beta2}.")
    refuse_embedding(spec.embedding)
    refuse_schedule(spec)
    refuse_weight_decay(spec)


def _is_several(name: str, value: Any) -> bool:
    return isinstance(value, (tuple, list)) and name != "test_lengths"


def _parsed(setting: str, text: str, typed: str) -> Any:
    try:
        return SETTINGS[setting].parse(text)
    except ValueError as error:
        raise UsageError(f"--set {typed}={text}: {error}.") from None


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
