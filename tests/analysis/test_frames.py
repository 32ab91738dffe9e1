"""Data frames: the numbers of the CSV and of the summary, and the files that results are saved as."""

from __future__ import annotations

import csv
import math
from dataclasses import fields

import pandas as pd
import pytest

from harness.analysis.aggregation import summarise
from harness.analysis.sweep_results import SweepResults
from harness.discovery import registry
from harness.errors import HarnessError, UsageError
from harness.record import Scores
from harness.report import Results

from ..made_up import as_results, made_up


@pytest.fixture
def results():
    records = made_up(tasks=["copy", "parentheses"], lengths=[5, 50, 100], seeds=7, points=4)
    records[0].scores[5] = Scores(math.nan, math.nan, 0.0)
    return of(as_results(records))


def of(results):
    return SweepResults(**{field.name: getattr(results, field.name) for field in fields(Results)})


def test_the_frame_has_every_row_and_number_of_the_csv(results, tmp_path):
    (path,) = registry.find("report", "csv").load()(results, tmp_path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    frame = results.to_frame()
    assert list(frame.columns) == list(rows[0])
    assert len(frame) == len(rows)
    for row, (_, mine) in zip(rows, frame.iterrows(), strict=True):
        value, tested = float(row["value"]), row["tested_at"]
        assert mine["value"] == value or (math.isnan(value) and math.isnan(mine["value"]))
        assert pd.isna(mine["tested_at"]) if tested == "" else mine["tested_at"] == int(tested)
        assert all(str(mine[name]) == row[name] for name in row if name not in ("value", "tested_at"))


def test_curves_and_pairs_are_those_of_the_summary(results):
    curves = results.curves().set_index(["task", "architecture", "length"])
    pairs = results.pairs().set_index(["task", "first", "second"])
    tasks = summarise(results).tasks
    assert len(curves) == sum(len(one.lengths) for task in tasks for one in task.architectures)
    assert len(pairs) == sum(len(task.pairs) for task in tasks)
    for task in tasks:
        for one in task.architectures:
            for length, at in one.lengths.items():
                row = curves.loc[(task.label, one.label, length)]
                assert (row["mean"], row["solving"], row["seeds"]) == (at.mean, at.solving, at.seeds)
                assert (row["low"], row["high"]) == at.interval if at.interval else math.isnan(row["low"])
        for pair in task.pairs:
            row = pairs.loc[(task.label, pair.first, pair.second)]
            assert (row["difference"], row["p_holm"]) == (pair.paired.difference, pair.p)
            assert row["told_apart"] == pair.told_apart


def test_learning_curves_have_a_row_for_each_validation(results):
    frame = results.learning_curves()
    assert len(frame) == sum(len(record.curve) for record in results.records)
    assert set(frame["step"]) == {1250, 2500, 3750, 5000}


def test_frames_of_nothing_have_their_columns():
    empty = SweepResults([])
    assert list(empty.to_frame().columns)[:3] == ["sweep", "identity", "task"]
    assert [len(frame) for frame in (empty.curves(), empty.pairs(), empty.learning_curves())] == [0, 0, 0]
    assert "no finished run" in empty._repr_html_()


@pytest.mark.parametrize("suffix", ["html", "csv", "json", "md", "tex"])
def test_results_are_saved_as_the_suffix_says(results, tmp_path, suffix):
    (path,) = results.save(tmp_path / "deep" / f"mine.{suffix}")
    report = {"md": "markdown", "tex": "latex"}.get(suffix, suffix)
    (same,) = registry.find("report", report).load()(results, tmp_path)
    assert path == tmp_path / "deep" / f"mine.{suffix}"
    assert path.read_bytes() == same.read_bytes()


def test_a_suffix_that_is_no_report_and_a_folder_that_is_a_file_are_refused(results, tmp_path):
    with pytest.raises(UsageError, match="pdf"):
        results.save(tmp_path / "mine.pdf")
    (tmp_path / "file").touch()
    with pytest.raises(HarnessError, match="cannot be written"):
        results.save(tmp_path / "file" / "mine.csv")


def test_a_notebook_shows_verdict_and_table_with_every_name_escaped():
    records = made_up(tasks=["copy"], architectures=["<b>x</b>", "gru"], seeds=7, failures=False)
    shown = of(as_results(records))._repr_html_()
    assert "&lt;b&gt;x&lt;/b&gt;" in shown
    assert "<b>x</b>" not in shown
    assert shown.count("<table>") == 1
    assert "T=200" in shown


def test_to_latex_is_the_report(results, tmp_path):
    (path,) = registry.find("report", "latex").load()(results, tmp_path)
    assert results.to_latex() == path.read_text(encoding="utf-8")
