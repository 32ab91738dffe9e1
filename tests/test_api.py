"""The harness from Python: the same sweeps as typed, the same records, and what is refused."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import harness
from harness.cli.main import main
from harness.errors import HarnessError, NoRecordsError, UsageError
from harness.spec import RunSpec
from harness.training.model import Model

TINY = {"steps": 3, "batch": 4, "validation_sequences": 8, "test_sequences": 8}
TYPED = "--steps 3 --batch 4 --validation-sequences 8 --test-sequences 8 --engine inline"


@pytest.fixture
def here(folder: Path, empty_store: Path) -> Path:
    """A working folder with an empty store in it."""
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder


def sweep(**asked):
    return harness.run_sweep(**{"engine": "inline", "quiet": True, **TINY, **asked})


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("--arch rnn,gru --task copy --length 4,2 --seeds 2", {"lengths": [4, 2], "seeds": 2}),
        (
            "--arch rnn,gru --task copy --length 2 --params 5k --lr 1e-3,1 --keep-weights none",
            {"lengths": 2, "params": "5k", "lr": [0.001, 1], "keep_weights": "none"},
        ),
        (
            "--arch rnn,gru --task copy --length 2..4 --test-length 3,5 "
            "--set hidden_size=4,8 --set rnn.nonlinearity=relu",
            {
                "length_range": (2, 4),
                "test_lengths": [5, 3],
                "hidden_size": [4, 8],
                "options": {"rnn.nonlinearity": "relu"},
            },
        ),
    ],
    ids=["lengths", "params and rates", "range and options"],
)
def test_a_sweep_typed_and_the_same_sweep_called_are_the_same_records(here, capsys, typed, asked):
    assert main(shlex.split(f"run {typed} {TYPED} --json --quiet")) == 0
    records = json.loads(capsys.readouterr().out)
    results = sweep(architectures=["rnn", "gru"], tasks=["copy"], **asked)
    assert [record.identity for record in results.records] == [record["identity"] for record in records]
    assert [record.seconds for record in results.records] == [record["seconds"] for record in records], "run twice"


def test_what_was_called_is_in_the_log_and_can_be_named(here):
    first = sweep(architectures="rnn", tasks="copy", lengths=2, name="first")
    sweep(architectures="gru", tasks="copy", lengths=2)
    assert first.command == (
        "harness.run_sweep(architectures='rnn', tasks='copy', lengths=2, name='first', engine='inline', "
        "steps=3, batch=4, validation_sequences=8, test_sequences=8)"
    )
    assert [r.spec.label for r in harness.load_results(sweep="first").records] == ["rnn"]
    assert [r.spec.label for r in harness.load_results().records] == ["gru"]
    assert isinstance(first, harness.Results)


def test_a_trained_model_is_loaded_and_looked_into(here):
    (record,) = sweep(architectures=["gru"], tasks=["copy"], lengths=[3], hidden_size=4).records
    model = harness.load_model(record.identity)
    assert isinstance(model, Model)
    assert not model.training
    assert sum(p.numel() for p in model.parameters()) == sum(record.parameters.values())
    found = harness.inspect_run(record.identity[:8], length=4)
    assert [(one.identity, one.length) for one in found.inspections] == [(record.identity, 4)]


def search(**asked):
    settings = {key: value for key, value in TINY.items() if key != "test_sequences"}
    known = {"architectures": ["rnn"], "tasks": ["copy"], "lengths": [2], "trials": 2, "confirm_seeds": 1, "top": 1}
    return harness.tune(**{"engine": "inline", "quiet": True, **settings, **known, **asked})


def test_a_search_called_and_the_same_search_typed_are_the_same_trials(here, capsys):
    found = search(space={"lr": harness.Float(1e-3, 1e-2, log=True), "nonlinearity": harness.Choice("tanh", "relu")})
    (one,) = found.searches
    assert list(found.trials()["state"]) == ["complete"] * 2
    assert {file.suffix for file in found.files} == {".toml", ".svg"}
    line = "tune --arch rnn --task copy --length 2 --trials 2 --confirm-seeds 1 --top 1 --json --quiet --engine inline "
    line += "--space lr=1e-3:1e-2:log --space nonlinearity=tanh,relu --steps 3 --batch 4 --validation-sequences 8"
    assert main(shlex.split(line)) == 0
    (typed,) = json.loads(capsys.readouterr().out)
    assert (typed["study"], typed["values"], typed["trials"]) == (
        one.study,
        one.values,
        [vars(trial) for trial in one.trials],
    )
    tuned = harness.run_sweep(architectures="rnn", tasks="copy", tuned=True, quiet=True, engine="inline")
    assert [record.spec.lr for record in tuned.records] == [one.settings["lr"]]
    assert [search.study for search in tuned.searches] == [one.study]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"space": {"lr": (1, 2)}}, "space: lr takes '1e-4:1e-2:log'"),
        ({"space": {"lrr": "1:2"}}, "No option 'lrr'"),
        ({"trials": 0}, "trials: takes whole numbers of at least 1"),
        ({"objective": "acc"}, "objective: takes 'accuracy'"),
        ({"prune": "all"}, "prune: takes 'median'"),
        ({"test_sequences": 3}, "No argument of tune 'test_sequences'"),
        ({"lr": [1e-3, 1e-2]}, "lr takes one value here"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_a_wrong_search_is_refused_before_anything_is_trained(here, monkeypatch, asked, said):
    from harness.engines import inline

    monkeypatch.setattr(inline, "run", lambda *given: pytest.fail("it was trained"))
    with pytest.raises(HarnessError) as refused:
        search(**asked)
    assert said in str(refused.value)


STUDY = """
question = "Does an LSTM learn the first token in fewer steps?"
kind = "hypothesis"
source = "a test"

