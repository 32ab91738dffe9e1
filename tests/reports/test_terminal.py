"""What the table in the terminal says, and that it never says more than was measured."""

import importlib
import itertools
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
    """The cells of a row, those of several lines joined: 'lstm | 40.0% 20..60'."""
    lines = text.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith(f"│ {label}"))
    parts = [lines[first].split("│")[1:-1]]
    for line in lines[first + 1 :]:
        if not line.startswith("│  "):
            break
        parts.append(line.split("│")[1:-1])
    return " | ".join(" ".join(" ".join(cell).split()) for cell in zip(*parts, strict=True))


def test_a_row_for_each_architecture_with_chance_beside_it(shown, record):
    text = shown(record(0.5, length=10), record(0.25, length=20), record(0.75, label="gru", length=10))
    assert "50.0%" in row(text, "lstm")
    assert "25.0%" in row(text, "lstm")
    assert "75.0%" in row(text, "gru")
    assert row(text, "gru").count("-") == 1  # length 20 was not run
    assert row(text, "chance").count("12.5%") == 2


def test_several_seeds_show_their_mean_and_their_range_not_their_best(shown, record):
    text = shown(record(0.2, seed=0), record(0.6, seed=1))
    assert "40.0% 20..60" in row(text, "lstm")
    assert "copy: test accuracy by length, mean over 2 seeds, lowest..highest" in text


def test_a_range_contains_its_mean(shown, record):
    assert "99.7% 99.6..99.8" in row(shown(record(0.9961, seed=0), record(0.9979, seed=1)), "lstm")
    assert "99.0% 98..100" in row(shown(record(0.98, seed=0), record(1.0, seed=1)), "lstm")


def test_four_seeds_and_more_show_an_interval(shown, record):
    text = shown(*(record(0.4 + 0.1 * seed, seed=seed) for seed in range(4)))
    assert "55.0% [34..76]" in row(text, "lstm")
    assert "mean over 4 seeds, [95% interval]" in text


def test_where_some_seeds_solve_a_length_and_others_do_not_their_number_leads(shown, record):
    text = shown(*(record(0.95 if seed else 0.2, seed=seed) for seed in range(5)))
    assert row(text, "lstm") == "lstm | 4/5 solve mean 80%"
    assert "Some seeds solve a length and others do not: lstm 4 of 5 at T=3." in text


