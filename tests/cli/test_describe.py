"""`harness describe`: what a plugin is, by name or by file; what is wrong with it in one line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from harness.cli.describe import call
from harness.cli.main import main
from harness.discovery import compose, registry
from harness.errors import PluginError, UsageError
from harness.spec import RunSpec

DOCS = Path(__file__).parents[2] / "docs" / "kinds.md"
CELL = """
from torch import nn

class Cell(nn.Module):
    def __init__(self, input_size, hidden_size, *, width: int = 5):
        super().__init__()
        self.linear = nn.Linear(input_size, width)
    def forward(self, x):
        return self.linear(x)
"""
TASK = """
from harness import Classes, Task, Tokens

class Hard(Task):
    '''A task in a file.'''
    inputs, targets = Tokens(2), Classes(2)
    def sample(self, generator, batch_size, length): ...
    def chance(self, length): return 0.5
"""


@pytest.fixture
def describe(capsys):
    def described(name):
        assert call(argparse.Namespace(name=name, kind=None, search_space=False, json=True)) == 0
        return json.loads(capsys.readouterr().out)

    return described


def test_a_loose_architecture_is_described_alone_and_composed(folder, describe):
    (folder / "cell.py").write_text(CELL)
    assert describe("./cell.py")["architecture"] == "cell"
    assert describe("./cell.py:Cell")["options"]["Cell.width"] == {"takes": "int", "default": 5}
    composed = describe("deep:./cell.py")
    assert composed["architecture"] == "deep:cell"
    assert composed["declares"]["output_size"].startswith("5 at hidden_size ")


def test_what_a_plugin_prints_is_not_in_the_result(folder, capsys):
    loud = 'print("imported")\n' + CELL.replace("super()", 'print("made")\n        super()')
    loud = loud.replace("return self", 'print("called")\n        return self')
    (folder / "cell.py").write_text(loud)
    (folder / "hard.py").write_text('print("imported")\n' + TASK.replace("...", "print('called')"))
    for name in ("./cell.py", "./hard.py", "deep:./cell.py"):
        assert main(["describe", name, "--json"]) == 0
        shown = capsys.readouterr()
        assert json.loads(shown.out)["options"] is not None
        assert "imported" in shown.err or name == "deep:./cell.py"


@pytest.mark.parametrize("line", ["check {} --json", "describe {} --search-space --json", "list --broken --json"])
def test_other_results_as_json_are_free_of_prints_too(line, folder, capsys):
    (folder / "cell.py").write_text('print("imported")\n' + CELL)
    main(line.format("./cell.py").split())
    json.loads(capsys.readouterr().out)


def test_a_task_is_shown_by_an_example(describe, capsys):
    shown = describe("copy")["example"]
    assert shown["inputs"].index(">") == 17
    assert shown["answers"][-10:] == shown["inputs"][:10]
    assert main(["describe", "modular_arithmetic"]) == 0
    (example,) = [part for part in capsys.readouterr().out.split("\n\n") if part.startswith("example")]
    first, inputs, answer = example.splitlines()
    assert first == "example, length 8:"
    assert eval("".join(inputs.split()[1:-1])) % 5 == int(answer.split()[1])


def test_a_task_that_cannot_be_sampled_is_described_all_the_same(folder, describe):
    (folder / "hard.py").write_text(TASK)
    assert "lengths" in describe("./hard.py")["declares"]
    assert "cannot be made" in describe("./hard.py")["example failed"]


def test_the_option_that_every_architecture_has_is_described_with_its_default(describe):
    for name in ("lstm", "deep:gru"):
        assert describe(name)["options"]["hidden_size"] == {"takes": "int", "default": RunSpec.hidden_size}


def test_a_loose_task_is_described_as_a_task(folder, describe):
    (folder / "hard.py").write_text(TASK)
    assert describe("./hard.py")["about"] == "A task in a file."
    assert describe("./hard.py:Hard")["declares"]["chance"].startswith("50.00% at ")


def test_a_default_that_json_does_not_know_is_shown_all_the_same(folder, describe):
    (folder / "cell.py").write_text(CELL.replace("width: int = 5", "width: int = 5, kind=nn.Tanh"))
    assert "Tanh" in describe("./cell.py")["options"]["cell.kind"]["default"]


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        ("return x @ x", "'./cell.py' cannot be made with its defaults: RuntimeError: "),
        ("return self.nothing", "AttributeError: 'Cell' object has no attribute 'nothing'"),
    ],
)
def test_a_plugin_that_breaks_when_it_is_made_is_an_error_of_one_line(folder, describe, broken, cause):
    (folder / "cell.py").write_text(CELL.replace("return self.linear(x)", broken))
    with pytest.raises(PluginError) as error:
        describe("./cell.py")
    assert cause in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_imported_is_an_error_with_the_cause(folder, describe):
    (folder / "cell.py").write_text("import not_installed_anywhere")
    with pytest.raises(PluginError, match="No module named 'not_installed_anywhere'"):
        describe("./cell.py")


def test_a_name_that_is_neither_is_an_error_with_the_nearest(describe):
    with pytest.raises(UsageError, match=r"No architecture or task 'addin'. Did you mean 'adding'\?"):
        describe("addin")


BUILT_IN = [p.name for p in registry.plugins("architecture") if p.module.startswith("harness.plugins.")]


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_facts_of_a_built_in_architecture_are_a_row_of_the_table_in_the_docs(name, describe):
    plugin = registry.find("architecture", name).load()
    if compose.is_wrapper(plugin):
        assert describe(f"{name}:gru")["facts"] == describe("gru")["facts"]
        return
    facts = describe(name)["facts"]
    assert facts == plugin.facts._asdict()
    row = f"| `{name}` | {' | '.join(facts.values())} |"
    assert row in DOCS.read_text().splitlines(), f"docs/kinds.md lacks this row: {row}"


def test_the_numbers_that_are_carried_stand_beside_the_parameters(describe):
    assert describe("lstm")["declares"]["state"] == "192 numbers at hidden_size 96"
    assert describe("deep:gru")["declares"]["state"] == "192 numbers at hidden_size 96"
    assert describe("transformer")["declares"]["state"] == "none"
