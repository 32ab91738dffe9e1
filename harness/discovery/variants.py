"""From `--set name=value,value` to variants: whose option it is, which values it takes, what the variant is called."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.discovery.compose import Composition, Part, compose, load_task
from harness.discovery.options import Option, resolve
from harness.errors import UsageError, did_you_mean
from harness.names import printable
from harness.spec import RunSpec

HIDDEN_SIZE = "hidden_size"
MAX_RUNS = 100_000
"""Of one task in one sweep: more would take months, and more memory than there is."""
Typed = Mapping[str, tuple[str, ...]]
"""What was typed: a name, plain or as 'part.name', and its values as text."""


@dataclass(frozen=True)
class ArchitectureVariant:
    """An architecture with every option resolved."""

    composition: Composition
    label: str
    options: dict[str, Any]  # by 'part.option'
    asked: dict[str, Any]  # those of the options that were typed
    hidden_size: int = RunSpec.hidden_size
    settings: dict[str, Any] = field(default_factory=dict)  # of its training, as in RunSpec: those that were typed

    @property
    def name(self) -> str:
        """As typed, with what a wrapper alone wraps."""
        return self.composition.name


@dataclass(frozen=True)
class TaskVariant:
    """A task with every option resolved."""

    part: Part
    label: str
    options: dict[str, Any]  # by option
    asked: dict[str, Any]  # those that were typed, by 'task.option'

    @property
    def name(self) -> str:
        """As typed."""
        return self.part.typed


class _Owner:
    """An architecture or a task, with the options it takes by full name."""

    def __init__(self, name: str, known: Mapping[str, Option]) -> None:
        self.name, self.known = name, known

    def find(self, typed: str) -> str | None:
        """The full name of the option that was typed, or None if it is not one of this owner's."""
        found = [key for key in self.known if typed in (key, key.rpartition(".")[2])]
        if len(found) > 1:
            raise UsageError(f"{self.name} has {typed!r} more than once: write {' or '.join(found)}.")
        return found[0] if found else None

    def combinations(self, typed: Typed) -> Iterator[dict[str, Any]]:
        """Every combination of the typed values that are this owner's, parsed."""
        parsed = {key: [_parse(self.known[key], text) for text in values] for key, values in self._own(typed).items()}
        refuse_endless(math.prod(len(values) for values in parsed.values()))
        for combination in itertools.product(*parsed.values()):
            yield dict(zip(parsed, combination, strict=True))

    def varied(self, typed: Typed) -> set[str]:
        """The options of this owner that were given several values."""
        return {key for key, values in self._own(typed).items() if len(values) > 1}

    def _own(self, typed: Typed) -> dict[str, tuple[str, ...]]:
        own: dict[str, tuple[str, ...]] = {}
        for name, values in typed.items():
            key = self.find(name)
            if key in own:
                raise UsageError(f"{key} of {self.name} is set twice: say all its values at once, {key}=VALUE,VALUE.")
            if key:
                own[key] = values
        return own


def compose_all(names: Iterable[str]) -> list[Composition]:
    """The architectures of these names, each once: two spellings of one file are one architecture."""
    composed = [compose(name) for name in dict.fromkeys(names)]
    return list({tuple(part.source for part in one.parts): one for one in reversed(composed)}.values())[::-1]


def labels(compositions: Sequence[Composition]) -> dict[str, str]:
    """What each is called in tables, by its name; files of one name are told apart by their folders."""
    counted = Counter(one.display_name for one in compositions)
    called = {
        one.name: one.display_name if counted[one.display_name] == 1 else _with_folder(one) for one in compositions
    }
    for label, number in Counter(called.values()).items():
        if number > 1:
            alike = " and ".join(name for name, its in called.items() if its == label)
            raise UsageError(f"{alike} are both called {label!r}: rename one of them.")
    return called


def refuse_endless(runs: int) -> None:
    """Raises UsageError for more runs than anybody can want."""
    if runs > MAX_RUNS:
        raise UsageError(f"This makes {runs:,} runs, and {MAX_RUNS:,} are the most: fewer seeds, lengths or values.")


