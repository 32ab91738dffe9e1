"""Finding things again: `harness sweeps`, `runs`, `show` without an argument, names, completion."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from harness.cli.main import main
from harness.errors import UsageError
from harness.spec import Planned, SweepSpec
from harness.tracking import completion, sweep_log
from harness.tracking.results import load_results


@pytest.fixture
def filled(store, finished):
    """Two sweeps: 'first', with a run that failed and one that is missing, and one without a name."""

    def sweep(name, records, planned, title=""):
        plan = [Planned.of(one.spec) for one in planned]
        with sweep_log.recording(store, name, SweepSpec(("lstm",), ("copy",)), f"harness run {name}", plan, title):
            for record in records:
                store.finish(store.start(record.spec, name), record)

    ok, failed, left = finished(accuracy=0.95), finished(seed=1, status="error"), finished(seed=2)
    sweep("aaaa1111", [ok, replace(failed, output="hello\n" * 20)], [ok, failed, left], "first try")
    sweep("bbbb2222", [finished(label="gru", seed=3)], [finished(label="gru", seed=3)])
    return store.uri


@pytest.fixture
def said(filled, capsys):
    """What a verb prints about that store, and its exit code."""

    def call(*arguments):
        code = main([*arguments, "--tracking-uri", filled])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_sweeps_are_listed_with_name_size_command_and_headline_newest_first(said):
    code, out, _ = said("sweeps")
    first, second = out.split("\n\n")
    assert code == 0
    assert first.startswith("bbbb2222  20")
    assert "1 run" in first
    assert "aaaa1111  first try  20" in second
    assert "3 runs, 1 missing" in second
    assert "harness run aaaa1111" in second
    assert "copy" in second.splitlines()[-1]


def test_sweeps_as_data(said):
    rows = json.loads(said("sweeps", "--json")[1])
    assert [(row["name"], row["title"], row["planned"], row["missing"]) for row in rows] == [
        ("bbbb2222", "", 1, 0),
        ("aaaa1111", "first try", 3, 1),
    ]


def test_runs_are_listed_with_identity_accuracy_and_what_they_are(said, finished):
    lines = said("runs")[1].splitlines()
    assert len(lines) == 3
    assert {line[:8] for line in lines} == {
        one.spec.identity[:8] for one in (finished(), finished(seed=1), finished(label="gru", seed=3))
    }
    assert any("95.0%" in line and "lstm on copy, length 3, seed 0" in line for line in lines)
    assert any("error" in line and "seed 1" in line for line in lines)


def test_runs_of_one_sweep_by_its_name_or_title(said):
    for name in ("aaaa", "first try"):
        rows = json.loads(said("runs", "--sweep", name, "--json")[1])
        assert [row["seed"] for row in rows] == [0, 1]
    code, _, err = said("runs", "--sweep", "zzz")
    assert code == 2
    assert "Newest first: bbbb2222, first try" in err


def test_more_runs_than_the_limit_are_told(said):
    out = said("runs", "--limit", "1")[1]
    assert len(out.splitlines()) == 2
    assert "and more: --limit 10" in out


def test_show_without_an_argument_lists_the_newest(said):
    code, out, err = said("show")
    assert code == 0
    assert len(out.splitlines()) == 3
    assert "harness show" in err


def test_show_says_that_the_threshold_takes_two_validations_in_a_row(said, finished):
    out = said("show", finished(label="gru", seed=3).spec.identity)[1]
    assert out.count("threshold not reached (validation accuracy 90%; it needs two validations in a row)") == 1
    assert "threshold reached after 3 (validation accuracy 90%)" in said("show", finished().spec.identity)[1]


def test_show_tells_when_a_run_began_and_what_it_printed(said, finished):
    out = said("show", finished(seed=1).spec.identity)[1]
    assert "\nbegan: 20" in out
    assert "it printed, last lines (all 20 lines: --json):\nhello\n" in out


def test_retry_says_which_failures_there_are_instead(said):
    code, _, err = said("retry", "--sweep", "aaaa", "--status", "timeout", "--engine", "inline", "--quiet")
    assert code == 2
    assert "no runs that ended with timeout; others ended with error" in err
    assert "--status error" in err


def test_a_record_that_cannot_be_read_is_told_and_the_rest_is_shown(said, filled):
    with closing(sqlite3.connect(filled.removeprefix("sqlite:///"))) as database:
        database.execute("update tags set value = 'splendid' where key = 'harness.status' and value = 'error'")
        database.commit()
    code, out, _ = said("runs")
    assert code == 0
    assert "1 record cannot be read" in out
    assert "its status is 'splendid'" in out
    code, out, _ = said("status", "--sweep", "aaaa")
    assert code == 0
    assert "1 record cannot be read" in " ".join(out.split())
    assert said("report", "--sweep", "aaaa", "--format", "term")[0] == 0


def test_results_are_loaded_by_the_name_a_person_gave(filled):
    results = load_results("first try", filled)
    assert results.title == "first try"
    assert [record.status for record in results.records] == ["ok", "error"]
    with pytest.raises(UsageError, match="No sweep 'second'"):
        load_results("second", filled)


def test_the_shell_completes_sweeps_and_runs(filled, finished):
    assert {"aaaa1111", "bbbb2222", "first try"} <= set(completion.sweep_names(filled))
    assert finished(seed=1).spec.identity in completion.run_names(filled)
    assert completion.sweep_names("http://host:1") == completion.run_names("sqlite:////nowhere/at/all.db") == []


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[31m", "n" * 101])
def test_a_name_that_no_line_can_show_is_refused(name, capsys):
    assert main(["run", "--arch", "lstm", "--task", "copy", "--name", name]) == 2
    assert "printable" in capsys.readouterr().err
