"""`harness tune` as a person meets it: searched, gone on with, shared, used by `run`, refused in one line."""

import json
import re

import optuna
import pytest

from harness.tuning import storage

TINY = "--steps 20 --validate-every 10 --batch 4 --validation-sequences 8 --set hidden_size=4"
LINE = f"tune --task copy --length 2 {TINY} --engine inline"


def journal(folder, name=storage.DEFAULT_NAME):
    """Setting, state and value of every trial, by study."""
    kept = storage.open_storage(str(folder / name))
    studies = [optuna.load_study(study_name=one, storage=kept) for one in optuna.get_all_study_names(kept)]
    return {study.study_name: [(t.params, t.state, t.value) for t in study.trials] for study in studies}


def test_a_search_is_written_shown_and_used_by_run(harness, here):
    said = harness(f"{LINE} --arch rnn,gru --trials 3 --confirm-seeds 1 --top 2")
    assert said.code == 0, said.err
    assert re.search(r"rnn +3 .*\n gru +3 ", said.out)
    assert "chance" in said.out
    assert "next: harness run --arch rnn,gru --task copy --tuned" in said.err
    files = sorted(here.glob("tuned/*"))
    assert [path.suffix for path in files] == [".toml", ".toml", ".svg"]

    few = "--validation-sequences 8 --test-sequences 8 --engine inline"
    said = harness(f"run --config {files[0]} --test-sequences 8 --engine inline --json")
    (record,) = json.loads(said.out)
    assert (record["status"], record["spec"]["seed"]) == ("ok", 2)

    said = harness(f"run --arch rnn,gru --task copy --tuned {few.partition(' --test')[0]} --engine inline")
    assert said.code == 0, said.err  # --validation-sequences was not searched and may be typed
    assert "3 trials of 20 steps" in said.err

    assert harness("report --format html,md,json --out reports").code == 0
    for path in here.glob("reports/*"):
        assert "Tuning budgets" in path.read_text() or path.suffix == ".json"
    (document,) = here.glob("reports/*.json")
    searches = json.loads(document.read_text())["searches"]
    assert sorted(one["label"] for one in searches) == ["gru", "rnn"]


def test_one_seed_and_one_worker_give_the_same_trials_bit_for_bit(harness, here):
    for name in ("a", "b"):
        assert harness(f"{LINE} --arch lstm --trials 12 --confirm-seeds 0 --storage {name} --quiet").code == 0
    assert journal(here, "a") == journal(here, "b")
    assert len(next(iter(journal(here, "a").values()))) == 12


def test_typed_again_it_goes_on_to_the_total_wanted(harness, here):
    assert harness(f"{LINE} --arch rnn --trials 2 --confirm-seeds 0").code == 0
    before = journal(here)
    said = harness(f"{LINE} --arch rnn --trials 3 --confirm-seeds 0 --json")
    assert json.loads(said.out)[0]["counts"] == {"complete": 3, "pruned": 0, "failed": 0}
    ((name, trials),) = journal(here).items()
    assert trials[:2] == before[name]


@pytest.mark.slow  # two processes start from nothing
def test_two_commands_on_one_study_share_its_trials(start, here):
    line = f"{LINE} --arch rnn --trials 12 --confirm-seeds 0"
    running = [start(line), start(line)]
    assert [one.end().code for one in running] == [0, 0]
    (trials,) = journal(here).values()
    standing = [trial for trial in trials if trial[1].name == "COMPLETE"]
    assert len(standing) == 12
    assert len({repr(trial[0]) for trial in standing}) == 12


def test_where_every_trial_fails_it_says_so_and_keeps_the_records(harness, here, tmp_path):
    (tmp_path / "broken.py").write_text(_BROKEN)
    said = harness(f"{LINE} --arch ./broken.py --trials 2")
    assert said.code == 1
    assert said.out == ""
    assert re.search(r"all 2 trials of .* failed; the last: diverged", said.err)
    assert "2 of 2 trials" in harness(f"{LINE} --arch ./broken.py --trials 2").err  # they stand


_BROKEN = '''
from torch import nn


class Broken(nn.Module):
    """Goes to infinity after a few steps."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.inner, self.calls = nn.RNN(input_size, hidden_size, batch_first=True), 0

    def forward(self, x):
        self.calls += self.training
        return self.inner(x)[0] * (float("inf") if self.calls > 6 else 1.0)
'''


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ("--space nope=1:2", "No option 'nope'.*Settings that can be searched: .*lr"),
        ("--space lr=1e-2:1e-4", "low < high"),
        ("--space lr=0:1:log", "low > 0"),
        ("--space lr", "--space takes name=low:high"),
        ("--space lr=1:2 --space lr=1:3", "given twice"),
        ("--lr 0.1 --space lr=1:2", "is searched and set"),
        ("--set forget_bias=0,1", "to search over them: --space forget_bias=0,1"),
        ("--storage notes.txt", "is not an Optuna journal"),
        ("--storage sqlite:///mlflow.db", "not an Optuna storage"),
        ("--storage postgresql+nothing://x/y", "cannot be opened"),
        ("--storage gone/trials", "does not exist"),
        ("--trials 0", "--trials"),
    ],
)
def test_bad_input_is_refused_in_a_line(refused, here, flags, says):
    (here / "notes.txt").write_text("mine\n")
    assert re.search(says, refused(f"{LINE} --arch lstm {flags}").replace("\n", " "))
    assert not (here / "tuned").exists()


def test_params_and_a_searched_hidden_size_exclude_each_other(refused, here):
    line = LINE.replace("--set hidden_size=4", "--params 900")
    assert "--params solves hidden_size" in refused(f"{line} --arch lstm --space hidden_size=4:8")


def test_a_study_of_another_space_is_refused_by_the_name_that_differs(harness, refused, here):
    assert harness(f"{LINE} --arch rnn --trials 1 --confirm-seeds 0").code == 0
    assert "another space for clip" in refused(f"{LINE} --arch rnn --trials 1 --space clip=1:2")


def test_run_tuned_before_any_search_names_the_line_that_searches(refused, here):
    assert "harness tune --arch lstm --task copy" in refused("run --arch lstm --task copy --tuned")


def test_describe_shows_what_is_searched(harness):
    said = harness("describe lstm --search-space")
    assert re.search(r"lr: range 0.0001 .. 0.03 \(log\), default 0.005", said.out)
    assert "lstm.forget_bias: range 0 .. 5, default 1" in said.out
    assert "copy" in harness("describe copy --search-space").err


def test_a_failing_storage_is_told_in_a_line(harness, here, monkeypatch):
    from harness.tuning.study import Study

    def fail(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Study, "ask", fail)
    said = harness(f"{LINE} --arch rnn --trials 1")
    assert said.code == 1
    assert "No space left on device" in said.err