[sweep]
arch = ["rnn", "lstm"]
task = "first_token"
length = [3, 4]
seeds = 2
steps = 3
batch = 4
validation_sequences = 8
test_sequences = 8

[[expect]]
less = "lstm"
than = "rnn"
in = "steps_to_solve"
"""


def test_a_study_called_and_the_same_study_typed_are_the_same_runs(here, capsys):
    (here / "mine.toml").write_text(STUDY)
    judged = harness.run_study(Path("mine.toml"), engine="inline", quiet=True)
    assert isinstance(judged, harness.JudgedStudy)
    assert (judged.record.runs, judged.record.missing, judged.record.runs_before) == (8, 0, 0)
    assert judged.to_frame()["verdict"].tolist() == ["undecided"]
    assert judged.verdict()[0] == "Does an LSTM learn the first token in fewer steps? Undecided."
    assert judged.sweeps[""].to_frame()["architecture"].nunique() == 2
    assert "undecided" in judged._repr_html_()
    assert judged.figure().axes
    assert [path.name for path in judged.save("page.html")] == ["page.html"]
    assert main(shlex.split("study run mine.toml --json --quiet --engine inline")) == 0
    typed = json.loads(capsys.readouterr().out)
    assert (typed["digest"], typed["cpu_seconds"]) == (judged.record.digest, judged.record.cpu_seconds), "run twice"
    assert len(typed["looks"]) == 1
    more = harness.run_study("mine.toml", seeds=3, engine="inline", quiet=True)
    assert (more.record.seeds, len(more.record.looks)) == (3, 2)


@pytest.mark.parametrize(
    ("study", "asked", "said"),
    [
        ("lstm-bridges-longer-lag", {}, "Did you mean"),
        ("./none.toml", {}, "cannot be read"),
        ("mine.toml", {"seeds": 0}, "seeds: takes whole numbers of at least 1"),
        ("mine.toml", {"device": "gpu"}, "device: takes"),
    ],
)
def test_a_wrong_study_is_refused_before_anything_is_trained(here, study, asked, said):
    (here / "mine.toml").write_text(STUDY)
    with pytest.raises(UsageError, match=said):
        harness.run_study(study, engine="inline", quiet=True, **asked)
    assert Path("mlflow.db").exists()


def test_a_stopped_study_keeps_what_is_finished_and_the_same_call_runs_the_rest(here, monkeypatch):
    from harness.engines import inline

    (here / "mine.toml").write_text(STUDY)
    real, ended = inline.run, []

    def stopped(spec, *rest):
        if len(ended) == 3:
            raise KeyboardInterrupt
        ended.append(spec)
        return real(spec, *rest)

    monkeypatch.setattr(inline, "run", stopped)
    with pytest.raises(KeyboardInterrupt, match="3 runs are kept, 5 missing"):
        harness.run_study("mine.toml", engine="inline", quiet=True)
    monkeypatch.setattr(inline, "run", lambda spec, *rest: ended.append(spec) or real(spec, *rest))
    judged = harness.run_study("mine.toml", engine="inline", quiet=True)
    assert (judged.record.runs, len(ended)) == (8, 8)


def test_runs_are_looked_into_together(here):
    records = sweep(architectures=["rnn", "gru"], tasks=["copy"], lengths=[3], hidden_size=4).records
    found = harness.inspect_run(*(record.identity for record in records))
    assert set(found.gradients()["architecture"]) == {"rnn", "gru"}
    assert found.verdict()
    with pytest.raises(HarnessError, match="Name at least one run"):
        harness.inspect_run()


def test_a_class_is_an_architecture_and_is_not_run_twice(here, tmp_path):
    from torch import nn

    first, again = (sweep(architectures=[nn.GRU, "rnn"], tasks=["copy"], lengths=[2]) for _ in range(2))
    assert [record.spec.label for record in first.records] == ["GRU", "rnn"]
    assert [record.began for record in first.records] == [record.began for record in again.records]


SCRIPT = """
import harness
from torch import nn

DEPTH = 2


class Mine(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, num_layers=DEPTH, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]


print("BEGINS")
results = harness.run_sweep(architectures=[Mine], tasks=["copy"], lengths=[2], steps=3, batch=4, jobs=1,
                            validation_sequences=8, test_sequences=8, hidden_size=4)
