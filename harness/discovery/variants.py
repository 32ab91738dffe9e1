"""From `--set name=value,value` to variants: whose option it is, which values it takes, what the variant is called."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.discovery import registry
from harness.discovery.compose import parts_of, split_options
from harness.discovery.options import Option, options_of, resolve
from harness.errors import UsageError, did_you_mean
from harness.names import display_name
from harness.spec import RunSpec

HIDDEN_SIZE = "hidden_size"
MOST_RUNS = 100_000
"""Of one task in one sweep: more would take months, and more memory than there is."""
Typed = Mapping[str, tuple[str, ...]]
"""What was typed: a name, plain or as 'part.name', and its values as text."""


@dataclass(frozen=True)
class Variant:
    """An architecture or a task with every option resolved."""

    label: str
    options: dict[str, Any]
    asked: dict[str, Any]  # those of the options that were typed
    code: str  # fingerprint of its source
    hidden_size: int = RunSpec.hidden_size


class _Owner:
    """An architecture or a task, with the options it takes by full name."""

    def __init__(self, name: str, known: dict[str, Option]) -> None:
        self.name, self.known = name, known

    def match(self, typed: str) -> str | None:
        """The full name of the option that was typed, or None if it is not one of this owner's."""
        found = [key for key in self.known if typed in (key, key.partition(".")[2])]
        if len(found) > 1:
            raise UsageError(f"{self.name} has {typed!r} more than once: write {' or '.join(found)}.")
        return found[0] if found else None

    def combinations(self, typed: Typed) -> Iterator[dict[str, Any]]:
        """Every combination of the typed values that are this owner's, parsed."""
        mine: dict[str, tuple[str, ...]] = {}
        for name, values in typed.items():
            if (key := self.match(name)) in mine:
                raise UsageError(f"{key} of {self.name} is set twice: say all its values at once, {key}=VALUE,VALUE.")
            if key:
                mine[key] = values
        refuse_endless(math.prod(len(values) for values in mine.values()))
        parsed = [[_parse(self.known[key], text) for text in values] for key, values in mine.items()]
        for combination in itertools.product(*parsed):
            yield dict(zip(mine, combination, strict=True))


def refuse_endless(runs: int) -> None:
    """Raises UsageError for more runs than anybody can want."""
    if runs > MOST_RUNS:
        raise UsageError(f"This makes {runs:,} runs, and {MOST_RUNS:,} are the most: fewer seeds, lengths or values.")


def architecture_variants(name: str, typed: Typed) -> Iterator[Variant]:
    """Every variant of an architecture that the typed values make; `hidden_size` is among its options."""
    parts = parts_of(name)
    defaults = _merged(parts, {})
    code = "+".join(part.code for part in parts)
    several_sizes = len(typed.get(HIDDEN_SIZE, ())) > 1
    for asked in _architecture(name).combinations(typed):
        options = _merged(parts, {key: value for key, value in asked.items() if key != HIDDEN_SIZE})
        size = asked.get(HIDDEN_SIZE, RunSpec.hidden_size)
        if size < 1:
            raise UsageError(f"hidden_size must be at least 1, got {size}.")
        shown = {**options, HIDDEN_SIZE: size} if several_sizes else options
        yield Variant(_label(display_name(name), shown, defaults), options, asked, code, size)


def task_variants(name: str, typed: Typed) -> Iterator[Variant]:
    """Every variant of a task that the typed values make; options are keyed without the task's name."""
    plugin = registry.find("task", name)
    known = options_of(plugin.load())
    defaults = resolve(plugin.name, known, {})
    for asked in _task(name).combinations(typed):
        plain = {key.partition(".")[2]: value for key, value in asked.items()}
        options = resolve(plugin.name, known, plain)
        yield Variant(_label(plugin.name, options, defaults), options, asked, plugin.fingerprint())


def check_names(architectures: tuple[str, ...], tasks: tuple[str, ...], typed: Typed) -> None:
    """Every typed name must be an option of all architectures or of all tasks, or name the one that it is for.

    No two architectures and no two tasks may be called the same.
    """
    groups = [[_architecture(name) for name in architectures], [_task(name) for name in tasks]]
    for group, given in zip(groups, (architectures, tasks), strict=True):
        _check_told_apart(group, given)
    for name in typed:
        hits = [[owner for owner in group if owner.match(name)] for group in groups]
        if not any(hits):
            known = {
                key if "." in name else key.rpartition(".")[2] for group in groups for o in group for key in o.known
            }
            raise UsageError(did_you_mean("option", name, known))
        if "." not in name:
            _check_shared(name, groups, hits)


def _check_told_apart(owners: list[_Owner], given: tuple[str, ...]) -> None:
    """Two loose files whose classes have one name would be one row in every table."""
    called: dict[str, str] = {}
    for owner, name in zip(owners, given, strict=True):
        if called.setdefault(owner.name, name) != name:
            raise UsageError(f"{called[owner.name]} and {name} are both called {owner.name!r}: rename one of them.")


def _check_shared(name: str, groups: list[list[_Owner]], hits: list[list[_Owner]]) -> None:
    owners = [owner for group in hits for owner in group]
    prefixed = " or ".join(sorted({f"--set {owner.match(name)}=..." for owner in owners}))
    for group, found in zip(groups, hits, strict=True):
        without = [owner.name for owner in group if owner not in found]
        if found and without:
            has = ", ".join(owner.name for owner in found)
            raise UsageError(f"{name!r} is an option of {has} but not of {', '.join(without)}: write {prefixed}.")
    if all(hits):
        raise UsageError(f"{name!r} is an option of {' and of '.join(o.name for o in owners)}: write {prefixed}.")


def _architecture(name: str) -> _Owner:
    known = {f"{part.name}.{key}": option for part in parts_of(name) for key, option in part.options.items()}
    return _Owner(display_name(name), {HIDDEN_SIZE: Option(HIDDEN_SIZE, (int,)), **known})


def _task(name: str) -> _Owner:
    plugin = registry.find("task", name)
    return _Owner(plugin.name, {f"{plugin.name}.{key}": option for key, option in options_of(plugin.load()).items()})


def _merged(parts: list[Any], options: dict[str, Any]) -> dict[str, Any]:
    split = zip(parts, split_options(parts, options), strict=True)
    return {f"{part.name}.{key}": value for part, given in split for key, value in given.items()}


def _label(name: str, options: dict[str, Any], defaults: dict[str, Any]) -> str:
    """The name and the options that are not at their defaults: 'lstm forget_bias=0.0'."""
    plain = Counter(key.rpartition(".")[2] for key in options)
    words = [name]
    for key, value in options.items():
        if value != defaults.get(key, _MISSING):
            short = key.rpartition(".")[2]
            words.append(f"{short if plain[short] == 1 else key}={value}")
    return " ".join(words)


def _parse(option: Option, text: str) -> Any:
    try:
        return option.parse(text)
    except ValueError as error:
        raise UsageError(f"--set {error}.") from None


_MISSING = object()
