"""Any name that a file system takes can be the name of a plugin's file and of the working folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.names import display_name, file_name
from harness.spec import RunSpec, SweepSpec
from harness.sweeps.plan import plan

CELL = """
from torch import nn


class MyCell(nn.Module):
    def __init__(self, input_size, hidden_size, *, leak: float = 0.1):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]
"""
NAMES = [
    "cell (1)",
    "cell.v2",
    "cell.py",
    "cell—final",
    "세포",
    "cellule_é",
    "my cell",
    "CELL",
    "2nd-cell",
    "-cell",
    "~cell",
    ".cell",
    "q?x",
    "p%20x",
    "h#x",
    "it's",
    'a"b',
    "[br]",
    "<b>",
    "{x}",
    "$x",
    "a|b*c",
    "class",
    "tab\tx",
    "line\nx",
    "red\x1b[31m",
    "x" * 252,
    "세" * 84,
]
TINY = ["--steps=2", "--batch=4", "--validation-sequences=8", "--test-sequences=8", "--engine=inline", "--json"]


def planned(name: str, **options: tuple[str, ...]) -> list[RunSpec]:
    return plan(SweepSpec((f"./{name}.py", f"deep:./{name}.py"), ("copy",), (2,), options=options))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_planned_alone_and_wrapped_and_takes_options(name, folder):
    (folder / f"{name}.py").write_text(CELL)
    shown = display_name(f"./{name}.py")
    alone, wrapped = planned(name, **{f"{shown}.leak": ("0.2",)})
    assert (alone.label, wrapped.label) == (f"{shown} leak=0.2", f"deep:{shown} leak=0.2")
    assert alone.architecture_options == {f"{shown}.leak": 0.2}
    assert shown.isprintable()
    assert alone.label in json.loads(alone.to_json())["label"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_gives_a_short_file_name_of_its_own(name):
    text = file_name(f"{name}-accuracy")
    assert text.endswith("accuracy")
    assert len(text.encode()) <= 250
    assert not set(text) & set("/\\?%#*:|\"<> \n\t\x1b'")
    assert text != file_name(f"{name}-learning")


def test_long_names_that_differ_in_the_middle_have_files_of_their_own():
    assert file_name("x" * 60 + "1" + "x" * 60) != file_name("x" * 60 + "2" + "x" * 60)


@pytest.mark.parametrize("name", ["q?x (1)", "p%20x", "it's [br] #1", "세" * 60])
def test_a_working_folder_of_any_name_holds_store_report_and_figures_and_nothing_is_written_beside_it(
    name, folder, empty_store, monkeypatch, capsys
):
    here = folder / name
    here.mkdir()
    monkeypatch.chdir(here)
    Path("mlflow.db").write_bytes(empty_store.read_bytes())
    Path(f"{name}.py").write_text(CELL)
    assert main(["run", "--arch", f"./{name}.py", "--task", "copy", "--length", "2", "--quiet", *TINY]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["status"], record["spec"]["label"]) == ("ok", name)
    assert main(["report", "--format", "md,csv", "--out", "out"]) == 0
    assert name in next(Path("out").glob("*.csv")).read_text()
    assert list(folder.iterdir()) == [here]


@pytest.mark.parametrize("name", ["a,b", "a:b"])
def test_a_comma_or_a_colon_in_a_file_name_is_told(name, folder, capsys):
    (folder / f"{name}.py").write_text(CELL)
    assert main(["run", "--arch", f"./{name}.py", "--task", "copy"]) == 2
    assert "'./a' is no path of a file: it ends in .py, and a comma or a colon ends a name." in capsys.readouterr().err
