"""What the verbs share: an argument parser whose errors are one line."""

from __future__ import annotations

import argparse
import difflib
import sys
import textwrap
from typing import Any, NoReturn

from harness.cli import _config
from harness.errors import UsageError
from harness.names import shown

_SIZE = ("--set", "Write --set hidden_size=32.")
_MEANT = {
    "--hidden": _SIZE,
    "--hidden-size": _SIZE,
    "--layers": ("--set", "Write --arch deep:NAME --set depth=2."),
    "--seed": ("--first-seed", "Write --seeds 3 for seeds 0 to 2, or --first-seed 3 for seed 3."),
    "--epochs": ("--steps", "Write --steps 5000: training is counted in optimizer steps."),
}
"""Flags of other programs: by their name, a flag of ours that says the same, and what is said of it."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Shows each verb and its help on one line."""

    def __init__(self, prog: str, **kwargs: Any) -> None:
        super().__init__(prog, **kwargs)
        self._action_max_length = 14  # argparse does not count the extra indent of verbs


class Parser(argparse.ArgumentParser):
    """Reports an error in one line, names the help, and exits with code 2."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", Help)
        kwargs["description"] = textwrap.fill(kwargs.get("description") or "", 79)
        super().__init__(allow_abbrev=False, **kwargs)
        self._typed: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._typed = list(sys.argv[1:] if args is None else args)
        if "--config" in self._option_string_actions:
            try:
                args = _config.expanded(self._typed, self)
            except UsageError as error:
                self.error(str(error))
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown and self._subparsers is None:  # otherwise the verb's own parser has reported them
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {shown(self._misspelt() or message)}\nSee '{self.prog} --help'.\n")

    def _misspelt(self) -> str:
        """The message for the first unknown flag, which often explains why other arguments are missing; '' for none."""
        mine = self._typed if self._subparsers is None else self._typed[:1]  # the rest belong to the verb
        flags = [token.partition("=")[0] for token in mine if token.startswith("--") and token != "--"]
        wrong = next((flag for flag in flags if flag not in self._option_string_actions), None)
        if wrong is None:
            return ""
        meant, instead = _MEANT.get(wrong, ("", ""))
        if meant in self._option_string_actions:
            return f"Unknown flag {wrong}. {instead}"
        near = difflib.get_close_matches(wrong, self._option_string_actions, n=1)
        return f"Unknown flag {wrong}." + (f" Did you mean {near[0]}?" if near else "")
