"""The tidy table: what stands in it, and that every number of the other reports can be made from it."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import replace

import pytest

from harness.analysis.aggregation import summarise
from harness.analysis.rows import COLUMNS, OF_A_RUN
from harness.discovery import registry
from harness.record import Scores

from ..made_up import as_results, made_up


@pytest.fixture
def rows(tmp_path):
    def written(results):
        (path,) = registry.find("report", "csv").load()(results, tmp_path)
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return written


def test_there_is_one_row_for_each_run_length_and_metric(rows):
    found = rows(as_results(made_up(tasks=["copy"])))
    keys = [(row["identity"], row["tested_at"], row["metric"]) for row in found]
    assert len(keys) == len(set(keys))
    assert {row["metric"] for row in found if row["tested_at"]} == {
        "accuracy",
        "loss",
        "exact_match",
        "chance",
        "score",
    }


def test_every_mean_of_the_summary_is_the_mean_of_the_rows(rows):
    results = as_results(made_up())
    scores = defaultdict(list)
    for row in rows(results):
        if row["metric"] == "score" and row["status"] != "refused":
            scores[row["task"], row["architecture"], int(row["trained_at"])].append(float(row["value"]))
    for task in summarise(results).tasks:
        for curve in task.architectures:
            for length, cell in curve.lengths.items():
                assert cell.mean == pytest.approx(sum(scores[task.label, curve.label, length]) / 5, abs=1e-15)


def test_values_are_the_records_to_the_last_digit(rows):
    records = made_up(tasks=["adding"], seeds=1, failures=False)
    found = {(row["identity"], row["tested_at"], row["metric"]): row["value"] for row in rows(as_results(records))}
    for record in records:
        length = record.spec.length
        assert float(found[record.spec.identity, str(length), "accuracy"]) == record.accuracy
        assert float(found[record.spec.identity, "", "seconds"]) == record.seconds
        assert (record.spec.identity, "", "steps_to_solve") in found or record.steps_to_solve is None


def test_a_failed_run_has_the_score_of_chance_and_nothing_that_was_not_measured(rows, small):
    (record,) = made_up(tasks=["copy"], architectures=["gru"], lengths=[10], seeds=1, failures=False)
    failed = replace(record, status="error", scores={}, seconds=0.0, tokens_per_second=0.0, parameters={})
    found = {row["metric"]: float(row["value"]) for row in rows(as_results([failed]))}
    assert found["score"] == found["chance"] == 0.125
    assert not found.keys() & {"accuracy", "seconds", "tokens_per_second", "parameters"}


def test_what_is_no_number_is_nan_and_scores_chance(rows):
    (record,) = made_up(tasks=["copy"], architectures=["gru"], lengths=[10], seeds=1, failures=False)
    record.scores[10] = Scores(math.nan, math.nan, 0.0)
    found = {row["metric"]: row["value"] for row in rows(as_results([record])) if row["tested_at"] == "10"}
    assert (found["accuracy"], found["score"]) == ("nan", "0.125")


def test_names_with_commas_quotes_and_other_scripts_come_back_whole(rows):
    name = 'lstm "a, b"\n<script> 한국어'
    found = rows(as_results(made_up(tasks=["copy"], architectures=[name], seeds=1, failures=False)))
    assert {row["architecture"] for row in found} == {name}


def test_every_column_and_metric_is_documented():
    module = registry.find("report", "csv").load().__globals__
    for name in (
        *COLUMNS,
        *OF_A_RUN,
        "accuracy",
        "loss",
        "exact_match",
        "chance",
        "score",
        "solved",
    ):
        assert f"`{name}`" in module["__doc__"]
