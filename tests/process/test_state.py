"""What foreign code sets in a process is put back, and said."""

import sys
from pathlib import Path

import pytest
import torch

from harness.process.state import preserve_state

sys.path.append(str(Path(__file__).parents[1] / "third_party"))
from leaks import LASTING


def commit(action):
    exec(compile(f"if True:\n    if True:\n        {action}", "leak", "exec"), {"torch": torch})


@pytest.mark.parametrize("name", LASTING)
def test_a_change_is_put_back_and_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with preserve_state() as changes:
        commit(LASTING[name])
    assert any(change.startswith(name.removesuffix(" bfloat16")) for change in changes)
    with preserve_state() as again:
        pass
    assert again == []
    with preserve_state() as changes:  # the same change is one again, so it had been put back
        commit(LASTING[name])
    assert changes


def test_a_block_outside_hears_of_what_was_put_back_inside():
    with preserve_state() as outer:
        with preserve_state() as inner:
            torch.set_default_dtype(torch.float64)
        assert torch.get_default_dtype() == torch.float32
    assert inner == outer == ["default dtype: torch.float32, changed to torch.float64"]


def test_it_is_put_back_after_an_error_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no luck"), preserve_state():
        commit("import os; os.chdir('/'); raise ValueError('no luck')")
    assert Path.cwd() == tmp_path
