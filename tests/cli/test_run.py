"""`harness run` and `harness completion`, as a person at the terminal sees them."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from harness.record import TIMES

TINY = "--steps 3 --batch 4 --validation-sequences 8 --test-sequences 8 --engine inline"

FAILS = """
from torch import nn

class Fails(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        if x.shape[1] > 24:
            raise RuntimeError("too long for me")
        print("noise of a plugin")
        return self.rnn(x)
"""


@pytest.fixture
def records(harness):
    """Runs a tiny command with --json; its records."""

    def run(line, code=0):
        said = harness(f"run {line} {TINY} --json --quiet")
        assert said.code == code, said.err
        return json.loads(said.out)

    return run


def test_results_are_on_stdout_and_progress_is_on_stderr(harness, here):
    said = harness(f"run --arch rnn,gru --task copy --length 2,4 {TINY}")
    assert said.code == 0
    rows = [line.split("│")[1:-1] for line in said.out.splitlines() if line.startswith("│")]
    assert [row[0].strip() for row in rows[:3]] == ["rnn", "gru", "chance"]
    assert [cell.strip() for cell in rows[2]] == ["chance", "12.5%", "12.5%"]
    assert all(re.fullmatch(r"\d+\.\d%", cell.strip()) for row in rows[:2] for cell in row[1:])
    assert "test accuracy" in said.out
    assert "rnn on copy, length 2, seed 0: started" in said.err
    assert "[4/4]" in said.err
    assert said.err.endswith("records: sqlite:///mlflow.db\nnext: harness report --open\n")
    assert "started" not in said.out
    assert "records:" not in said.out


def test_commas_and_spaces_mean_the_same_and_what_is_finished_is_not_run_again(harness, here):
    first = harness(f"run --arch rnn,gru --task copy --length 2,4 {TINY} --json")
    again = harness(f"run --arch rnn gru --task copy --length 2 4 {TINY} --json")
    assert len(json.loads(first.out)) == 4
    assert without_times(again.out) == without_times(first.out)
    assert "4 of 4 runs were finished before, and not run again." in again.err
    assert ": started" not in again.err


def without_times(text):
    return [{name: value for name, value in run.items() if name not in TIMES} for run in json.loads(text)]


def test_quiet_says_nothing_beside_the_result(harness, here):
    said = harness(f"run --arch rnn --task copy --length 2 {TINY} --quiet")
    assert (said.code, said.err) == (0, "")
    assert "chance" in said.out


def test_json_holds_what_a_program_needs(records, here):
    (record,) = records("--arch gru --task copy --length 2 --set hidden_size=4")
    assert re.fullmatch(r"[0-9a-f]{16}", record["identity"])
    assert (record["status"], record["steps"], record["spec"]["hidden_size"]) == ("ok", 3, 4)
    assert record["spec"]["asked"] == {
        "hidden_size": 4,
        "steps": 3,
        "batch_size": 4,
        "validation_sequences": 8,
        "test_sequences": 8,
    }
    measured = {"accuracy", "loss", "exact_match", "bits", "forced_error", "free_error"}
    assert set(record["scores"]["2"]) == measured
    assert record["chances"]["2"] == 0.125
    assert record["accuracy"] == record["scores"]["2"]["accuracy"]


def test_finished_runs_are_run_again_where_that_is_asked(harness, here):
    line = f"run --arch rnn --task copy --length 2 {TINY}"
    harness(line)
    assert ": started" in harness(f"{line} --reuse none").err


def test_every_seed_length_and_value_is_a_run(records, here):
    found = records("--arch lstm --task copy --length 2,4 --seeds 2 --set forget_bias=0,1")
    assert {(r["spec"]["label"], r["spec"]["length"], r["spec"]["seed"]) for r in found} == {
        (label, length, seed)
        for label in ("lstm forget_bias=0.0", "lstm forget_bias=1.0")
        for length in (2, 4)
        for seed in (0, 1)
    }


def test_models_are_tested_at_other_lengths_too(harness, here):
    line = f"run --arch rnn --task copy --length 2 --test-length 4,6 {TINY}"
    (record,) = json.loads(harness(f"{line} --json").out)
    assert set(record["scores"]) == {"2", "4", "6"}
    shown = harness(line).out
    assert "length generalisation" in shown
    assert re.search(r"trained at\s+┃\s+2\s+┃\s+4\s+┃\s+6", shown)


def test_records_go_where_the_flag_the_variable_and_the_default_say(harness, here, monkeypatch):
    for name in ("flag.db", "variable.db"):
        shutil.copy("mlflow.db", name)
    size = (here / "mlflow.db").stat().st_size
    line = f"run --arch rnn --task copy --length 2 {TINY}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///variable.db")
    assert "records: sqlite:///variable.db\nnext: harness report --open\n" in harness(line).err
    said = harness(f"{line} --tracking-uri sqlite:///flag.db")
    assert ": started" in said.err
    assert "records: sqlite:///flag.db\nnext: harness report --open --tracking-uri sqlite:///flag.db\n" in said.err
    assert (here / "mlflow.db").stat().st_size == size
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert ": started" in harness(line).err


def test_a_failed_run_makes_the_exit_code_1_and_all_others_are_kept(harness, here):
    (here / "fails.py").write_text(FAILS)
    line = f"run --arch ./fails.py,gru --task copy --length 2,20 {TINY}"
    said = harness(line)
    assert said.code == 1
    assert "fails at 20: error: RuntimeError: too long for me" in said.out
    assert "Traceback" not in said.err
    again = harness(f"{line} --json")
    assert "3 of 4 runs were finished before" in again.err
    assert {(r["spec"]["label"], r["spec"]["length"]): r["status"] for r in json.loads(again.out)} == {
        ("fails", 2): "ok",
        ("gru", 2): "ok",
        ("fails", 20): "error",
        ("gru", 20): "ok",
    }


def test_what_a_plugin_prints_is_not_taken_for_the_result(harness, here):
    (here / "fails.py").write_text(FAILS)
    said = harness(f"run --arch ./fails.py --task copy --length 2 {TINY} --json")
    assert json.loads(said.out)[0]["status"] == "ok"
    assert "noise of a plugin" in said.err


def test_the_reader_of_the_output_may_go_away(here):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", "list"], cwd=here, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_code_for_the_shell(harness, shell):
    said = harness(f"completion {shell}")
    assert said.code == 0
    assert "harness" in said.out
    assert "_ARGCOMPLETE" in said.out


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("harness run --arch ls", {"lstm"}),
        ("harness run --arch lstm,g", {"lstm,gru"}),
        ("harness run --arch deep:bi", {"deep:bidirectional"}),
        ("harness run --task pare", {"parentheses"}),
        ("harness describe gr", {"gru"}),
        ("harness describe add", {"adding"}),
        ("harness da", {"dashboard"}),
        ("harness dashboard --task cop", {"copy"}),
        ("harness run --tra", {"--tracking-uri", "--train-sequences"}),
    ],
)
def test_the_shell_completes_names(typed, expected, tmp_path):
    answer = tmp_path / "answer"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": typed,
        "COMP_POINT": str(len(typed)),
    }
    call = "import sys; from harness.cli.main import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", call], env=environment, cwd=tmp_path, capture_output=True, check=True)
    assert {word.strip() for word in answer.read_text().splitlines()} == expected
