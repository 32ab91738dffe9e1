"""The page, the terminal and the table of an inspection: figures with words, nothing from outside, names escaped."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from harness.reports import _inspection_figures, _svg, figures, inspection, inspection_terminal
from harness.reports import csv as csv_report
from harness.reports import json as json_report

from harness.analysis.inspections import summarise_inspections
from harness.inspection_record import Follower, GradientByLag, Inspection, ShownSequence, StateByLag
from harness.report import Results, TaskText

from ..analysis.test_inspections import made


@pytest.fixture
def results() -> Results:
    gates = {"forget gate": [[0.1, 0.9], [0.5, 0.5]], "cell": [[-1.0, 2.0], [0.0, 0.1]]}
    follower = Follower("depth", 1, 0.9, [0.1, 0.2], [0.0, 1.0])
    norms = [(100, 1.0), (200, 0.5)]
    found: list[Inspection] = [
        replace(made(label, seed), internals=gates, time_scales=[2.0, 30.0], followers=[follower], gradient_norms=norms)
        for label in ("lstm", "<b>rnn</b>")
        for seed in range(2)
    ]
    return Results([], title="abc", command="harness inspect ...", store="sqlite:///x.db", inspections=found)


def test_the_page_says_what_the_task_asks_and_how_much_was_looked_into(results):
    asked = {results.inspections[0].task_label: TaskText("Recall the `first` token.", "input  1 2\nanswer   1")}
    text = inspection.page(replace(results, tasks=asked))
    assert "<p>Recall the <code>first</code> token.</p>" in text
    assert "input  1 2\nanswer   1</pre>" in text
    assert "4 runs, 2 seeds; measured on" in text


def test_the_page_has_every_figure_with_words_and_needs_nothing_from_outside(results, tmp_path):
    (path,) = inspection.write(results, tmp_path)
    text = path.read_text()
    assert path.name == "report-abc.inspection.html"
    titles = ("Gradient by lag", "State by lag", "What is still known", "Inside lstm", "Time scale", "Gradient norm")
    assert [title for title in titles if title not in text] == []
    assert text.count("<svg") == text.count('role="img"') >= 7
    assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")
    assert "<b>rnn" not in text
    assert "mathdefault" not in text


def test_the_terminal_shows_the_verdict_and_a_line_of_bars(results, capsys):
    assert inspection_terminal.show(results, Path()) == []
    said = capsys.readouterr().out
    assert "do not show which gradient reaches farther" in " ".join(said.split())
    assert "lstm" in said
    assert "█" in said
    assert all(len(line) <= 80 for line in said.splitlines())


def test_csv_and_json_hold_every_point(results, tmp_path):
    paths = {path.name: path for path in (*csv_report.write(results, tmp_path), *json_report.write(results, tmp_path))}
    rows = list(csv.DictReader(io.StringIO(paths["report-abc.inspection.csv"].read_text())))
    assert {row["metric"] for row in rows} == {
        "gradient",
        "gradient_at_start",
        "state",
        "decoded",
        "decoded_chance",
        "time_scale",
    }
    content = json.loads(paths["report-abc.json"].read_text())
    assert len(content["inspections"]) == 4
    jsonschema.validate(content, json.loads(json_report.SCHEMA.read_text()))


def test_every_figure_is_written_for_a_paper(results, tmp_path):
    names = {path.name for path in figures.write(results, tmp_path)}
    assert {"first_token-gradient-by-lag.svg", "first_token-decoded.pdf"} <= names


def drawn(results, kind):
    """A figure, and all its text."""
    with _svg.style():
        found = _inspection_figures.figures(summarise_inspections(results.inspections), results.inspections)
        return next(one for one in found if one.kind == kind)


@pytest.mark.parametrize("norms", [[1.0, 0.5], [0.9, 0.9], [3.0, 0.2], [1.0, 1e-9]])
@pytest.mark.parametrize("kind", ["over-training", "state-by-lag", "gradient-by-lag"])
def test_every_logarithmic_axis_has_at_least_two_labels(results, kind, norms):
    one = results.inspections[0]
    gradient, state = GradientByLag([0, 1], norms), StateByLag([0, 1], norms, [[norm] for norm in norms], [0.1])
    training = [(step, norm) for step, norm in enumerate(norms)]
    changed = replace(one, start=gradient, trained=gradient, state=state, gradient_norms=training)
    axes = drawn(replace(results, inspections=[changed]), kind).figure.axes[0]
    low, high = axes.get_ylim()
    assert len([tick for tick in axes.get_yticks() if low <= tick <= high]) >= 2


def test_what_is_below_the_axis_is_called_so_and_not_drawn_lower(results):
    one = results.inspections[0]
    gradient = GradientByLag([0, 1, 2], [1.0, 0.03, 1e-20])
    found = drawn(replace(results, inspections=[replace(one, trained=gradient)]), "gradient-by-lag")
    assert "lstm, after training, 2 steps back: under 1e-12" in found.hover.values()
    assert "lstm, after training, 1 steps back: 0.03" in found.hover.values()
    assert "No axis goes below 1e-12" in inspection.page(results)


def test_a_unit_with_a_negative_correlation_is_drawn_upside_down_and_a_constant_feature_not_at_all(results):
    against, still = (
        Follower("depth", 1, -0.9, [0.2, 0.1], [0.0, 1.0]),
        Follower("asked", 2, 0.9, [0.1, 0.2], [1.0, 1.0]),
    )
    one = replace(results.inspections[0], followers=[against, still])
    figure = drawn(replace(results, inspections=[one]), "units-lstm").figure
    assert len(figure.axes) == 2  # the feature, and the unit over it
    assert figure.axes[1].yaxis_inverted()
    assert list(figure.axes[0].get_yticks()) == [0.0, 1.0]


def test_the_page_says_where_the_first_input_is_if_that_is_not_the_length(results):
    said = "the earliest is 20 steps before the last answer"
    assert said not in inspection.page(results)
    assert said in inspection.page(
        replace(results, inspections=[replace(one, length=40) for one in results.inspections])
    )


def test_a_sequence_of_ones_own_is_said_to_be_so(results):
    one = results.inspections[0]
    own = replace(one, shown=ShownSequence(["(", "x"], [], ["", "A"]))
    text = inspection.page(replace(results, inspections=[own]))
    assert "is yours, in the task&#39;s symbols: ( x (2 steps; it is not padded to T=20" in text


def test_the_table_of_numbers_has_a_row_for_each_measure(results):
    text = inspection.page(results)
    assert ">gradient: factor per step, at the start</th>" in text
    assert ">answers: chance</th>" in text
