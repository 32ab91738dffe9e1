"""Names to plugins, by entry point; loose files are in test_loose_files.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.discovery import registry
from harness.discovery.plugin_errors import describe_error
from harness.errors import PluginError, UsageError
from harness.names import is_file, short_name, split_parts

CELL = """
class {name}:
    def __init__(self, input_size, hidden_size): ...
    def forward(self, x): ...
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
    assert str(error.value).startswith("No architecture 'lstmm'. Did you mean 'lstm'")
    assert "Known: bidirectional, block, " in str(error.value)


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


def test_a_plugin_without_source_has_its_distribution_and_version_for_a_fingerprint(folder):
    distribution(folder, "author", {"cell": "compiled_away:Cell"}, version="3.2")
    assert registry.find("architecture", "cell").fingerprint() == "author 3.2"


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
    assert split_parts(name) == parts


@pytest.mark.parametrize(
    ("part", "short"),
    [("lstm", "lstm"), ("./cells/cell.py", "cell"), ("/a/b.py:Cell", "Cell"), ("../my.cell.py", "my.cell")],
)
def test_a_part_is_called_by_its_name_its_class_or_its_file(part, short):
    assert short_name(part) == short


@pytest.mark.parametrize(
    ("name", "expected"), [("lstm", False), ("pyramid", False), ("a.py", True), ("./a.py:B", True), ("deep:gru", False)]
)
def test_a_file_is_told_from_a_name_by_its_ending(name, expected):
    assert is_file(name) is expected


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
    said = describe_error(error_of(lambda: make(1, 2)))
    assert said.startswith("JSONDecodeError: Expecting property name")
    assert said.endswith(" (helper.py:5)")  # neither the library that raised it, nor the file that called the helper


def test_an_installed_plugins_error_is_told_with_its_line_as_well(folder):
    distribution(folder, "author", {"cell": "author_cells:Cell"})
    write(folder / "author_cells.py", "class Cell:\n    def __init__(self):\n        raise KeyError('weights')\n")
    cell = registry.find("architecture", "cell").load()
    assert describe_error(error_of(cell)) == "KeyError: 'weights' (author_cells.py:3)"


def test_an_error_outside_of_any_plugin_has_no_place():
    assert describe_error(error_of(lambda: int("x"))) == "ValueError: invalid literal for int() with base 10: 'x'"
    assert describe_error(error_of(sys.exit)) == "the plugin called sys.exit(None)"
