"""What a task must declare; whether an architecture can be run on it: `why_not` gives the reason it cannot, or None."""

from __future__ import annotations

from harness.architecture import Architecture
from harness.discovery.plugin_errors import defined_at
from harness.errors import PluginError
from harness.task import Classes, Task, Tokens, Vectors

_DECLARED: dict[str, tuple[type, ...]] = {"inputs": (Tokens, Vectors), "targets": (Classes, Vectors)}


def refuse_undeclared(task: Task) -> None:
    """Raises PluginError for what is no task, and for one that does not say what its inputs or its targets are."""
    cls = type(task)
    if not isinstance(task, Task):
        raise PluginError(f"{cls.__name__} ({defined_at(cls)}) is no harness.Task: derive it from that.")
    for name, kinds in _DECLARED.items():
        declared = getattr(task, name, None)
        if not isinstance(declared, kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            seen = "nothing" if declared is None else repr(declared)
            raise PluginError(f"{cls.__name__} ({defined_at(cls)}) declares {seen} as its {name}: it must be {wanted}.")


def why_not(architecture: Architecture, task: Task, longest: int, carried: bool = False) -> str | None:
    """The reason, from what both declare, why the pair cannot be run up to `longest` steps; None if it can.

    With `carried` its state must be able to continue a sequence, as truncated backpropagation through time needs.
    """
    if task.needs_causal and not architecture.causal:
        return "it looks ahead, and on this task the future gives the answer away"
    if architecture.max_length is not None and longest > architecture.max_length:
        return f"it takes at most {architecture.max_length} steps, and the sequences have {longest}"
    if task.feedback != "none" and not architecture.stateful:
        return "it has no state that continues a sequence, and this task feeds answers back step by step"
    if carried and task.feedback != "none":
        return "its answers are fed back on this task, and --tbptt does not do that: leave one out"
    if carried and not architecture.stateful:
        return "it has no state that continues a sequence, and --tbptt carries one from chunk to chunk"
    return None
