"""Plugins whose import harms the process: one line says what they did, and the other architectures run."""

import contextlib
import json
import os
import sys
from pathlib import Path

import pytest

from harness.discovery import time_limit

TINY = "--task copy --length 2 --steps 3 --batch 4 --validation-sequences 8 --test-sequences 8 --jobs 1"
GOOD = """
from torch import nn


class Good(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]


"""

LETHAL = {
    "os_exit": ("import os\nos._exit(3)", "its process ended with exit code 3"),
    "sys_exit": ("import sys\nsys.exit(4)", "SystemExit: 4"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "base_error": ("class Mine(BaseException): ...\nraise Mine('no luck')", "Mine: no luck"),
    "crashes": ("import ctypes\nctypes.string_at(0)", "its process was killed by SIGSEGV at crashes.py:"),
    "endless": ("while True: pass", "it took longer than 3 s at endless.py:"),
    "lacks": ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it' (lacks.py:"),
    "fails": ("1 / 0", "ZeroDivisionError: division by zero (fails.py:"),
    "no_python": ("class Cell(:", "SyntaxError: "),
    "closes": ("import os\nos.close(1)\nos.close(2)", "it closed the standard output of its process"),
}


@pytest.fixture
def lethal(here, monkeypatch):
    """The names of all lethal files."""
    monkeypatch.setattr(time_limit, "SECONDS", 3.0)
    for name, (source, _) in LETHAL.items():
        (here / f"{name}.py").write_text(GOOD + source + "\n")
    return [f"./{name}.py" for name in LETHAL]


def test_each_is_left_out_with_a_line_and_the_others_run(lethal, harness):
    said = harness(f"run --arch rnn {' '.join(lethal)} {TINY} --json")
    assert [record["spec"]["label"] for record in json.loads(said.out)] == ["rnn"]
    assert [record["status"] for record in json.loads(said.out)] == ["ok"]
    lines = [line for line in said.err.splitlines() if line.startswith("harness: left out: ")]
    assert len(lines) == len(LETHAL)
    for (name, (_, reason)), line in zip(LETHAL.items(), lines, strict=True):
        assert line.startswith(f"harness: left out: architecture {name!r} ")
        assert " cannot be imported: " in line
        assert reason in line
    assert said.code == 1


def test_where_nothing_is_left_it_is_refused(lethal, harness):
    said = harness(f"run --arch ./os_exit.py {TINY}")
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("harness: architecture 'os_exit' cannot be imported: its process ended with exit code 3\n")


@pytest.mark.parametrize("names", ["rnn ./cell.py:Goood", "rnn,rnnn", "rnn deep:rnnn", "rnn ./two.py"])
def test_a_wrong_name_among_others_is_refused_and_nothing_runs(names, here, harness):
    (here / "cell.py").write_text(GOOD)
    (here / "two.py").write_text(GOOD + GOOD.replace("class Good", "class Other"))
    said = harness(f"run --arch {names} {TINY}")
    assert (said.code, said.out) == (2, "")
    assert "left out" not in said.err


def test_an_import_that_fails_alone_or_of_a_task_is_refused(here, harness):
    (here / "fails.py").write_text("1 / 0\n")
    alone = harness(f"run --arch ./fails.py {TINY}")
    assert (alone.code, alone.out) == (2, "")
    assert "cannot be imported: ZeroDivisionError: division by zero (fails.py:1)" in alone.err
    task = harness("run --arch rnn --task ./fails.py --length 2 --steps 3")
    assert (task.code, task.out) == (2, "")
    assert "task 'fails'" in task.err


def test_an_error_that_cannot_be_told_is_one_line(here, harness):
    (here / "mute.py").write_text(
        "class Mute(Exception):\n    def __str__(self):\n        raise RuntimeError\n\n\nraise Mute\n"
    )
    said = harness(f"run --arch ./mute.py {TINY}")
    assert said.code == 2
    assert "its message cannot be shown" in said.err.splitlines()[-1]
    assert "Traceback" not in said.err


def test_a_plugin_that_goes_elsewhere_or_deletes_itself_at_import_is_run(here, harness):
    (here / "sub").mkdir()
    (here / "sub" / "goes.py").write_text(GOOD + "import os\nos.chdir(os.path.dirname(__file__))\n")
    said = harness(f"run --arch ./sub/goes.py {TINY} --json")
    assert [record["status"] for record in json.loads(said.out)] == ["ok"]


def test_no_command_waits_for_a_thread_that_never_ends(here, python):
    (here / "threads.py").write_text(
        GOOD + "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n"
    )
    done = python("-m", "harness.cli.main", "describe", "./threads.py", cwd=here)
    assert done.stdout.startswith("architecture")


LEAVES_CHILDREN = """
import multiprocessing, subprocess, time
from torch import nn


class Cell(nn.RNN):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, batch_first=True)
        subprocess.Popen(["sleep", "{mark}"])
        multiprocessing.get_context("fork").Process(target=subprocess.run, args=(["sleep", "{mark}"],)).start()
"""


def test_no_child_that_a_plugin_starts_outlives_its_command(here, start):
    mark = str(1_000_000 + os.getpid())  # seconds: no other process sleeps for as long
    (here / "cell.py").write_text(LEAVES_CHILDREN.format(mark=mark))
    assert start(f"run --arch ./cell.py {TINY}").end().code == 0
    asleep = [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark in _read(path)]
    assert asleep == []


def _read(path):
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


def test_sampling_that_never_ends_is_told(here, harness, monkeypatch):
    monkeypatch.setattr(time_limit, "SECONDS", 2.0)
    (here / "endless.py").write_text(
        "from harness import Classes, Task, Tokens\n\n\nclass Endless(Task):\n"
        "    inputs, targets = Tokens(3), Classes(2)\n"
        "\n    def sample(self, generator, batch_size, length):\n        while True:\n            pass\n"
        "\n    def chance(self, length):\n        return 0.5\n"
    )
    said = harness("run --arch gru --task ./endless.py --length 4 --steps 3")
    assert said.code == 2
    assert "Sampling Endless at length 4 took longer than 2 s (endless.py:" in said.err.replace(
        "endless at", "Endless at"
    )


def test_more_jobs_than_memory_are_refused_before_the_first_run(harness, here, monkeypatch):
    monkeypatch.setattr("harness.process.cgroup.memory_limit", lambda: 4 * 2**30)
    said = harness(f"run --arch rnn {TINY.replace('--jobs 1', '--jobs 80')}")
    assert (said.code, said.out) == (2, "")
    assert "--jobs 80 leaves 46 MiB of memory for each run, which takes at least 512 MiB: --jobs 7 at most." in said.err


@pytest.mark.skipif(sys.platform != "linux", reason="sockets have other limits elsewhere")
def test_a_long_temporary_folder_and_strict_warnings_do_not_end_a_command(start, here, monkeypatch):
    folder = here / ("t" * 90)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    running = start(f"run --arch rnn {TINY} --json")
    said = running.end()
    assert said.code == 0, said.err
    assert "warnings as errors are ignored" in said.err
    assert [record["status"] for record in json.loads(said.out)] == ["ok"]
    assert not running.left_behind()
