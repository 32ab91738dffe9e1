"""The JSON document: what its published schema says, and its numbers those of the summary."""

from __future__ import annotations

import json
import math

import jsonschema
import pytest

from harness.analysis.aggregation import summarise
from harness.analysis.results_json import VERSION, read
from harness.discovery import registry
from harness.record import Scores
from harness.spec import Planned

from ..made_up import as_results, made_up


@pytest.fixture(scope="module")
def report():
    return registry.find("report", "json").load()


@pytest.fixture(scope="module")
def valid(report):
    schema = json.loads(report.__globals__["SCHEMA"].read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).validate


def written(report, folder, results):
    def refuse(constant):
        pytest.fail(f"{constant} is not JSON")

    (path,) = report(results, folder)
    return path, json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.parametrize("seeds", [1, 5])
def test_what_is_written_is_what_the_schema_says(report, valid, tmp_path, seeds):
    missing = [Planned("0", "copy", "gru", 10, 3)]
    valid(written(report, tmp_path, as_results(made_up(seeds=seeds), missing=missing))[1])


def test_nothing_and_what_is_no_number_fit_the_schema_too(report, valid, tmp_path):
    records = made_up(tasks=["copy"], architectures=["gru"], seeds=2, failures=False)
    records[0].scores[5] = Scores(math.nan, math.inf, math.nan)
    valid(written(report, tmp_path, as_results(records))[1])
    valid(written(report, tmp_path, as_results([]))[1])


def test_the_schema_refuses_what_is_not_in_it(report, valid, tmp_path):
    _, content = written(report, tmp_path, as_results(made_up(tasks=["copy"], seeds=1)))
    for spoil in ({"version": VERSION + 1}, {"records": [{}]}, {"summary": {}}, {"unheard_of": 1}):
        with pytest.raises(jsonschema.ValidationError):
            valid({**content, **spoil})


def test_it_is_read_back_as_the_same_results(report, tmp_path):
    results = as_results(made_up(tasks=["copy", "adding"], seeds=2))
    path, _ = written(report, tmp_path, results)
    assert summarise(read(path)) == summarise(results)


def test_the_numbers_are_those_of_the_summary(report, tmp_path):
    results = as_results(made_up())
    _, content = written(report, tmp_path, results)
    for told, task in zip(content["summary"]["tasks"], summarise(results).tasks, strict=True):
        assert [one["horizon"] for one in told["architectures"]] == [curve.horizon for curve in task.architectures]
        for one, curve in zip(told["architectures"], task.architectures, strict=True):
            assert [cell["mean"] for cell in one["lengths"]] == [cell.mean for cell in curve.lengths.values()]
        assert [pair["p_holm"] for pair in told["pairs"]] == [pair.p for pair in task.pairs]