(record,) = results.records
print(record.status, record.reason, record.spec.label, record.identity)
print(type(harness.load_model(record.identity).architecture.module).__name__)
"""


def test_a_script_without_a_guard_trains_its_own_class_in_worker_processes(here, python):
    (here / "script.py").write_text(SCRIPT)
    first, again = (python("script.py", cwd=here).stdout for _ in range(2))
    assert first.count("BEGINS") == 1
    assert first.splitlines()[1].startswith("ok  Mine ")
    assert first.splitlines()[2] == "Mine"
    assert again == first


def test_a_sweep_runs_in_a_thread(here):
    found = []
    thread = threading.Thread(target=lambda: found.append(sweep(architectures=["rnn"], tasks=["copy"], lengths=[2])))
    thread.start()
    thread.join(60)
    assert [record.status for record in found[0].records] == ["ok"]


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(here, monkeypatch):
    from harness.engines import inline

    real = inline.run
    ended = []

    def stopped(spec, *rest):
        if ended:
            raise KeyboardInterrupt
        ended.append(spec)
        return real(spec, *rest)

    monkeypatch.setattr(inline, "run", stopped)
    with pytest.raises(KeyboardInterrupt, match=r"1 of 3 runs.*harness.load_results.*the same call runs the rest"):
        sweep(architectures=["rnn"], tasks=["copy"], lengths=[2], seeds=3)
    kept = harness.load_results()
    assert ([r.status for r in kept.records], len(kept.missing)) == (["ok"], 2)
    monkeypatch.setattr(inline, "run", real)
    assert len(sweep(architectures=["rnn"], tasks=["copy"], lengths=[2], seeds=3).records) == 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"architectures": ["lstmm"]}, "Did you mean 'lstm'"),
        ({"tasks": ["cop"]}, "Did you mean 'copy'"),
        ({"params": "5k", "hidden_size": 8}, "leave out one of params and hidden_size"),
        ({"params": "many"}, "params: takes a number such as 50k"),
        ({"step": 3}, "Did you mean 'steps'"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"lr": "fast"}, "lr: takes float, got 'fast'"),
        ({"optimizer": "adm"}, "optimizer: takes adam"),
        ({"lengths": [0]}, "lengths: takes whole numbers of at least 1, got 0"),
        ({"length_range": (5, 3)}, "length_range: takes (shortest, longest)"),
        ({"seeds": 1.5}, "seeds: takes whole numbers of at least 1, got 1.5"),
        ({"match": "size"}, "match: takes 'params', 'hidden', 'state', got 'size'"),
        ({"reuse": "all"}, "reuse: takes 'fresh', 'any', 'none', got 'all'"),
        ({"engine": "spark"}, "No engine 'spark'"),
        ({"device": "gpu"}, "device"),
        ({"engine": "inline", "jobs": 2}, "leave out"),
        ({"keep_weights": "some"}, "keep_weights: takes 'auto', 'none', 'all', got 'some'"),
        ({"name": "two\nlines"}, "name: takes 1 to 100 printable characters"),
        ({"options": {"forget": 1}}, "forget"),
        ({"architectures": [lambda a, b: None]}, "names or classes"),
        ({"architectures": []}, "architectures: takes at least one"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_request_is_refused_before_anything_is_trained(here, monkeypatch, asked, said):
    from harness.engines import inline

    monkeypatch.setattr(inline, "run", lambda *given: pytest.fail("it was trained"))
    with pytest.raises(HarnessError) as refused:
        sweep(**{"architectures": ["lstm"], "tasks": ["copy"], "lengths": [2], **asked})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_not_in_the_store_is_refused(here):
    with pytest.raises(NoRecordsError):
        harness.load_results()
    sweep(architectures=["rnn"], tasks=["copy"], lengths=[2], keep_weights="none")
    with pytest.raises(UsageError, match="No sweep 'zz'"):
        harness.load_results(sweep="zz")
    with pytest.raises(HarnessError, match=r"No run in .* is called ffff"):
        harness.load_model("ffff")
    with pytest.raises(UsageError, match=r"no weights.*keep_weights"):
        harness.load_model(harness.load_results().records[0].identity)


def test_the_lists_are_those_of_the_command(capsys):
    assert main(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    for kind, names in (("architecture", harness.list_architectures()), ("task", harness.list_tasks())):
        assert names == [row["name"] for row in rows if row["kind"] == kind]


def test_every_training_setting_of_the_command_line_is_one_of_python():
    from harness.api._request import RENAMED, TrainingSettings
    from harness.sweeps.settings import SETTINGS

    names = {RENAMED.get(name, name) for name in TrainingSettings.__annotations__}
    assert names == set(SETTINGS)
    assert names <= set(RunSpec.__dataclass_fields__)


def test_neither_face_imports_the_other():
    root = Path(harness.__file__).parent
    for one, other in (("api", "harness.cli"), ("cli", "harness.api")):
        assert [file.name for file in (root / one).glob("*.py") if other in file.read_text()] == []


def test_importing_the_harness_imports_nothing_else_of_it(tmp_path):
    """What takes time is imported when it is asked for: the import takes about 10 ms."""
    code = "import sys, harness; print(*(name for name in sys.modules if name.startswith('harness')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["harness"]
