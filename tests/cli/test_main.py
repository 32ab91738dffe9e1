"""`harness` by itself: its version, its help, what it refuses at once, what it looks for without making it."""

import json
from importlib.metadata import version

import pytest

from harness.cli.main import VERBS

NAMES = [verb.__name__.rpartition(".")[2] for verb in VERBS]
LOADING = "loading torch"


def test_the_version_is_that_of_the_distribution(harness):
    assert harness("--version") == (0, f"harness {version('rnn-harness')}\n", "")


def test_without_a_verb_the_help_is_shown_and_it_counts_as_wrong_usage(harness):
    said = harness("")
    assert (said.code, said.out) == (2, "")
    assert said.err == harness("--help").out
    for verb in NAMES:
        assert f"\n    {verb} " in said.err  # with what it does on the same line
    assert "harness run --arch lstm --task copy" in said.err


@pytest.mark.parametrize("verb", ["", *NAMES])
def test_a_help_has_examples_and_fits_a_terminal(harness, verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = harness(f"{verb} --help")
    assert said.code == 0
    assert "examples:\n  " in said.out
    assert [line for line in said.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    "line",
    [
        "--arch lstmm --task copy",
        "--arch deep:none --task copy",
        "--arch lstm --task copi",
        "--arch ./none.py --task copy",
        "--arch lstm --task copy --length 0",
        "--arch lstm --task copy --engine inline --jobs 2",
        "--arch lstm --task copy --ray-address auto",
        "--arch lstm --task copy --engine ray --gpus-per-run 0.5 --slots-per-gpu 2",
    ],
)
def test_what_needs_no_torch_is_refused_before_it_is_loaded(harness, folder, line):
    said = harness(f"run {line}")
    assert (said.code, said.out) == (2, "")
    assert LOADING not in said.err
    assert LOADING in harness("run --arch lstm --task copy --set forget_bias=much").err


def test_the_dashboard_of_a_store_that_is_not_there_makes_none(harness, folder):
    said = harness("dashboard")
    assert (said.code, said.out) == (1, "")
    assert said.err == "harness: sqlite:///mlflow.db holds no records yet: harness run --arch lstm --task copy\n"
    assert list(folder.iterdir()) == []


def test_a_dry_run_makes_no_store(harness, folder):
    said = harness("run --arch rnn --task copy --length 2,4 --steps 3 --dry-run")
    assert said.code == 0
    assert "2 runs planned, 0 finished before" in said.out
    assert list(folder.iterdir()) == []


def test_wrappers_are_listed_as_such(harness, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    rows = {row["name"]: row["wraps"] for row in json.loads(harness("list --json").out)}
    assert {name for name, wraps in rows.items() if wraps} == {"bidirectional", "block", "deep"}
    lines = harness("list").out.splitlines()
    wrappers = [line.split()[0] for line in lines if "(wraps any architecture, as in " in line]
    assert wrappers == ["bidirectional", "block", "deep"]


def test_the_list_is_as_wide_as_the_terminal(harness, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = harness("list").out.splitlines()[:-1]
    assert max(len(line) for line in lines) <= 60
    monkeypatch.delenv("COLUMNS")
    assert sum(line.startswith("  lstm ") for line in harness("list").out.splitlines()) == 1
