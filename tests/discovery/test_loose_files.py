"""Plugins from loose files: which class is meant, what it may import, what is wrong with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.discovery import registry
from harness.errors import PluginError, UsageError

CELL = """
class {name}:
    def __init__(self, input_size, hidden_size): ...
    def forward(self, x): ...
"""
TASK = """
class {name}:
    def sample(self, generator, batch_size, length): ...
    def chance(self, length): ...
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_loose_file_with_one_class_is_that_class(folder):
    write(folder / "cell.py", CELL.format(name="Cell"))
    assert registry.find("architecture", "./cell.py").load().__name__ == "Cell"


def test_a_class_of_a_loose_file_can_be_named(folder):
    write(folder / "cell.py", CELL.format(name="One") + CELL.format(name="Two"))
    assert registry.find("architecture", "./cell.py:Two").load().__name__ == "Two"


def test_a_function_of_a_loose_file_can_be_named(folder):
    write(folder / "cell.py", "def make(input_size, hidden_size): ...")
    assert registry.find("architecture", "./cell.py:make").load().__name__ == "make"


def test_two_classes_and_none_named_is_an_error_that_says_how_to_choose(folder):
    write(folder / "cell.py", CELL.format(name="One") + CELL.format(name="Two"))
    with pytest.raises(PluginError, match=r"holds 2 architectures: One, Two. Say which: cell.py:One or cell.py:Two"):
        registry.find("architecture", "./cell.py").load()


@pytest.mark.parametrize(
    "other",
    [
        "from beside import Imported",
        "class Layer:\n    def forward(self, x): ...",
        "import abc\nclass Base(abc.ABC):\n    def __init__(self, input_size, hidden_size): ...\n"
        "    @abc.abstractmethod\n    def forward(self, x): ...",
        TASK.format(name="Task"),
        "def forward(input_size, hidden_size): ...",
    ],
    ids=["imported", "other constructor", "abstract", "task", "function"],
)
def test_what_cannot_be_meant_does_not_make_a_loose_file_ambiguous(folder, other):
    write(folder / "beside.py", CELL.format(name="Imported"))
    write(folder / "cell.py", f"{other}\n{CELL.format(name='Cell')}")
    assert registry.find("architecture", "./cell.py").load().__name__ == "Cell"


def test_a_file_may_hold_an_architecture_and_a_task(folder):
    write(folder / "both.py", CELL.format(name="Cell") + TASK.format(name="Task"))
    assert registry.find("architecture", "./both.py").load().__name__ == "Cell"
    assert registry.find("task", "./both.py").load().__name__ == "Task"


@pytest.mark.parametrize(
    ("kind", "needs"),
    [("architecture", r"a constructor \(input_size, hidden_size\)"), ("task", "methods sample and chance")],
)
def test_a_file_without_a_fitting_class_is_an_error_that_says_what_is_needed(folder, kind, needs):
    write(folder / "empty.py", "import pathlib\nfrom pathlib import Path\n")
    with pytest.raises(PluginError, match=rf"empty.py holds no {kind}: no class of its own with {needs}"):
        registry.find(kind, "./empty.py").load()


def test_a_class_that_a_loose_file_does_not_have_is_an_error_with_the_nearest(folder):
    write(folder / "cell.py", CELL.format(name="Cell"))
    with pytest.raises(PluginError, match=r"cell.py called 'Sell'. Did you mean 'Cell'\? Known: Cell"):
        registry.find("architecture", "./cell.py:Sell").load()


@pytest.mark.parametrize("name", ["./missing.py", "./missing.py:Cell", "missing.py", "./folder.py"])
def test_a_missing_file_is_an_error_with_its_full_path(folder, name):
    (folder / "folder.py").mkdir()
    file = "folder.py" if "folder" in name else "missing.py"
    with pytest.raises(UsageError, match=f"There is no file {folder / file}"):
        registry.find("architecture", name)


@pytest.mark.parametrize("name", ["./cel.py", "cel.py", "cel.py:Cell"])
def test_a_mistyped_file_is_an_error_with_the_nearest_beside_it(folder, name):
    write(folder / "cell.py", CELL.format(name="Cell"))
    with pytest.raises(UsageError, match=rf"There is no file .*cel.py. Did you mean {folder / 'cell.py'}\?$"):
        registry.find("architecture", name)


