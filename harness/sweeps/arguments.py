"""Arguments of the command line and of files: their types, with errors of one line, and flags of several values."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from harness.discovery import registry
from harness.sweeps import asked
from harness.sweeps.texts import split_values

_MOST_SPACED = 1000  # test lengths that one range may stand for


_GREATEST = 10**15  # number that a flag takes


class Many(argparse.Action):
    """Collects values given with commas, with spaces, or by repeating the flag."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        texts = [text for value in values for text in str(value).split(",") if text]
        if not texts:
            raise argparse.ArgumentError(self, "takes at least one value")
        convert = self.const or str
        try:
            converted = [convert(text) for text in texts]
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from None
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), *converted])


class Latest(Many):
    """The same, but a flag that is repeated replaces what was given before."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        setattr(namespace, self.dest, None)
        super().__call__(parser, namespace, values, option)


def many(parser: Any, *flags: str, kind: Any = str, latest: bool = False, **kwargs: Any) -> argparse.Action:
    """Adds an argument of several values."""
    action: argparse.Action = parser.add_argument(
        *flags, nargs="+", action=Latest if latest else Many, const=kind, **kwargs
    )
    return action


def whole(low: int, high: int | None = None) -> Any:
    """An argument type: a whole number of at least `low`; 1_000, 1000, 1e3 and 1k are the same."""

    def parse(text: str) -> int:
        number = asked.number(text)
        if not abs(number) <= _GREATEST or number != int(number):
            raise argparse.ArgumentTypeError(f"takes a whole number such as 5000 or 5k, got {text!r}")
        if number < low or (high is not None and number > high):
            bounds = f"at least {low:,}" if high is None else f"from {low:,} to {high:,}"
            raise argparse.ArgumentTypeError(f"must be {bounds}, got {text}")
        return int(number)

    return parse


def length_or_range(text: str) -> int | tuple[int, int]:
    """An argument type: a length such as 20, or a range of lengths such as 3..40."""
    if ".." not in text:
        return int(whole(1)(text))
    low, high = _ends(text)
    return low, high


def spaced_lengths(text: str) -> list[int]:
    """An argument type: a length such as 40, or evenly spaced ones: 40..256:8 are eight, both ends among them."""
    if ".." not in text:
        return [int(whole(1)(text))]
    ends, colon, count = text.partition(":")
    low, high = _ends(ends)
    if not colon:
        raise argparse.ArgumentTypeError(f"needs a number of lengths behind a range: {text}:8 are eight of them")
    number = int(whole(2, min(high - low + 1, _MOST_SPACED))(count))
    return [round(low + index * (high - low) / (number - 1)) for index in range(number)]


def _ends(text: str) -> tuple[int, int]:
    """The two numbers of LOW..HIGH."""
    low, _, high = text.partition("..")
    if not low or not high or ":" in high:
        raise argparse.ArgumentTypeError(f"takes a range as SHORTEST..LONGEST, got {text!r}")
    first, last = int(whole(1)(low)), int(whole(1)(high))
    if first >= last:
        raise argparse.ArgumentTypeError(f"takes a range as SHORTEST..LONGEST, the shortest first, got {text}")
    return first, last


def one_of(choices: Sequence[str]) -> Any:
    """An argument type: one of some words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"takes {', '.join(choices)}, got {text!r}")
        return text

    return parse


def shown_by_argparse(convert: Callable[[str], Any]) -> Any:
    """An argument type of a function whose ValueError says what is wrong."""

    def parse(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


count = shown_by_argparse(asked.parameter_count)


sweep_name = shown_by_argparse(asked.sweep_name)


def positive(zero: bool = False, below: float = float("inf")) -> Any:
    """An argument type: a number above 0 and below a bound; with `zero`, 0 is allowed and means 'off'."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"takes a number, got {text!r}") from None
        if not (0 < number < below or (zero and number == 0)):
            bound = f" and below {below:g}" if below < float("inf") else ""
            raise argparse.ArgumentTypeError(f"must be {'0 or ' if zero else ''}a number above 0{bound}, got {text}")
        return number

    return parse


def assignment(text: str) -> tuple[str, tuple[str, ...]]:
    """An argument type: name=value or name=value,value."""
    name, equals, values = text.partition("=")
    if not equals or not name.strip() or not values.strip():
        raise argparse.ArgumentTypeError(f"takes name=value, got {text!r}")
    return name.strip(), split_values(values)


def completes(action: argparse.Action, *kinds: registry.Kind) -> None:
    """Lets the shell complete an argument with the names of plugins, also after a comma or a colon."""

    def complete(prefix: str, **_: Any) -> Sequence[str]:
        cut = max(prefix.rfind(","), prefix.rfind(":")) + 1
        return [prefix[:cut] + name for kind in kinds for name in registry.names(kind)]

    action.completer = complete  # type: ignore[attr-defined]


def completes_from_store(action: argparse.Action, names: Callable[[str | None], Sequence[str]]) -> None:
    """Lets the shell complete an argument with names in the store that `--tracking-uri` says."""

    def complete(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> Sequence[str]:
        return names(getattr(parsed_args, "tracking_uri", None))

    action.completer = complete  # type: ignore[attr-defined]
