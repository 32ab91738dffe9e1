"""Names to plugins: by entry point, and from loose files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness import registry
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


def distribution(folder: Path, name: str, architectures: dict[str, str], version: str = "1.0") -> None:
    """What an installed distribution leaves behind, as far as importlib.metadata looks."""
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    write(information / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{key} = {value}" for key, value in architectures.items()]
    write(information / "entry_points.txt", "\n".join(["[harness.architectures]", *lines, ""]))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


# By name


def test_our_own_plugins_are_known_by_name_through_entry_points():
    assert registry.names("architecture") == sorted(registry.names("architecture"))
    assert {"rnn", "lstm", "gru", "deep", "bidirectional"} <= set(registry.names("architecture"))
    lstm = registry.find("architecture", "lstm")
    assert (lstm.module, lstm.attribute, lstm.path) == ("harness.plugins.lstm", "LSTM", None)
    assert lstm.origin.startswith("rnn-harness ")


def test_a_misspelt_name_is_an_error_with_the_nearest_and_all_known_names():
    with pytest.raises(UsageError) as error:
        registry.find("architecture", "lstmm")
    assert str(error.value).startswith("No architecture 'lstmm'. Did you mean 'lstm'? Known: ")
    assert "bidirectional, deep, gru" in str(error.value)


def test_a_name_of_one_kind_is_not_one_of_another():
    with pytest.raises(UsageError, match="No task 'lstm'"):
        registry.find("task", "lstm")


def test_a_name_that_two_distributions_bring_is_an_error_that_names_both(folder):
    distribution(folder, "first-author", {"cell": "one:Cell", "other": "one:Other"})
    distribution(folder, "second-author", {"cell": "two:Cell"}, version="2.1")
    with pytest.raises(PluginError) as error:
        registry.find("architecture", "cell")
    assert "first-author 1.0" in str(error.value)
    assert "second-author 2.1" in str(error.value)
    assert "uninstall one of them" in str(error.value)


def test_a_disputed_name_leaves_all_others_alone_and_is_listed_twice(folder):
    distribution(folder, "first-author", {"cell": "one:Cell", "other": "one:Other"})
    distribution(folder, "second-author", {"cell": "two:Cell"})
    assert registry.find("architecture", "other").origin == "first-author 1.0"
    assert registry.find("architecture", "lstm").load()
    assert [plugin.origin for plugin in registry.plugins("architecture") if plugin.name == "cell"] in (
        ["first-author 1.0", "second-author 1.0"],
        ["second-author 1.0", "first-author 1.0"],
    )


def test_a_distribution_found_twice_on_the_path_disputes_nothing(folder):
    distribution(folder / "a", "author", {"cell": "one:Cell"})
    distribution(folder / "b", "author", {"cell": "one:Cell"})
    assert registry.find("architecture", "cell").origin == "author 1.0"


def test_finding_and_listing_import_nothing(folder):
    distribution(folder, "author", {"bomb": "bomb:Cell"})
    write(folder / "bomb.py", "raise RuntimeError('imported')")
    assert "bomb" in registry.names("architecture")
    plugin = registry.find("architecture", "bomb")
    assert "bomb" not in sys.modules
    with pytest.raises(PluginError, match="imported"):
        plugin.load()


def test_an_entry_point_to_what_its_module_does_not_have_is_an_error_with_what_it_has(folder):
    distribution(folder, "author", {"cell": "one:Sell"})
    write(folder / "one.py", CELL.format(name="Cell"))
    with pytest.raises(PluginError, match=r"No architecture in one called 'Sell'. Did you mean 'Cell'\?"):
        registry.find("architecture", "cell").load()


def test_a_plugin_without_source_has_its_version_for_a_fingerprint(folder):
    distribution(folder, "author", {"cell": "compiled_away:Cell"}, version="3.2")
    assert registry.find("architecture", "cell").fingerprint() == "3.2"


# Loose files


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
    with pytest.raises(PluginError, match=r"holds 2 of them: One, Two. Say which: cell.py:One or cell.py:Two"):
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
    load = "import pickle; from harness import registry; cell = registry.find('architecture', './cell.py').load(); "
    python("-c", load + "open('pickled', 'wb').write(pickle.dumps(cell(1, 2)))", cwd=folder)
    done = python("-c", load + "print(type(pickle.load(open('pickled', 'rb'))) is cell)", cwd=folder)
    assert done.stdout == "True\n"


# Composed names


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("lstm", ["lstm"]),
        ("deep:bidirectional:gru", ["deep", "bidirectional", "gru"]),
        ("./cell.py", ["./cell.py"]),
        ("./cell.py:Cell", ["./cell.py:Cell"]),
        ("deep:./cell.py", ["deep", "./cell.py"]),
        ("deep:./cells/cell.py:Cell", ["deep", "./cells/cell.py:Cell"]),
        ("./wrap.py:Wrap:lstm", ["./wrap.py:Wrap", "lstm"]),
        ("./wrap.py:Wrap:./cell.py:Cell", ["./wrap.py:Wrap", "./cell.py:Cell"]),
        ("./wrap.py:./cell.py", ["./wrap.py", "./cell.py"]),
        ("deep:", ["deep", ""]),
    ],
)
def test_a_composed_name_is_split_at_colons_but_not_between_a_file_and_its_class(name, parts):
    assert registry.split_parts(name) == parts


@pytest.mark.parametrize(
    ("part", "short"),
    [("lstm", "lstm"), ("./cells/cell.py", "cell"), ("/a/b.py:Cell", "Cell"), ("../my.cell.py", "my.cell")],
)
def test_a_part_is_called_by_its_name_its_class_or_its_file(part, short):
    assert registry.short_name(part) == short


@pytest.mark.parametrize(
    ("name", "expected"), [("lstm", False), ("pyramid", False), ("a.py", True), ("./a.py:B", True), ("deep:gru", False)]
)
def test_a_file_is_told_from_a_name_by_its_ending(name, expected):
    assert registry.is_file(name) is expected


# Where it went wrong


def error_of(call):
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def test_an_error_is_told_with_the_innermost_line_of_the_plugins_own_code(folder):
    write(folder / "helper.py", "import json\n\n\ndef read(text):\n    return json.loads(text)\n")
    write(folder / "cell.py", "import helper\n\n\ndef make(input_size, hidden_size):\n    return helper.read('{')\n")
    make = registry.find("architecture", "./cell.py:make").load()
    said = registry.told(error_of(lambda: make(1, 2)))
    assert said.startswith("JSONDecodeError: Expecting property name")
    assert said.endswith(" (helper.py:5)")  # neither the library that raised it, nor the file that called the helper


def test_an_installed_plugins_error_is_told_with_its_line_as_well(folder):
    distribution(folder, "author", {"cell": "author_cells:Cell"})
    write(folder / "author_cells.py", "class Cell:\n    def __init__(self):\n        raise KeyError('weights')\n")
    cell = registry.find("architecture", "cell").load()
    assert registry.told(error_of(cell)) == "KeyError: 'weights' (author_cells.py:3)"


def test_an_error_outside_of_any_plugin_has_no_place():
    assert registry.told(error_of(lambda: int("x"))) == "ValueError: invalid literal for int() with base 10: 'x'"
    assert registry.told(error_of(sys.exit)) == "the plugin called sys.exit(None)"
