"""What a report says of tuning: each budget, whether all were alike, and what the searches showed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import jsonschema
import pytest

from harness.analysis.results_json import read
from harness.discovery import registry
from harness.search_record import SearchRecord, Trial

from ..made_up import as_results, made_up


def searched(label, trials=12, **changes):
    """A search as `harness tune` leaves it."""
    ended = [Trial(n, "complete", 0.2 + n / 100, 100, {"lr": 10 ** (-4 + n / 8)}) for n in range(trials - 2)]
    ended += [Trial(trials - 2, "pruned", 0.2, 50, {"lr": 1e-3}), Trial(trials - 1, "failed", 0.125, 7, {"lr": 0.03})]
    made = SearchRecord(
        study="0123abcd",
        name=f"{label} on copy 20 0123abcd",
        storage="harness-tuning.journal",
        architecture=label,
        task="copy",
        label=label,
        task_label="copy",
        task_options={},
        lengths=[20],
        objective="accuracy",
        params=50_000,
        space={"lr": "0.0001 .. 0.03 (log)"},
        logarithmic=["lr"],
        budget={"trials": trials, "steps": 100},
        counts={"complete": trials - 2, "pruned": 1, "failed": 1},
        cost={"steps": sum(trial.steps for trial in ended), "seconds": 9.5},
        trial=3,
        score=0.875,
        default_score=0.25,
        chance=0.125,
        confirmed=[0.75, 0.85],
        values={"lr": 0.00123},
        hidden_size=40,
        settings={"lr": 0.00123},
        seeds=[0, 1, 2],
        trials=ended,
        expected_best=[0.2, 0.25],
        importances={"lr": 1.0},
    )
    return replace(made, **changes)


@pytest.fixture
def text(tmp_path):
    def write(kind, *searches):
        results = replace(as_results(made_up(["copy"], ["gru", "rnn"], [20, 50], seeds=2)), searches=searches)
        (path,) = registry.find("report", kind).load()(results, tmp_path)
        return path.read_text(encoding="utf-8")

    return write


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_each_architecture_has_its_budget_and_chance_beside_its_scores(text, kind):
    said = text(kind, searched("gru"), searched("rnn"))
    for figure in ("Tuning budgets", "1,057", "87.5%", "80.0%", "25.0%", "12.5%", "0.00123", "All were tuned alike."):
        assert figure in said


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_unlike_budgets_are_named(text, kind):
    said = text(kind, searched("gru"), searched("rnn", trials=20))
    assert "NOT TUNED ALIKE: gru and rnn in trials (12 and 20)" in said


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_a_sweep_that_was_not_tuned_says_so(text, kind):
    said = text(kind)
    assert "No architecture was tuned" in said
    assert "Tuning budgets |" not in said


def test_the_page_draws_what_tuning_showed(text):
    said = text("html", searched("gru"), searched("rnn"))
    for title in ("Expected best by trials", "Importance (PED-ANOVA)", "Trials by learning rate"):
        assert f"copy: {title}" in said
    assert "mathdefault" not in said  # labels of a logarithmic axis, which must not be formulas


def test_names_are_escaped(text):
    assert "<script>alert" not in text("html", searched("<script>alert(1)</script>"))


def test_the_document_holds_the_searches_and_is_read_back(text, tmp_path):
    one = searched("gru")
    content = json.loads(text("json", one))
    assert content["searches"] == [asdict(one)]
    schema = registry.find("report", "json").load().__globals__["SCHEMA"]
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(content)
    (path,) = tmp_path.glob("*.json")
    assert list(read(path).searches) == [one]


def test_figures_for_a_paper_are_written_too(tmp_path):
    results = replace(as_results(made_up(["copy"], ["gru"], [20], seeds=1)), searches=[searched("gru")])
    names = {path.name for path in registry.find("report", "figures").load()(results, tmp_path)}
    assert {f"copy-tuning-{kind}.svg" for kind in ("expected", "importance", "slice")} < names
