"""Training settings as lists, for one architecture, and as an architecture recommends them."""

import pytest

from harness.cli.main import _parser, main
from harness.errors import PluginError, UsageError
from harness.spec import SweepSpec
from harness.sweeps.plan import plan

CELL = '''
from torch import nn


class Cell(nn.Module):
    """A cell with an option that is called as a setting is."""

    recommended = {"lr": 0.02, "clip": 0.5}

    def __init__(self, input_size, hidden_size, *, steps: int = 3):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]
'''


def planned(*architectures, options=None, **settings):
    return plan(SweepSpec(architectures, ("copy",), (3,), settings=settings, options=options or {}))


def test_several_values_of_a_setting_are_variants_that_are_all_labelled():
    found = planned("gru", "lstm", lr=(0.005, 0.01), steps=7)
    assert [(spec.label, spec.lr, spec.steps) for spec in found] == [
        ("gru lr=0.005", 0.005, 7),
        ("gru lr=0.01", 0.01, 7),
        ("lstm lr=0.005", 0.005, 7),
        ("lstm lr=0.01", 0.01, 7),
    ]
    assert found[1].asked == {"lr": 0.01, "steps": 7}


def test_settings_and_options_make_a_grid():
    found = planned("lstm", options={"forget_bias": ("0", "1")}, batch_size=(8, 16))
    assert [spec.label for spec in found] == [
        f"lstm forget_bias={bias} batch_size={size}" for bias in ("0.0", "1.0") for size in (8, 16)
    ]


def test_a_setting_of_one_architecture_is_its_own():
    gru, lstm = planned("gru", "lstm", options={"lstm.lr": ("1e-3",), "lstm.batch": ("16",)}, lr=0.01)
    assert (gru.lr, gru.batch_size) == (0.01, 32)
    assert (lstm.lr, lstm.batch_size) == (0.001, 16)
    assert (gru.label, lstm.label) == ("gru", "lstm")


def test_a_setting_of_one_architecture_may_have_several_values():
    found = planned("gru", "deep:lstm", options={"lstm.lr": ("1e-3", "1e-2")})
    assert [(spec.label, spec.lr) for spec in found] == [
        ("gru", 0.005),
        ("deep:lstm lr=0.001", 0.001),
        ("deep:lstm lr=0.01", 0.01),
    ]


def test_an_architecture_recommends_and_a_flag_overrides(folder):
    (folder / "cell.py").write_text(CELL)
    cell, gru = planned("./cell.py", "gru")
    assert (cell.lr, cell.clip, gru.lr, gru.clip) == (0.02, 0.5, 0.005, 1.0)
    cell, gru = planned("./cell.py", "gru", lr=0.1)
    assert (cell.lr, cell.clip, gru.lr) == (0.1, 0.5, 0.1)
    cell, gru = planned("./cell.py", "gru", options={"cell.lr": ("0.3",)}, lr=0.1)
    assert (cell.lr, gru.lr) == (0.3, 0.1)


def test_an_option_of_a_plugin_comes_before_a_setting_of_its_name(folder):
    (folder / "cell.py").write_text(CELL)
    (spec,) = planned("./cell.py", options={"cell.steps": ("9",)}, steps=50)
    assert (spec.steps, spec.architecture_options) == (50, {"cell.steps": 9})


@pytest.mark.parametrize(
    ("value", "complaint"),
    [("{'learning_rate': 1}", "No setting 'learning_rate'"), ("{'lr': 'much'}", "lr takes float, got 'much'")],
)
def test_what_cannot_be_recommended_is_told(folder, value, complaint):
    (folder / "cell.py").write_text(CELL.replace('{"lr": 0.02, "clip": 0.5}', value))
    with pytest.raises(PluginError, match=complaint):
        planned("./cell.py")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"lstm.lr": ("much",)}, r"--set lstm.lr=much: lr takes float, got 'much'\."),
        ({"lstm.optimizer": ("adm",)}, r"--set lstm.optimizer=adm: optimizer takes adam \| adamw"),
        ({"lstm.steps": ("0",)}, "steps must be at least 1, got 0"),
        ({"lstm.lr": ("nan",)}, "lr must be a finite number"),
        ({"lstm.warmup": ("9",)}, "--warmup 9 leaves no steps to train: --steps is 5"),
        ({"gru.lr": ("1e-3",)}, "No option 'gru.lr'"),
    ],
)
def test_values_that_cannot_be_are_refused(options, complaint):
    with pytest.raises(UsageError, match=complaint):
        planned("lstm", options=options, steps=5)


def test_every_training_flag_takes_several_values(folder, store_uri, capsys):
    flags = (
        "--steps 2,3 --batch 2,3 --lr 1e-3,1e-2 --schedule constant,cosine --warmup 0,1 --optimizer adam,sgd "
        "--beta2 0.9,0.99 --clip 0,1 --tbptt 0,2 --precision 32,64 --validate-every 1,2 --train-sequences 4,8"
    )
    arguments = ["run", "--arch", "rnn", "--task", "copy", "--length", "3", "--engine", "inline", "--dry-run"]
    for flag in flags.split("--")[1:]:
        assert main([*arguments, *f"--{flag}".split()]) == 0, flag
        assert "2 runs planned" in capsys.readouterr().out


def test_a_flag_that_is_repeated_replaces_what_was_given_before():
    found = _parser().parse_args(["run", "--arch", "rnn", "--task", "copy", "--lr", "1", "2", "--lr", "0.1,0.2"])
    assert found.lr == [0.1, 0.2]


def test_what_is_recommended_is_shown_by_the_plan_and_by_describe(folder, store_uri, capsys):
    (folder / "cell.py").write_text(CELL)
    line = ["run", "--arch", "./cell.py", "--task", "copy", "--length", "3", "--engine", "inline", "--dry-run"]
    assert main(line) == 0
    assert "cell: lr=0.02, clip=0.5, as it recommends; a flag overrides it" in capsys.readouterr().out
    assert main([*line, "--lr", "0.1"]) == 0
    assert "cell: clip=0.5, as it recommends" in capsys.readouterr().out
    assert main(["describe", "./cell.py", "--arch"]) == 0
    assert "--lr: 0.02" in capsys.readouterr().out
