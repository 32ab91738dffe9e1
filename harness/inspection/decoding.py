"""What is still known: a linear probe decodes from the state what a perfect memory would hold, step by step."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.analysis.stats import wilson
from harness.inspection_record import DecodedByStep

_POINTS = 16  # steps at which a probe is fitted
_LEAST = 40  # sequences that a probe needs at a step


def decoded_by_step(states: Tensor, remembered: Tensor, points: int = _POINTS) -> DecodedByStep:
    """Fits a multinomial logistic regression at each of some steps, on half of the sequences, and tests on the others.

    states: (sequences, time, units). remembered: int64 (sequences, time) or (sequences, time, items), -1 where nothing
    is asked; with several items the accuracy is their mean. A step with too few sequences is left out.
    Source of the method: Alain & Bengio 2016, linear classifier probes.
    """
    items = remembered if remembered.dim() == 3 else remembered.unsqueeze(-1)
    asked = np.flatnonzero(((items >= 0).any(dim=2).sum(dim=0) >= _LEAST).numpy())
    chosen = asked[np.unique(np.linspace(0, len(asked) - 1, min(points, len(asked))).round().astype(int))]
    found = DecodedByStep([], [], [], [], [])
    for step in chosen.tolist():
        scored = [_probe(states[:, step].numpy(), items[:, step, item].numpy()) for item in range(items.shape[2])]
        scored = [one for one in scored if one is not None]
        if not scored:
            continue
        right, tested, chance = (sum(column) for column in zip(*scored, strict=True))
        low, high = wilson(right, tested)
        found.steps.append(step)
        found.accuracies.append(right / tested)
        found.chances.append(chance / len(scored))
        found.low.append(low)
        found.high.append(high)
    return found


def _probe(states: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[int, int, float] | None:
    """Right answers, tested sequences, and chance; None where there is nothing to tell apart or too little to fit."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    asked = labels >= 0
    states, labels = states[asked], labels[asked]
    half = len(labels) // 2
    if half < _LEAST // 2 or len(set(labels[:half].tolist())) < 2 or not np.isfinite(states).all():
        return None
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=200))
    wanted = labels[half:]
    with warnings.catch_warnings(), threadpool_limits(1):  # products this small are slower on threads that share a core
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(states[:half], labels[:half])
        right = int((probe.predict(states[half:]) == wanted).sum())
    return right, len(wanted), float(np.unique(wanted, return_counts=True)[1].max() / len(wanted))
