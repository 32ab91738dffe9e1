"""Source is found, read and fingerprinted without importing it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.discovery import registry, source
from harness.discovery.options import options_of
from harness.discovery.source import constructor_arguments


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def loose(path: Path) -> str:
    """The fingerprint of a loose file as it is now."""
    source.fingerprint.cache_clear()
    return source.fingerprint(path.stem, path, loose=True)


def packaged(module: str) -> str:
    """The fingerprint of a module that can be imported, as it is now."""
    source.fingerprint.cache_clear()
    path = source.locate(module)
    assert path is not None
    return source.fingerprint(module, path)


@pytest.fixture
def package(folder: Path) -> Path:
    """A package on the path whose import would fail."""
    write(folder / "stranger" / "__init__.py", "raise RuntimeError('imported')")
    write(folder / "stranger" / "cell.py", "from .helper import K")
    write(folder / "stranger" / "helper.py", "from stranger import constants\nK = constants.K")
    write(folder / "stranger" / "constants.py", "K = 1")
    write(folder / "stranger" / "unrelated.py", "U = 1")
    sys.path.insert(0, str(folder))
    return folder / "stranger"


# Finding and reading


def test_a_module_is_located_without_importing_its_package(package):
    assert source.locate("stranger.cell") == package / "cell.py"
    assert source.locate("stranger") == package / "__init__.py"
    assert "stranger" not in sys.modules


@pytest.mark.parametrize("module", ["not_there", "stranger.not_there", "not_there.at_all", "sys", "torch._C"])
def test_what_has_no_source_is_not_located(package, module):
    assert source.locate(module) is None


@pytest.mark.parametrize("module", ["harness.plugins.lstm", "harness.tasks.copy"])
def test_modules_of_the_wings_are_located(module):
    located = source.locate(module)
    assert located is not None
    assert located.parts[-2:] == tuple(f"{module}.py".removeprefix("harness.").split(".", 1))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('"""One line."""', "One line."),
        ('# a comment\n"""First.\n\nMore."""', "First."),
        ("x = 1", ""),
        ("", ""),
        ("'''  '''", ""),
        ('"""\nBelow the quotes.\n"""', "Below the quotes."),
    ],
)
def test_the_first_line_of_a_docstring_is_read_from_the_file(tmp_path, text, line):
    assert source.first_line(write(tmp_path / "module.py", text)) == line


def test_the_first_line_of_what_is_not_python_is_a_syntax_error(tmp_path):
    with pytest.raises(SyntaxError):
        source.first_line(write(tmp_path / "module.py", "def (:"))


# Fingerprints


@pytest.mark.parametrize(
    "statement",
    ["import helper", "from helper import K", "def late():\n    import helper", "if True:\n    import helper as h"],
)
def test_the_fingerprint_changes_when_an_imported_file_beside_it_changes(folder, statement):
    cell = write(folder / "cell.py", statement)
    write(folder / "helper.py", "K = 1")
    before = loose(cell)
    write(folder / "helper.py", "K = 2")
    assert loose(cell) != before


def test_comments_docstrings_and_layout_are_no_part_of_the_fingerprint(folder):
    cell = write(folder / "cell.py", "def f(x):\n    return x + 1")
    before = loose(cell)
    write(
        folder / "cell.py",
        '"""A module."""\n\n\ndef f(x):  # a comment\n    """Adds."""\n    return (x\n            + 1)\n',
    )
    assert loose(cell) == before


def test_the_fingerprint_changes_when_the_file_itself_changes(folder):
    before = loose(write(folder / "cell.py", "K = 1"))
    assert loose(write(folder / "cell.py", "K = 2")) != before


def test_the_fingerprint_follows_imports_of_imports_and_packages_beside(folder):
    cell = write(folder / "cell.py", "from parts import layer")
    write(folder / "parts" / "__init__.py", "")
    write(folder / "parts" / "layer.py", "import constants")
    write(folder / "constants.py", "K = 1")
    before = loose(cell)
    write(folder / "constants.py", "K = 2")
    after = loose(cell)
    assert after != before
    write(folder / "parts" / "__init__.py", "K = 3")
    assert loose(cell) not in (before, after)


def test_the_fingerprint_does_not_change_with_a_file_that_is_not_imported(folder):
    cell = write(folder / "cell.py", "import math")
    before = loose(cell)
    write(folder / "unrelated.py", "K = 1")
    write(folder / "math.py", "K = 1")  # hidden by the standard library's
    assert loose(cell) == before


def test_the_fingerprint_of_a_file_in_a_package_folder_sees_what_lies_beside_it(folder):
    write(folder / "__init__.py", "")
    cell = write(folder / "cell.py", "import helper")
    before = loose(cell)
    write(folder / "helper.py", "K = 1")
    assert loose(cell) != before


def test_the_fingerprint_is_the_same_wherever_the_files_lie(folder):
    cells = [write(folder / place / "cell.py", "import helper") for place in ("here", "there")]
    for cell in cells:
        write(cell.parent / "helper.py", "K = 1")
    assert loose(cells[0]) == loose(cells[1])


def test_files_that_import_each_other_have_a_fingerprint(folder):
    cell = write(folder / "cell.py", "import helper")
    write(folder / "helper.py", "import cell")
    assert len(loose(cell)) == 16


def test_the_fingerprint_of_an_installed_plugin_covers_what_it_imports_from_its_own_package(package):
    before = packaged("stranger.cell")
    write(package / "unrelated.py", "U = 2")
    assert packaged("stranger.cell") == before
    write(package / "constants.py", "K = 2")
    assert packaged("stranger.cell") != before


def test_the_fingerprint_of_an_installed_module_leaves_its_neighbours_in_site_packages_out(folder):
    sys.path.insert(0, str(folder))
    write(folder / "single.py", "import torch_like")
    write(folder / "torch_like" / "__init__.py", "import torch_like.more")
    before = packaged("single")
    write(folder / "torch_like" / "__init__.py", "K = 2")
    assert packaged("single") == before


def test_the_fingerprint_of_our_own_plugin_covers_what_it_shares_with_others():
    path = source.locate("harness.plugins.lstm")
    assert path is not None
    own = source.own_modules("harness.plugins.lstm", path)
    assert {"harness.plugins.lstm", "harness.plugins._fused", "harness.architecture"} <= set(own)
    assert not {"harness.plugins.gru", "harness.run", "harness.training.train"} & set(own)


@pytest.mark.parametrize("kind", ["architecture", "task"])
def test_the_options_of_all_built_in_plugins_are_told_by_their_source_alone(kind):
    for plugin in registry.plugins(kind):
        given = {"input_size", "hidden_size", "make", "max_length"}
        assert plugin.arguments() is not None, plugin.name
        assert set(options_of(plugin.load())) - given <= plugin.arguments(), plugin.name


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("class A:\n def __init__(self, a, *, b=1): ...", {"self", "a", "b"}),
        ("class A:\n def __init__(self, a): ...\nclass B(A): ...", {"self", "a"}),
        ("def A(a, /, b): ...", {"a", "b"}),
        ("class A(Elsewhere): ...", None),
        ("class A(torch.nn.GRU): ...", None),
        ("class A:\n def __init__(self, a, **more): ...", None),
        ("@dataclass\nclass A:\n a: int", None),
        ("A = make()", None),
    ],
)
def test_arguments_are_told_only_where_the_source_does(text, arguments, tmp_path):
    (tmp_path / "plugin.py").write_text(text)
    assert constructor_arguments(tmp_path / "plugin.py", "B" if "class B" in text else "A") == arguments
