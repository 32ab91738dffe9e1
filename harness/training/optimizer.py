"""The optimizer of a spec, and the architecture's own groups of parameters in it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import RefusedError, did_you_mean
from harness.spec import RunSpec
from harness.training.model import Model


def make_optimizer(model: Model, spec: RunSpec) -> torch.optim.Optimizer:
    """The optimizer of a spec, with the architecture's own parameter groups."""
    groups: dict[str, dict[str, Any]] = {}  # those that differ in nothing are one: an optimizer step costs by group
    own_groups = [{**group, "params": _parameters(group)} for group in model.architecture.parameter_groups()]
    _refuse_part_of_them(model.architecture, own_groups)
    frame = {"params": [*model.embedding.parameters(), *model.head.parameters()]}
    for group in [frame, *own_groups]:
        settings = {key: value for key, value in group.items() if key != "params"}
        settings["lr"] = spec.lr * settings.pop("lr_scale", 1.0)
        groups.setdefault(repr(sorted(settings.items())), {"params": [], **settings})["params"] += group["params"]
    kind = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD"}[spec.optimizer]
    own: dict[str, Any] = {"betas": (0.9, spec.beta2)} if spec.optimizer.startswith("adam") else {}
    trained = [parameter for group in groups.values() for parameter in group["params"]]
    if spec.optimizer != "rmsprop" and all(parameter.is_floating_point() for parameter in trained):
        own["fused"] = True  # 2.6 times as fast a step on a CPU; not for complex parameters
    optimizer: torch.optim.Optimizer = getattr(torch.optim, kind)(groups.values(), lr=spec.lr, **own)
    _refuse_unknown_settings(own_groups, {"params", "lr_scale", *optimizer.defaults} - {"lr"})
    return optimizer


def _parameters(group: dict[str, Any]) -> list[Tensor]:
    """Those of a group, which may name them by an iterator or be of a single one."""
    found = group.get("params", [])
    return [found] if isinstance(found, Tensor) else list(found)


def _refuse_part_of_them(architecture: nn.Module, groups: list[dict[str, Any]]) -> None:
    """Every trainable parameter must be in exactly one group: one in none would keep its first value unnoticed."""
    times = Counter(id(parameter) for group in groups for parameter in group["params"])
    names = {id(parameter): name for name, parameter in architecture.named_parameters() if parameter.requires_grad}
    forgotten = [name for key, name in names.items() if key not in times]
    twice = [names.get(key, "a frozen or foreign one") for key, number in times.items() if number > 1]
    for wrong, what in ((forgotten, "leaves out"), (twice, "lists more than once")):
        if wrong:
            shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
            raise RefusedError(f"parameter_groups() {what} {shown}: every parameter belongs in exactly one group.")


def _refuse_unknown_settings(groups: list[dict[str, Any]], known: set[str]) -> None:
    for name in (name for group in groups for name in group):
        if name not in known:
            raise RefusedError(f"parameter_groups(): {did_you_mean('setting of a group', name, known)}")