def test_a_file_without_its_ending_is_an_error_with_how_to_name_it(folder):
    write(folder / "cell.py", CELL.format(name="Cell"))
    with pytest.raises(UsageError, match=r"^No architecture 'cell'. Did you mean './cell.py'\?$"):
        registry.find("architecture", "cell")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("def (:\n", "SyntaxError: invalid syntax"),
        ("\0", "source code string cannot contain null bytes"),
        ("raise ValueError('one\\n  two')", "cannot be imported: ValueError: one two"),
        ("import sys\nsys.exit(3)", "cannot be imported: SystemExit: 3"),
        ("import not_installed_anywhere", "No module named 'not_installed_anywhere'"),
        ("from . import beside", "ImportError: attempted relative import with no known parent package"),
    ],
    ids=["syntax", "null bytes", "raises", "exits", "not installed", "relative import"],
)
def test_a_file_that_cannot_be_imported_is_an_error_of_one_line_with_the_cause(folder, text, cause):
    write(folder / "cell.py", text)
    with pytest.raises(PluginError) as error:
        registry.find("architecture", "./cell.py").load()
    assert str(error.value).startswith(f"architecture 'cell' ({folder / 'cell.py'}) cannot be imported: ")
    assert cause in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_failed_can_be_put_right_and_loaded(folder):
    write(folder / "cell.py", "raise ValueError")
    with pytest.raises(PluginError):
        registry.find("architecture", "./cell.py").load()
    write(folder / "cell.py", CELL.format(name="Cell"))
    assert registry.find("architecture", "./cell.py").load().__name__ == "Cell"


def test_a_loose_file_may_import_what_lies_beside_it(folder):
    write(folder / "cells" / "helper.py", "FACTOR = 3")
    write(
        folder / "cells" / "cell.py", "from helper import FACTOR\n" + CELL.format(name="Cell") + "    factor = FACTOR"
    )
    assert registry.find("architecture", "./cells/cell.py").load().factor == 3


def test_a_file_beside_hides_no_module_of_the_standard_library(folder):
    sys.modules.pop("wave", None)
    write(folder / "wave.py", "raise RuntimeError('taken instead')")
    write(folder / "cell.py", "import wave\n" + CELL.format(name="Cell"))
    assert registry.find("architecture", "./cell.py").load()


def test_two_files_that_each_import_another_file_of_one_name_are_refused(folder):
    """Python keeps one module of a name: the second would silently compute with the first one's helper."""
    for version in ("old", "new"):
        write(folder / version / "helper.py", f"VERSION = {version!r}")
        write(
            folder / version / "cell.py", "import helper\n" + CELL.format(name="Cell") + "    helper = helper.VERSION"
        )
    assert registry.find("architecture", "./old/cell.py").load().helper == "old"
    with pytest.raises(PluginError, match=r"new/cell.py imports 'helper' and got .*old/helper.py, not .*new/helper.py"):
        registry.find("architecture", "./new/cell.py").load()


def test_a_file_is_loaded_once_however_it_is_spelt(folder):
    write(folder / "cell.py", CELL.format(name="Cell"))
    spellings = ["./cell.py", "cell.py", str(folder / "cell.py"), "./cell.py:Cell", f"../{folder.name}/cell.py"]
    assert len({registry.find("architecture", spelling).load() for spelling in spellings}) == 1


def test_files_of_one_name_in_two_folders_are_two_modules(folder):
    for version in ("old", "new"):
        write(folder / version / "cell.py", CELL.format(name="Cell") + f"    version = {version!r}")
    old, new = (registry.find("architecture", f"./{version}/cell.py").load() for version in ("old", "new"))
    assert (old.version, new.version) == ("old", "new")
    assert old.__module__ != new.__module__


def test_a_home_folder_may_be_written_as_a_tilde(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    write(folder / "cell.py", CELL.format(name="Cell"))
    assert registry.find("architecture", "~/cell.py").load()


def test_pickle_finds_a_loose_class_again_in_a_process_that_has_loaded_the_file(folder, python):
    write(folder / "cell.py", CELL.format(name="Cell"))
    find = "from harness.discovery.registry import find; cell = find('architecture', './cell.py').load()"
    load = f"import pickle; {find}; "
    python("-c", load + "open('pickled', 'wb').write(pickle.dumps(cell(1, 2)))", cwd=folder)
    done = python("-c", load + "print(type(pickle.load(open('pickled', 'rb'))) is cell)", cwd=folder)
    assert done.stdout == "True\n"
