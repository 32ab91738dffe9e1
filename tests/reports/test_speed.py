"""What a report says of speed and memory: every row of `harness bench`, beside accuracy."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict, fields, replace

import jsonschema
import pytest

from harness.analysis.results_json import read
from harness.bench_record import Row
from harness.discovery import registry

from ..made_up import as_results, made_up


def row(label, length, **more):
    known = {
        "seconds": 1e-3 * length,
        "tokens_per_second": 32_000.0,
        "of_product": 0.1,
        "memory": length * 2**20,
        "kernel": "eager",
    }
    return Row(label, length, "step", batch_size=32, hidden_size=128, **{**known, **more})


@pytest.fixture
def written(tmp_path):
    def write(kind, *speeds):
        results = replace(as_results(made_up(["copy"], ["gru", "rnn"], [20, 50], seeds=2)), speeds=speeds)
        return registry.find("report", kind).load()(results, tmp_path)

    return write


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_every_length_is_shown_with_its_time_and_memory_and_failures_with_their_reason(written, kind):
    (path,) = written(kind, row("gru", 20), row("gru", 50), row("rnn", 50, reason="no memory left"))
    text = path.read_text()
    for shown in ("Speed and memory", "ms a step", "compare kernels", "no memory left"):
        assert shown in text


def test_the_page_draws_time_and_memory_against_length(written):
    (path,) = written("html", row("gru", 20), row("gru", 50))
    text = path.read_text()
    assert "ms a step, by length" in text
    assert "mathdefault" not in text  # a formula, which nobody draws
    assert "memory, MiB, by length" in text


def test_memory_is_not_drawn_where_nobody_measured_it(written):
    (path,) = written("html", row("gru", 20, memory=None), row("gru", 50, memory=None))
    assert "memory, MiB, by length" not in path.read_text()


def test_without_a_measurement_there_is_no_section(written):
    (path,) = written("html")
    assert "Speed and memory" not in path.read_text()


def test_figures_for_a_paper_hold_speed_and_memory(written):
    names = {path.name for path in written("figures", row("gru", 20), row("gru", 50))}
    assert {"speed.svg", "speed.pdf", "memory.svg", "memory.pdf"} <= names


def test_json_holds_every_row_as_the_schema_says_and_is_read_back(written):
    rows = row("gru", 20), row("gru", 50, memory=None), Row("rnn", 50, "step", reason="no memory left")
    (path,) = written("json", *rows)
    content = json.loads(path.read_text())
    schema = json.loads(registry.find("report", "json").load().__globals__["SCHEMA"].read_text())
    jsonschema.Draft202012Validator(schema).validate(content)
    assert schema["$defs"]["speed"]["properties"].keys() == {field.name for field in fields(Row)}
    assert [one["seconds"] for one in content["speeds"]] == [0.02, 0.05, None]
    assert [one["reason"] for one in content["speeds"]] == ["", "", "no memory left"]
    assert list(map(repr, read(path).speeds)) == list(map(repr, rows))  # NaN is not itself
    content["speeds"][0]["unheard_of"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(content)


def test_csv_has_a_file_for_speed_with_every_row_in_full_and_what_is_not_known_empty(written):
    rows = row("gru", 20, seconds=1 / 3), Row("rnn", 50, "forward", reason="no memory left")
    _, path = written("csv", *rows)
    assert path.name.endswith(".speed.csv")
    with path.open(encoding="utf-8", newline="") as file:
        timed, failed = csv.DictReader(file)
    assert (timed["label"], timed["kind"], float(timed["seconds"])) == ("gru", "step", 1 / 3)
    assert {name: failed[name] for name in asdict(rows[1])} == {
        name: "" if value is None or value != value else str(value) for name, value in asdict(rows[1]).items()
    }
    assert math.isnan(rows[1].seconds)


def test_csv_has_no_file_for_speed_without_a_measurement_and_documents_its_columns(written):
    assert len(written("csv")) == 1
    module = registry.find("report", "csv").load().__globals__
    for name in module["SPEED_COLUMNS"]:
        assert f"`{name}`" in module["__doc__"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_the_table_within_its_width_with_what_is_alike_told_once(
    written, capsys, monkeypatch, width
):
    monkeypatch.setenv("COLUMNS", str(width))
    written("terminal", row("gru", 20), row("gru", 50), row("rnn", 50, kernel="oneDNN, fused"))
    shown = capsys.readouterr().out.partition("Speed and memory")[2]
    assert max(map(len, shown.splitlines())) <= width
    assert "compare kernels" in " ".join(shown.split())
    assert "batch 32, hidden_size 128" in shown
    for whole in ("architecture", "tokens/s", "32,000", "fused"):
        assert whole in shown
    assert shown.count("128") == 1


def test_the_terminal_says_why_a_row_has_no_time_and_nothing_without_a_measurement(written, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    written("terminal", row("gru", 20), row("rnn", 50, reason="no memory left"))
    assert "no memory left" in capsys.readouterr().out
    written("terminal")
    assert "Speed and memory" not in capsys.readouterr().out
