"""A constructor that hangs is told of where a person waits for it."""

import signal
import threading
import time

import pytest

from harness.cli.main import main
from harness.discovery import time_limit
from harness.errors import PluginError

HANGS = """
from torch import nn


class Hangs(nn.Module):
    def __init__(self, input_size, hidden_size, *, leak=0.5):
        while True:
            try:
                hidden_size += 1
            except Exception:
                pass
"""


@pytest.fixture
def hangs(folder, monkeypatch):
    (folder / "hangs.py").write_text(HANGS)
    monkeypatch.setattr(time_limit, "SECONDS", 2.0)


@pytest.mark.parametrize("line", ["describe ./hangs.py", "run --arch ./hangs.py --task copy --length 2 --params 5k"])
def test_a_constructor_that_hangs_is_told_with_its_line(line, hangs, capsys):
    assert main(line.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "took longer than 2 s (hangs.py:" in said.err
    assert "Traceback" not in said.err


def test_what_is_in_time_is_not_disturbed_and_the_signal_is_given_back():
    before = signal.getsignal(signal.SIGALRM)
    with time_limit.within(0.05, "nothing"):
        pass
    time.sleep(0.1)
    assert signal.getsignal(signal.SIGALRM) is before


def test_in_a_thread_nothing_is_limited_and_nothing_fails():
    seen = []

    def work():
        with time_limit.within(0.01, "this"):
            time.sleep(0.05)
        seen.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["done"]


def test_an_error_inside_is_passed_on_as_it_is():
    with pytest.raises(KeyError), time_limit.within(1, "this"):
        raise KeyError("x")


def test_the_limit_ends_a_wait_too():
    with pytest.raises(PluginError, match=r"^Waiting took longer than 0.05 s: "), time_limit.within(0.05, "Waiting"):
        time.sleep(10)
