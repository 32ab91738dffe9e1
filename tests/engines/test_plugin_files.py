"""Loose files on other machines: packed with their helpers, written where they are missing, checked for other code."""

import os

import pytest

from harness.discovery import registry, source
from harness.discovery.compose import refuse_other_code
from harness.engines import plugin_files
from harness.errors import HarnessError

CELL = """
import torch
from torch import nn

import parcel_helper
from parcel_package.inner import SIZE


class Cell(nn.RNN):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size + SIZE + parcel_helper.SIZE, batch_first=True)
"""


@pytest.fixture
def cell(folder, monkeypatch):
    """A loose file with a module and a package beside it, on a machine whose temporary folder is empty."""
    (folder / "research" / "parcel_package").mkdir(parents=True)
    (folder / "research" / "cell.py").write_text(CELL)
    (folder / "research" / "unrelated.py").write_text("")
    for helper in ("parcel_helper", "parcel_package/__init__", "parcel_package/inner"):
        (folder / "research" / f"{helper}.py").write_text("SIZE = 1")
    (folder / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder / "temporary"))
    return folder / "research" / "cell.py"


def test_a_file_travels_with_the_helpers_that_it_imports_and_no_others(small, cell):
    packed = plugin_files.pack(small(architecture=f"deep:{cell}:Cell", task="copy"))
    assert list(packed) == [f"{cell}:Cell"]
    files = packed[f"{cell}:Cell"].files
    assert set(files) == {"cell.py", "parcel_helper.py", "parcel_package/__init__.py", "parcel_package/inner.py"}
    assert files["cell.py"] == CELL.encode()


def test_where_the_files_are_they_are_used_as_they_lie(small, cell, folder):
    spec = small(architecture=f"deep:{cell}:Cell", task="copy")
    assert plugin_files.unpack(spec, plugin_files.pack(spec)) == spec
    assert not any((folder / "temporary").iterdir())


@pytest.mark.parametrize("change", [os.remove, lambda path: path.write_text("SIZE = 2")], ids=["missing", "changed"])
def test_where_one_of_the_files_is_not_there_they_are_written_once(small, cell, folder, change):
    spec = small(architecture=f"deep:{cell}:Cell", task=str(cell))
    parcels = plugin_files.pack(spec)
    change(cell.parent / "parcel_helper.py")
    there = plugin_files.unpack(spec, parcels)
    assert there.task.startswith(str(folder / "temporary"))
    assert there.architecture == f"deep:{there.task}:Cell"
    assert there.identity == spec.identity
    written = {path: path.stat().st_mtime_ns for path in (folder / "temporary").rglob("*.py")}
    assert len(written) == 4
    assert plugin_files.unpack(spec, parcels) == there
    assert {path: path.stat().st_mtime_ns for path in (folder / "temporary").rglob("*.py")} == written


def test_code_is_the_same_where_it_was_written(small, cell):
    code = registry.find("architecture", str(cell)).fingerprint()
    spec = small(architecture=f"{cell}:Cell", architecture_code=code)
    parcels = plugin_files.pack(spec)
    (cell.parent / "parcel_helper.py").unlink()
    source.fingerprint.cache_clear()
    refuse_other_code(plugin_files.unpack(spec, parcels))


def test_code_is_not_loaded_from_a_folder_that_others_can_write_to(small, cell, folder):
    spec = small(architecture=str(cell))
    parcels = plugin_files.pack(spec)
    cell.unlink()
    own = folder / "temporary" / f"harness-plugins-{os.getuid()}"
    own.mkdir()
    own.chmod(0o777)
    with pytest.raises(HarnessError, match="open to others"):
        plugin_files.unpack(spec, parcels)
