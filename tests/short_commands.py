"""Commands of the pages, made short: few steps and sequences, one seed."""

from __future__ import annotations

_TRAINING = ["--seeds", "1", "--steps", "3", "--validation-sequences", "8", "--test-sequences", "8"]
_SHORT = {
    "run": _TRAINING,
    "inspect": _TRAINING,
    "tune": ["--trials", "2", "--steps", "3", "--validation-sequences", "8", "--top", "1", "--confirm-seeds", "1"],
}


def shortened(arguments: list[str]) -> list[str]:
    """The arguments of a command that trains for a moment only; others as they are.

    A flag that is given twice makes variants, so what is shortened is taken out first.
    """
    if arguments[:2] == ["study", "run"]:
        return [*arguments[:3], "--seeds", "1", "--engine", "inline"]
    short = list(_SHORT.get(arguments[0], []))
    if "--warmup" in arguments:  # which must be shorter than the training
        short += ["--warmup", "1"]
    if arguments[0] in ("run", "inspect") and "--jobs" not in arguments:
        short += ["--engine", "inline"]
    flags = {flag for flag in short if flag.startswith("--")}
    kept, dropping = [], False
    for argument in arguments:
        dropping = argument in flags if argument.startswith("--") else dropping
        if not dropping:
            kept.append(argument)
    return [*kept, *short]
