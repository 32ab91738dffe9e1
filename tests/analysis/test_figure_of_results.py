"""Figures, verdicts and frames of results in Python: of sweeps, of inspections, of searches."""

from __future__ import annotations

from dataclasses import fields, replace

import matplotlib
import pytest

from harness.analysis.inspection_results import InspectionResults
from harness.analysis.search_results import SearchResults
from harness.analysis.sweep_results import SweepResults
from harness.errors import UsageError
from harness.inspection_record import Follower
from harness.report import Results

from ..made_up import as_results, made_up
from ..reports.test_tuning import searched
from .test_inspections import made


@pytest.fixture(scope="module")
def results():
    told = as_results(made_up(["copy", "adding"], ["lstm", "gru"], [5, 20], seeds=2, points=3, failures=False))
    return SweepResults(**{field.name: getattr(told, field.name) for field in fields(Results)})


@pytest.fixture(scope="module")
def inspected():
    gates = {"forget gate": [[0.1, 0.9], [0.5, 0.25]]}
    follower = Follower("depth", 1, 0.9, [0.1, 0.2], [0.0, 1.0])
    found = [replace(made(label), internals=gates, followers=[follower]) for label in ("lstm", "rnn")]
    shown = [replace(one, shown=replace(one.shown, inputs=["A", "B"])) for one in found]
    return InspectionResults([], inspections=shown)


@pytest.fixture(scope="module")
def found():
    return SearchResults([], searches=[searched("lstm"), searched("gru", confirmed=[])])


def test_a_figure_is_matplotlibs_and_can_be_changed_and_saved(results, tmp_path):
    figure = results.figure("accuracy", task="copy")
    axes = figure.axes[0]
    assert axes.get_ylabel() == "test accuracy"
    axes.set_title("Mine, changed")
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(tmp_path / "mine.svg")
    figure.savefig(tmp_path / "mine.png")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "Mine, changed" in (tmp_path / "mine.svg").read_text()


def test_every_figure_of_the_report_can_be_had(results, inspected, found):
    for kind in ("accuracy", "learning", "steps", "generalisation"):
        assert results.figure(kind, task="adding").axes
    assert results.figure("horizon").axes
    for kind in ("gradient-by-lag", "state-by-lag", "decoded", "inside-lstm", "units-rnn"):
        assert inspected.figure(kind).axes
    assert found.figure("tuning-expected").axes


def test_a_task_is_named_by_its_label_or_its_name():
    records = made_up(["copy pause=5", "copy pause=9"], ["lstm"], [5, 20], seeds=1, points=0)
    results = SweepResults(records)
    assert results.figure("accuracy", task="copy pause=9").axes
    with pytest.raises(UsageError, match=r"several tasks: task= takes one of 'copy pause=5', 'copy pause=9'"):
        results.figure("accuracy", task="copy")


@pytest.mark.parametrize(
    ("kind", "task", "said"),
    [
        ("acuracy", None, "Did you mean 'accuracy'"),
        ("accuracy", None, "several tasks: task= takes one of 'copy', 'adding'"),
        ("accuracy", "cop", "Did you mean 'copy'"),
        ("gradient-by-lag", None, "No figure in these results 'gradient-by-lag'"),
    ],
)
def test_a_figure_that_there_is_not_is_refused_with_those_there_are(results, kind, task, said):
    with pytest.raises(UsageError) as refused:
        results.figure(kind, task=task)
    assert said in str(refused.value)


def test_results_are_told_in_words(results, inspected, found):
    for one in (results, inspected, found):
        first, *rest = repr(one).splitlines()
        assert first.startswith(f"<{type(one).__name__}")
        assert rest == one.verdict() != []
    assert "16 runs" in repr(results)
    assert "accuracy 87.5% (its default 25.0%), 80.0% on 2 new seeds" in found.verdict()[0]
    assert "new seeds" not in found.verdict()[1]


def test_a_notebook_shows_a_figure_of_each(results, inspected, found):
    assert [one._repr_html_().count("<svg") for one in (results, inspected, found)] == [2, 2, 1]


def test_what_is_inside_a_run_is_had_as_frames(inspected):
    gradients = inspected.gradients().set_index(["architecture", "when", "lag"])
    assert len(gradients) == 2 * 2 * 21
    assert gradients.loc[("lstm", "start", 3), "share"] == pytest.approx(0.5**3)
    assert gradients.loc[("rnn", "trained", 3), "norm"] == pytest.approx(0.9**3)
    states = inspected.states()
    assert list(states["norm"]) == [1.0, 0.5, 1.0, 0.9] * 2
    assert list(inspected.decoded()["step"]) == [0, 20] * 2
    activity = inspected.activity()
    assert set(activity["name"]) == {"forget gate"}
    assert list(activity.query("architecture == 'rnn' and unit == 1")["value"]) == [0.5, 0.25]
    assert list(activity["input"][:2]) == ["A", "B"]
    assert list(inspected.units()["correlation"]) == [0.9, 0.9]


def test_frames_of_what_was_left_out_have_no_rows():
    bare = InspectionResults([], inspections=[replace(made(), state=None, state_at_start=None, decoded=None)])
    frames = (bare.states(), bare.decoded(), bare.activity(), bare.units())
    assert [len(frame) for frame in frames] == [0, 0, 0, 0]
    assert all({"identity", "architecture", "length"} <= set(frame.columns) for frame in frames)


def test_searches_are_had_as_frames(found):
    trials = found.trials()
    assert len(trials) == 24
    assert list(trials.columns) == ["task", "architecture", "trial", "state", "score", "steps", "lr"]
    assert list(found.settings().itertuples(index=False, name=None)) == [
        ("copy", label, "lr", "0.0001 .. 0.03 (log)", 0.00123) for label in ("lstm", "gru")
    ]
