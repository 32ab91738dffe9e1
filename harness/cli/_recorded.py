"""The results of a sweep, as the flags `--sweep` and `--tracking-uri` name it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report import Results


def recorded(arguments: argparse.Namespace, learning_curves: bool = False) -> Results:
    """What the store holds of the sweep that is meant; HarnessError where it holds none."""
    from harness.tracking.results import load_results

    return load_results(arguments.sweep, arguments.tracking_uri, learning_curves)
