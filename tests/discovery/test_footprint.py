"""Files that a plugin's code uses from elsewhere are part of what it is, however it reaches them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.discovery.compose import compose

CELL = """
from torch import nn
{imports}

class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        {construction}
        self.rnn = nn.GRU(input_size, hidden_size, batch_first=True)
    def forward(self, x):
        return self.rnn(x)[0]
"""
REACHES = {
    "a parent folder put on sys.path": (
        "import sys; sys.path.insert(0, {folder!r})\nfrom base_{n} import K",
        "pass",
        "lib/base_{n}.py",
    ),
    "importlib": (
        "import importlib, sys; sys.path.insert(0, {folder!r}); importlib.import_module('base_{n}')",
        "pass",
        "lib/base_{n}.py",
    ),
    "a package of the project": ("from lib.base_{n} import K", "pass", "lib/base_{n}.py"),
    "a file read at import": (
        "from pathlib import Path\nK = Path({folder!r}, 'conf_{n}.txt').read_text()",
        "pass",
        "lib/conf_{n}.txt",
    ),
    "a file read at construction": (
        "from pathlib import Path",
        "Path({folder!r}, 'conf_{n}.txt').read_text()",
        "lib/conf_{n}.txt",
    ),
}


@pytest.mark.parametrize("reach", REACHES)
def test_a_file_from_elsewhere_is_found_and_its_digest_changes_with_it(folder: Path, reach, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    number = list(REACHES).index(reach)
    imports, construction, name = (text.replace("{n}", str(number)) for text in REACHES[reach])
    helper = folder / name
    helper.parent.mkdir()
    helper.write_text("K = 1")
    (folder / "exp").mkdir()
    place = {"{folder!r}": repr(str(helper.parent))}
    for key, value in place.items():
        imports, construction = imports.replace(key, value), construction.replace(key, value)
    (folder / "exp" / "cell.py").write_text(CELL.format(imports=imports, construction=construction))

    composition = compose("./exp/cell.py")
    composition.build(3, 4)
    assert list(composition.files) == [str(helper.resolve())]
    before = composition.files
    helper.write_text("K = 2")
    assert composition.files != before


def test_what_lies_beside_a_file_and_what_is_installed_are_not_from_elsewhere(folder: Path):
    (folder / "helper_beside.py").write_text("import json, numpy")
    (folder / "cell.py").write_text(CELL.format(imports="import helper_beside, torch, csv", construction="pass"))
    composition = compose("./cell.py")
    composition.build(3, 4)
    assert composition.files == {}


def test_built_in_architectures_have_none():
    assert compose("deep:lstm").files == {}


def test_the_identity_changes_with_the_content_of_such_a_file_and_not_with_its_place(small):
    one, moved, other = ({"/a/base.py": "1"}, {"/b/base.py": "1"}, {"/a/base.py": "2"})
    identity = small(code_files=one).identity
    assert small(code_files=moved).identity == identity
    assert small(code_files=other).identity != identity
