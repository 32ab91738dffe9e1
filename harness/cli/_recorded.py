"""The results of a sweep, as the flags `--sweep` and `--tracking-uri` name it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report import Results


def recorded(arguments: argparse.Namespace, learning_curves: bool = False) -> Results:
    """What the store holds of the sweep that is meant; HarnessError where it holds none."""
    from harness.bench.mlflow_log import kept
    from harness.discovery.references import references
    from harness.tracking.searches import used
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import standing

    store = existing(arguments.tracking_uri)
    now = standing(store, arguments.sweep, learning_curves)
    results = now.results()
    speeds = kept(store, {record.spec.label for record in results.records})
    papers = references(results.records)
    return replace(results, references=papers, searches=used(store, now.sweep), speeds=speeds)
