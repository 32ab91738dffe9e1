"""What the table in the terminal says, and that it never says more than was measured."""

import importlib
from dataclasses import replace

import pytest

from harness.analysis.colours import colour
from harness.discovery import registry
from harness.record import Record, Scores
from harness.report import Results


@pytest.fixture
def shown(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")

    def show(*records):
        registry.find("report", "terminal").load()(Results(list(records)), tmp_path)
        return capsys.readouterr().out

    return show


@pytest.fixture
def record(small):
    def make(accuracy=0.5, status="ok", **changes):
        spec = small(**{"label": "lstm", **changes})
        scores = {spec.length: Scores(accuracy, 1.0, accuracy)}
        scores |= {length: Scores(accuracy / 2, 1.0, 0.0) for length in spec.test_lengths}
        return Record(
            spec,
            status,
            "" if status == "ok" else "no luck",
            scores=scores if status == "ok" else {},
            chances=dict.fromkeys((spec.length, *spec.test_lengths), 0.125),
            solved_at=0.9,
        )

    return make


def row(text, label):
    return next(line for line in text.splitlines() if line.startswith(f"│ {label}"))


def test_a_row_for_each_architecture_with_chance_beside_it(shown, record):
    text = shown(record(0.5, length=10), record(0.25, length=20), record(0.75, label="gru", length=10))
    assert "50.0%" in row(text, "lstm")
    assert "25.0%" in row(text, "lstm")
    assert "75.0%" in row(text, "gru")
    assert row(text, "gru").count("-") == 1  # length 20 was not run
    assert row(text, "chance").count("12.5%") == 2


def test_several_seeds_show_their_mean_and_their_range_not_their_best(shown, record):
    text = shown(record(0.2, seed=0), record(0.6, seed=1))
    assert "40.0% [20..60]" in row(text, "lstm")
    assert "copy: test accuracy by length, mean over 2 seeds [lowest..highest]" in text


def test_a_mean_over_fewer_seeds_than_the_others_says_so(shown, record):
    text = shown(record(0.2, seed=0), record(0.6, seed=1), record(0.3, label="gru", seed=1))
    assert "30.0% (1 of 2 seeds)" in row(text, "gru")
    assert "of 2 seeds" not in row(text, "lstm")


def test_a_single_seed_is_marked_as_such(shown, record):
    assert "One seed: this says nothing about differences" in shown(record())
    assert "One seed" not in shown(record(seed=0), record(seed=1))


def test_failures_are_shown_with_their_reason_and_count_as_chance(shown, record):
    text = shown(record(0.875, seed=0), record(status="error", seed=1), record(status="diverged", label="gru"))
    assert "50.0%" in row(text, "lstm")
    assert "(1 failed)" in row(text, "lstm")
    assert "diverged" in row(text, "gru")
    assert "lstm at 3: error: no luck" in text


def test_chance_is_shown_where_all_failed(shown, record):
    assert "12.5%" in row(shown(record(status="error", seed=0), record(status="timeout", seed=1)), "chance")


def test_a_reason_that_came_more_than_once_is_told_once(shown, record):
    text = shown(*(record(status="error", length=length, seed=seed) for length in (8, 4) for seed in (0, 1)))
    assert text.count("no luck") == 1
    assert "lstm at 4, 8: error: no luck" in text


def test_there_is_a_chart_where_there_are_two_lengths(shown, record):
    assert "sequence length" not in shown(record(length=10))
    text = shown(record(0.9, length=10), record(0.3, length=100))
    assert "sequence length" in text
    assert "100 %" in text


def test_chart_lines_can_be_told_apart_without_colour(shown, record):
    text = shown(*(record(0.5, label=label, length=n) for label in ("lstm", "gru") for n in (10, 100)))
    assert "oo lstm   xx gru   ·· chance" in text


@pytest.mark.parametrize("labels", ["a", "abcdefgh"])
def test_the_legend_hides_no_point_of_the_chart(shown, record, labels):
    text = shown(*(record(1.0, label=label, length=n) for label in labels for n in (10, 100)))
    (top,) = [line for line in text.splitlines() if line.startswith("100 %┤")]
    assert len(set(top.removeprefix("100 %┤").removesuffix("│"))) == 1  # the last line drawn, from end to end


@pytest.mark.parametrize("labels", [["lstm", "rnn", "gru"], ["lstm a", "lstm b", "lstm c", "lstm d", "lstm e", "f"]])
def test_each_line_has_a_colour_of_its_own_and_the_dashboards_where_there_is_a_choice(labels):
    looks = importlib.import_module("harness.reports.terminal")._looks(labels)
    assert [look[0] for look in looks] == labels
    assert len({look[1] for look in looks}) == len(labels)
    assert looks[0][1] == colour(labels[0])


def test_length_generalisation_stands_apart_with_chance_below(shown, record):
    text = shown(record(0.8, length=10, test_lengths=(40,)), record(0.6, length=20, test_lengths=(40,)))
    _, apart = text.split("copy: length generalisation, 1 seed")
    at_10, at_20 = (line.split("│")[1:-1] for line in apart.splitlines() if line.startswith("│ lstm"))
    assert [cell.strip() for cell in at_10] == ["lstm", "10", "*80.0%", "-", "40.0%"]
    assert [cell.strip() for cell in at_20] == ["lstm", "20", "-", "*60.0%", "30.0%"]
    assert row(apart, "chance").count("12.5%") == 3
    assert "* at the length trained at" in apart


def test_length_generalisation_is_a_mean_over_seeds_with_failed_ones_at_chance(shown, record):
    at = {"length": 10, "test_lengths": (40,)}
    ended = [record(0.75, seed=0, **at), record(0.25, seed=1, **at), record(status="error", seed=2, **at)]
    text = shown(*ended, record(status="timeout", label="gru", **at))
    apart = text.partition("copy: length generalisation, mean over 3 seeds [lowest..highest]")[2]
    assert "*37.5% [12..75] (1 failed)" in row(apart, "lstm")
    assert "20.8% [12..38] (1 failed)" in row(apart, "lstm")
    assert row(apart, "gru").count("timeout") == 2


def test_a_sweep_in_which_everything_failed_is_shown(shown, record):
    text = shown(record(status="error"), replace(record(status="skipped", length=7)))
    assert "error" in text
    assert "skipped" in text


def test_a_size_far_from_its_budget_is_told(shown, record):
    close, far = record(asked={"params": 100}), record(label="gru", asked={"params": 100})
    close.parameters, far.parameters = {"architecture": 99}, {"architecture": 97}
    text = shown(close, far)
    assert "gru has 97 parameters where 100 were asked" in text
    assert "lstm has" not in text


def test_names_are_shown_as_they_are_and_not_as_markup(shown, record):
    assert "[red]x[/red]" in shown(record(label="[red]x[/red]"))


def test_tasks_have_tables_of_their_own(shown, record):
    text = shown(record(), record(task_label="adding"))
    assert "copy: test accuracy" in text
    assert "adding: test accuracy" in text


def test_an_accuracy_that_is_no_number_counts_as_a_failure(shown, record):
    text = shown(record(float("nan"), seed=0), record(0.875, seed=1))
    assert "50.0% [12..88] (1 failed)" in row(text, "lstm")
    assert "lstm at 3: error: its accuracy is not a number" in text


def test_an_interrupted_run_counts_for_nothing(shown, record):
    text = shown(record(0.9, seed=0), record(status="interrupted", seed=1))
    assert "90.0%" in row(text, "lstm")
    assert "failed" not in text


def test_a_length_at_which_all_failed_is_no_point_of_the_chart(shown, record):
    text = shown(record(0.9, length=10), record(0.8, length=20), record(status="error", label="gru", length=10))
    assert "sequence length" in text
