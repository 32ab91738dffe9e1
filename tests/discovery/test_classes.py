"""Classes as plugins: the name under which another process finds them, and what is refused."""

from __future__ import annotations

import linecache
import sys
from types import ModuleType

import pytest
import torch

from harness.discovery import registry
from harness.discovery.classes import name_of
from harness.discovery.written_source import module_of
from harness.errors import UsageError

CELL = '''
import math
import torch
from math import sqrt
from torch import nn, zeros
SIZE, NAMES = 2, {"a": [1, None]}
def double(x):
    return SIZE * x
class Base(nn.Module):
    pass
class Mine(Base):
    """One line."""
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.register_buffer("start", zeros(1) + sqrt(4) + len(NAMES))
    def forward(self, x):
        return double(self.rnn(x)[0])
'''

OUTER = """
def outer(n):
    def double(x):
        return n * x
    return double
double = outer(2)
"""
LOCAL = """
from torch import nn
def make():
    class Mine(nn.Module):
        pass
    return Mine
Mine = make()
"""


@pytest.fixture
def notebook(monkeypatch):
    """Runs the text of a cell as a notebook does: in a module without a file, its source kept in `linecache`."""
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    count = 0

    def run(cell, kept=True):
        nonlocal count
        count += 1
        file = f"/tmp/ipykernel_1/{count}.py"
        if kept:
            monkeypatch.setitem(linecache.cache, file, (len(cell), None, cell.splitlines(keepends=True), file))
        exec(compile(cell, file, "exec", dont_inherit=True), vars(module))
        return vars(module)

    return run


def test_a_class_of_a_module_is_named_by_it(tmp_path):
    assert name_of(torch.nn.GRU, tmp_path) == "torch.nn.modules.rnn:GRU"
    assert list(tmp_path.iterdir()) == []


def test_a_name_stays_what_it_is(tmp_path):
    assert name_of("deep:gru", tmp_path) == "deep:gru"


def test_a_class_of_a_loose_file_is_named_by_the_file(folder):
    (folder / "cell.py").write_text(CELL)
    loaded = registry.find("architecture", "./cell.py:Mine").load()
    assert name_of(loaded, folder / "classes") == f"{folder / 'cell.py'}:Mine"


def test_a_class_of_a_notebook_is_written_with_all_that_it_uses(folder, notebook):
    mine = notebook(CELL)["Mine"]
    name = name_of(mine, folder / "classes")
    loaded = registry.find("architecture", name).load()
    assert loaded is not mine
    assert loaded.__doc__ == "One line."
    model = loaded(3, 4)
    assert model.start.item() == 3.0
    x = torch.randn(2, 5, 3)
    assert torch.equal(model(x), 2 * model.rnn(x)[0])


def test_the_same_source_has_the_same_name_and_what_it_closes_over_is_part_of_it(folder, notebook):
    first = name_of(notebook(CELL)["Mine"], folder)
    assert name_of(notebook(CELL)["Mine"], folder) == first
    changed = notebook(CELL)
    changed["SIZE"] = 3
    assert name_of(changed["Mine"], folder) != first
    codes = {registry.find("architecture", name).fingerprint() for name in (first, name_of(changed["Mine"], folder))}
    assert len(codes) == 2


def test_a_cell_that_is_run_again_gives_the_new_source(folder, notebook):
    notebook(CELL)
    mine = notebook(CELL.replace("double(self", "-double(self"))["Mine"]
    assert "-double(self" in module_of(mine)


def test_names_in_annotations_need_not_exist_where_annotations_are_not_evaluated(notebook):
    cell = "from __future__ import annotations\n" + CELL.replace("input_size: int", "input_size: Unknown")
    text = module_of(notebook(cell)["Mine"])
    assert text.startswith("from __future__ import annotations\n")
    exec(compile(text, "written", "exec", dont_inherit=True), {"__name__": "written"})


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (CELL + "import torch\nNAMES = torch.zeros(2)\n", "NAMES, a Tensor"),
        (CELL + "NAMES = open('/dev/null')\nNAMES.close()\n", "NAMES, a TextIOWrapper"),
        (CELL + "double = lambda x: x\n", "lambda"),
        (
            CELL + OUTER,
            "another",
        ),
        (
            LOCAL,
            "top",
        ),
        ("Mine = lambda input_size, hidden_size: None\n", "the function <lambda>"),
        ("Mine = 3\n", "got 3"),
    ],
    ids=["tensor", "file", "lambda", "closure", "local class", "function", "number"],
)
def test_what_no_other_process_can_have_is_refused_with_the_reason(folder, notebook, cell, reason):
    with pytest.raises(UsageError) as refused:
        name_of(notebook(cell)["Mine"], folder / "classes")
    assert reason in str(refused.value)
    assert not (folder / "classes").exists()


def test_a_class_typed_at_the_prompt_is_refused_with_the_way_out(folder, notebook):
    with pytest.raises(UsageError, match=r"source of Mine is not kept.*%%writefile my_cell.py"):
        name_of(notebook(CELL, kept=False)["Mine"], folder)