def test_headline_and_table_agree_on_what_is_solved(record, tmp_path, monkeypatch, capsys):
    """Four seeds at 97, 97, 94 and 94%, a threshold of 95%: the median seed solves it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    records = [replace(record(a, seed=seed), solved_at=0.95) for seed, a in enumerate((0.97, 0.97, 0.94, 0.94))]
    registry.find("report", "terminal").load()(Results(records), tmp_path)
    text = capsys.readouterr().out
    assert "lstm solves copy up to T=3." in text
    assert "\x1b[1;32m2/4 solve" in text  # bold green: solved
    assert "green: solved, the median seed reaches 95%" in text


def test_a_mean_over_fewer_seeds_than_the_others_says_so(shown, record):
    text = shown(record(0.2, seed=0), record(0.6, seed=1), record(0.3, label="gru", seed=1))
    assert "30.0% 1 of 2 seeds" in row(text, "gru")
    assert "of 2 seeds" not in row(text, "lstm")


def test_a_single_seed_is_marked_as_such(shown, record):
    text = shown(record(), record(label="gru"))
    assert "1 seed is too few to show a difference at the 5% level (2 architectures: --seeds 6)" in text
    alone = shown(record())
    assert "1 seed." in alone
    assert "difference" not in alone


def test_failures_are_shown_with_their_reason_and_count_as_chance(shown, record):
    text = shown(record(0.875, seed=0), record(status="error", seed=1), record(status="diverged", label="gru"))
    assert "50.0%" in row(text, "lstm")
    assert "1 failed" in row(text, "lstm")
    assert row(text, "gru") == "gru | diverged"
    assert "gru failed in every run (diverged)." in text
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
def test_points_at_one_place_stand_side_by_side_in_the_order_of_the_legend(shown, record, labels):
    text = shown(*(record(1.0, label=label, length=n) for label in labels for n in (10, 100)))
    (top,) = [line for line in text.splitlines() if line.startswith("100 %┤")]
    for marker in "ox+*#@%&"[: len(labels)]:
        assert top.removeprefix("100 %┤").count(marker) == 2


@pytest.mark.parametrize("labels", [["lstm", "rnn", "gru"], ["lstm a", "lstm b", "lstm c", "lstm d", "lstm e", "f"]])
def test_each_line_has_a_colour_of_its_own_and_the_dashboards_where_there_is_a_choice(labels):
    looks = importlib.import_module("harness.reports.terminal")._looks(labels)
    assert len({hue for hue, _ in looks}) == len({marker for _, marker in looks}) == len(labels)
    assert looks[0][0] == colour(labels[0])


def test_length_generalisation_stands_apart_with_chance_below(shown, record):
    text = shown(record(0.8, length=10, test_lengths=(40,)), record(0.6, length=20, test_lengths=(40,)))
    _, apart = text.split("copy: length generalisation, 1 seed")
    at_10, at_20 = (line.split("│")[1:-1] for line in apart.splitlines() if line.startswith("│ lstm"))
    assert [cell.strip() for cell in at_10] == ["lstm", "10", "*80.0%", "-", "40.0%"]
    assert [cell.strip() for cell in at_20] == ["lstm", "20", "-", "*60.0%", "30.0%"]
    assert row(apart, "chance").count("12.5%") == 3
    assert "* the length trained at" in apart


def test_length_generalisation_is_a_mean_over_seeds_with_failed_ones_at_chance(shown, record):
    at = {"length": 10, "test_lengths": (40,)}
    ended = [record(0.75, seed=0, **at), record(0.25, seed=1, **at), record(status="error", seed=2, **at)]
    text = shown(*ended, record(status="timeout", label="gru", **at))
    apart = text.partition("copy: length generalisation, mean over 3 seeds, lowest..highest")[2]
    assert "*37.5% 12..75 1 failed" in row(apart, "lstm")
    assert "20.8% 12..38 1 failed" in row(apart, "lstm")
    assert row(apart, "gru").count("timeout") == 2


def test_a_sweep_in_which_everything_failed_is_shown(shown, record):
    text = shown(record(status="error"), replace(record(status="refused", length=7)))
    assert "error" in text
    assert "refused" in text


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
    assert "50.0% 12..88 1 failed" in row(text, "lstm")
    assert "lstm at 3: error: its accuracy is not a number" in text


def test_an_interrupted_run_counts_for_nothing(shown, record):
    text = shown(record(0.9, seed=0), record(status="interrupted", seed=1))
    assert "90.0%" in row(text, "lstm")
    assert "failed" not in text


def test_a_length_at_which_all_failed_is_no_point_of_the_chart(shown, record):
    text = shown(record(0.9, length=10), record(0.8, length=20), record(status="error", label="gru", length=10))
    assert "sequence length" in text


# The chart


@pytest.fixture
def chart():
    module = importlib.import_module("harness.reports._chart")

    def draw(width=80, **series):
        made = [
            module.Series(label, "red", "ox+*#@%&"[index], points)
            for index, (label, points) in enumerate(series.items())
        ]
        lengths = {n for one in made for n in one.points}
        return [
            line.plain
            for line in module.chart(made, module.Series("chance", "dim", "·", dict.fromkeys(lengths, 0)), width)
        ]

    return draw


def test_the_rows_of_the_chart_are_at_even_distances(chart):
    lines = chart(lstm={10: 1.0, 100: 0.0})
    ticks = {line.split("%")[0].strip(): index for index, line in enumerate(lines) if "┤" in line}
    assert list(ticks) == ["100", "75", "50", "25", "0"]
    assert len({b - a for a, b in zip(ticks.values(), list(ticks.values())[1:], strict=False)}) == 1


@pytest.mark.parametrize("accuracy", [0.0, 0.3, 0.5, 0.848, 1.0])
def test_a_point_is_in_the_row_nearest_to_its_value(chart, accuracy):
    lines = chart(lstm={10: accuracy})
    (row,) = [index for index, line in enumerate(lines[:13]) if "o" in line]
    assert abs((1 - row / 12) - accuracy) <= 1 / 24


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("lengths", [(10,), (1, 5, 20, 50, 100), (3, 4, 5, 6, 7, 8, 9, 10, 20, 40)])
def test_every_measured_point_is_marked_and_none_is_hidden(chart, width, lengths):
    series = {name: dict.fromkeys(lengths, 1 / (place // 2 + 1)) for place, name in enumerate("abcd")}
    plot = chart(width=width, **series)[:13]
    for marker in "ox+*":
        assert sum(line[6:].count(marker) for line in plot) == len(lengths)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_chart_is_as_wide_as_the_terminal(chart, width):
    lines = chart(width=width, lstm={10: 1.0, 100: 0.5}, gru={10: 1.0, 100: 0.5})
    assert width - 10 <= max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_no_cell_of_the_table_is_broken_however_many_lengths_there_are(shown, record, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", f"{width}")
    lengths = (5, 10, 20, 50, 100, 200, 500, 1000)
    grid = itertools.product(("bidirectional:gru", "lstm"), lengths, range(4))
    text = shown(*(record(0.1 + 0.2 * seed, label=label, length=n, seed=seed) for label, n, seed in grid))
    assert max(map(len, text.splitlines())) <= width
    assert text.count("bidirectional:gru ") >= 1
    assert text.count("[0..81]") == 2 * len(lengths)


def test_parameters_and_hidden_size_are_shown(shown, record):
    one, other = record(), record(label="gru", hidden_size=32)
    one.parameters, other.parameters = {"architecture": 9_697}, {"architecture": 38_497}
    text = shown(one, other)
    assert "parameters (hidden_size): lstm: 9,697 (8), gru: 38,497 (32)" in text
    assert "Sizes differ more than twofold: lstm has 9,697 parameters, gru 38,497" in text


def test_the_legend_names_every_line_however_long_the_labels_are(chart):
    labels = [f"bidirectional:lstm_{letter}" for letter in "abcdefgh"]
    lines = chart(width=80, **{label: {10: 0.5, 20: 0.6} for label in labels})
    assert max(map(len, lines)) <= 80
    assert all(any(label in line for line in lines[13:]) for label in labels)
