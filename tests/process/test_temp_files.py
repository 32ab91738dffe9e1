"""Temporary files of commands that were killed: the next command removes them, and nothing else."""

import os
import subprocess
import sys
import tempfile

import pytest

from harness.process.temp_files import remove_leftovers, temp_prefix


@pytest.fixture
def temp(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def ended():
    """The number of a process that has ended."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True).stdout)


def test_what_a_killed_command_left_is_removed_and_what_is_in_use_or_anothers_stays(temp, ended):
    (temp / f"harness-worker-{ended}-a.log").write_text("x")
    (temp / f"harness-bench-{ended}-b").mkdir()
    (temp / f"harness-bench-{ended}-b" / "file").write_text("x")
    target = temp / "precious"
    target.mkdir()
    (temp / f"harness-attach-{ended}-link").symlink_to(target)
    stay = {f"{temp_prefix('worker')}c.log", "harness-plugins-0", f"other-{ended}-d", f"harness-{ended}", "precious"}
    for name in stay - {"precious"}:
        (temp / name).write_text("x")
    assert remove_leftovers() == 3
    assert {path.name for path in temp.iterdir()} == stay


def test_a_folder_for_temporary_files_that_is_gone_breaks_nothing(temp):
    temp.rmdir()
    assert remove_leftovers() == 0


def test_the_prefix_names_this_process():
    assert temp_prefix("worker") == f"harness-worker-{os.getpid()}-"
