"""Whether an architecture can be run on a task: `why_not` gives the reason it cannot, or None."""

from __future__ import annotations

from harness.architecture import Architecture
from harness.task import Task


def why_not(architecture: Architecture, task: Task, longest: int) -> str | None:
    """The reason, from what both declare, why the pair cannot be run up to `longest` steps; None if it can."""
    if task.needs_causal and not architecture.causal:
        return "it looks ahead, and on this task the future gives the answer away"
    if architecture.max_length is not None and longest > architecture.max_length:
        return f"it takes at most {architecture.max_length} steps, and the sequences have {longest}"
    return None
