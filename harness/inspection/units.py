"""Units that mean something: which unit follows a named feature of the task, and how slowly gates forget."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.inspection_record import Follower


def followers(
    states: Tensor, features: dict[str, Tensor], valid: Tensor, shown: Tensor, shown_features: dict[str, Tensor]
) -> list[Follower]:
    """For each feature the unit with the largest absolute correlation on half of the sequences, judged on the others.

    states: (sequences, time, units); features: (sequences, time) each; valid: bool (sequences, time); shown: (time,
    units) of the sequence that is shown, and its features (time,). A feature or unit that never changes is left out.
    """
    half = len(states) // 2
    found = []
    for name, values in features.items():
        first = _correlations(states[:half], values[:half], valid[:half])
        if first is None:
            continue
        unit = int(np.nanargmax(np.abs(first)))
        held_out = _correlations(states[half:, :, unit : unit + 1], values[half:], valid[half:])
        if held_out is None:
            continue
        trace, wanted = shown[:, unit].tolist(), shown_features[name].tolist()
        found.append(Follower(name, unit, float(held_out[0]), trace, wanted))
    return found


def time_scales(forget: Tensor) -> list[float]:
    """-1 / ln f of the mean forget gate of each unit, in steps: how long a unit keeps what it holds.

    forget: (sequences, time, units), values in (0, 1). Source: Tallec & Ollivier 2018, section 2.
    """
    mean = forget.double().mean(dim=(0, 1)).clamp(1e-6, 1 - 1e-6)
    return (-1 / mean.log()).tolist()


def slowest_first(states: Tensor) -> list[int]:
    """Units in the order of how slowly they change: by the correlation of a state with the next one.

    states: (sequences, time, units).
    """
    now, after = states[:, :-1].flatten(0, 1).double(), states[:, 1:].flatten(0, 1).double()
    now, after = now - now.mean(dim=0), after - after.mean(dim=0)
    scale = (now.square().sum(dim=0) * after.square().sum(dim=0)).sqrt().clamp(min=1e-12)
    return ((now * after).sum(dim=0) / scale).argsort(descending=True).tolist()


def _correlations(states: Tensor, feature: Tensor, valid: Tensor) -> NDArray[np.float64] | None:
    """Pearson's r of each unit with the feature over all valid steps; None where none is defined."""
    units = states[valid].double().numpy()
    wanted = feature[valid].double().numpy()
    units, wanted = units - units.mean(axis=0), wanted - wanted.mean()
    scale = np.sqrt((units**2).sum(axis=0) * (wanted**2).sum())
    if not wanted.any() or not (scale > 0).any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, units.T @ wanted / scale, np.nan)