def architecture_variants(composition: Composition, typed: Typed, label: str = "") -> Iterator[ArchitectureVariant]:
    """Every variant of an architecture that the typed values make; `hidden_size` is among its options."""
    owner = _architecture(composition)
    defaults = composition.resolve(_required(composition, typed))
    varied = owner.varied(typed)
    for asked in owner.combinations(typed):
        options = composition.resolve({key: value for key, value in asked.items() if key != HIDDEN_SIZE})
        size = asked.get(HIDDEN_SIZE, RunSpec.hidden_size)
        if size < 1:
            raise UsageError(f"hidden_size must be at least 1, got {size}.")
        shown = {**options, HIDDEN_SIZE: size} if HIDDEN_SIZE in varied else options
        called = _label(label or composition.display_name, shown, defaults, varied)
        yield ArchitectureVariant(composition, called, options, asked, size)


def task_variants(part: Part, typed: Typed) -> Iterator[TaskVariant]:
    """Every variant of a task that the typed values make; options are keyed without the task's name."""
    owner = _task(part)
    varied = {key.rpartition(".")[2] for key in owner.varied(typed)}
    defaults = {name: option.default for name, option in part.options.items()}
    for asked in owner.combinations(typed):
        options = resolve(part.name, part.options, {key.rpartition(".")[2]: value for key, value in asked.items()})
        yield TaskVariant(part, _label(part.name, options, defaults, varied), options, asked)


def refuse_unknown_options(compositions: Sequence[Composition], tasks: Sequence[Part], typed: Typed) -> None:
    """Every typed name must be an option of all architectures or of all tasks, or name the one that it is for."""
    groups = [[_architecture(one) for one in compositions], [_task(part) for part in tasks]]
    for name in typed:
        hits = [[owner for owner in group if owner.find(name)] for group in groups]
        if not any(hits):
            owners = [owner for group in groups for owner in group]
            known = {key if "." in name else key.rpartition(".")[2] for owner in owners for key in owner.known}
            raise UsageError(did_you_mean("option", name, known))
        if "." not in name:
            _refuse_unshared(name, groups, hits)


def has_option(name: str, compositions: Sequence[Composition], tasks: Sequence[Part]) -> bool:
    """Whether any of them has an option of this name."""
    owners = [*map(_architecture, compositions), *map(_task, tasks)]
    return any(owner.find(name) for owner in owners)


def load_tasks(names: Iterable[str]) -> list[Part]:
    """The tasks of these names, each once."""
    return list({part.source: part for part in map(load_task, dict.fromkeys(names))}.values())


def _refuse_unshared(name: str, groups: list[list[_Owner]], hits: list[list[_Owner]]) -> None:
    owners = [owner for group in hits for owner in group]
    prefixed = " or ".join(sorted({f"--set {owner.find(name)}=..." for owner in owners}))
    for group, found in zip(groups, hits, strict=True):
        without = [owner.name for owner in group if owner not in found]
        if found and without:
            has = ", ".join(owner.name for owner in found)
            raise UsageError(f"{name!r} is an option of {has} but not of {', '.join(without)}: write {prefixed}.")
    if all(hits):
        raise UsageError(f"{name!r} is an option of {' and of '.join(o.name for o in owners)}: write {prefixed}.")


def _architecture(composition: Composition) -> _Owner:
    return _Owner(composition.display_name, {HIDDEN_SIZE: Option(HIDDEN_SIZE, (int,)), **composition.options})


def _task(part: Part) -> _Owner:
    return _Owner(part.name, {f"{part.name}.{key}": option for key, option in part.options.items()})


def _required(composition: Composition, typed: Typed) -> dict[str, Any]:
    """A typed value for each option without a default, so that the other defaults can be resolved."""
    owner = _architecture(composition)
    first = next(owner.combinations(typed))
    return {key: value for key, value in first.items() if key != HIDDEN_SIZE and composition.options[key].required}


def _with_folder(composition: Composition) -> str:
    parts = (f"{part.path.parent.name}/{part.name}" if part.path else part.name for part in composition.parts)
    return ":".join(parts)


def _label(name: str, options: dict[str, Any], defaults: Mapping[str, Any], varied: set[str]) -> str:
    """The name, the options that are not at their defaults, and all that vary: 'lstm forget_bias=0.0'."""
    plain = Counter(key.rpartition(".")[2] for key in options)
    words = [name]
    for key, value in options.items():
        if key in varied or value != defaults.get(key, _MISSING):
            short = key.rpartition(".")[2]
            words.append(f"{short if plain[short] == 1 else key}={value}")
    return printable(" ".join(words))


def _parse(option: Option, text: str) -> Any:
    try:
        return option.parse(text)
    except ValueError as error:
        raise UsageError(f"--set {error}.") from None


_MISSING = object()
