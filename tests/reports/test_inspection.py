"""The page, the terminal and the table of an inspection: figures with words, nothing from outside, names escaped."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from harness.reports import csv as csv_report
from harness.reports import figures, inspection, inspection_terminal
from harness.reports import json as json_report

from harness.inspection_record import Follower, Inspection
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
    asked = {results.inspections[0].task_label: TaskText("Recall the first token.", "input  1 2\nanswer   1")}
    text = inspection.page(replace(results, tasks=asked))
    assert "<p>Recall the first token.</p>" in text
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
    assert "not told apart" in said
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
