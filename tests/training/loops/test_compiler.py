"""The machine's compiler and the cache of what it made."""

import pytest
import torch

from harness.training.loops import compiler
from harness.training.loops.cells import CompiledLoop
from harness.training.loops.compiler import cache_folder, find_compiler, library
from harness.training.loops.trace import CannotCompileError
from tests.training.loops.cells import Leaky

TEXT = '#include "kernels.h"\nint answer(void) { return %d; }\n'


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def wanted(monkeypatch):
    """Sets the variable that names the compiler."""

    def want(name):
        find_compiler.cache_clear()
        monkeypatch.setenv("CC", name)

    yield want
    find_compiler.cache_clear()


def test_a_file_is_compiled_once(empty_cache, monkeypatch):
    assert library(TEXT % 1).answer() == 1
    monkeypatch.setattr(compiler, "_compile", lambda *_: pytest.fail("compiled again"))
    assert library(TEXT % 1).answer() == 1


def test_another_file_is_another_library(empty_cache):
    assert (library(TEXT % 1).answer(), library(TEXT % 2).answer()) == (1, 2)
    assert len(list(cache_folder().iterdir())) == 2  # nothing else is left there


def why():
    """Why a cell is unrolled, in spite of which it is computed."""
    cell, x = Leaky(3, 4), torch.randn(2, 3, 3)
    loop = CompiledLoop(cell)
    out, _ = loop(x, cell.initial_state(x), None)
    assert torch.equal(out, cell.unroll(x, cell.initial_state(x), None)[0])
    return loop.why


def test_without_a_compiler_the_cell_is_unrolled(empty_cache, wanted):
    wanted("no-such-compiler")
    assert why() == "there is no C compiler here (no-such-compiler)"


def test_a_compiler_that_fails_is_named(empty_cache, wanted, tmp_path):
    script = tmp_path / "broken"
    script.write_text("#!/bin/sh\necho 'error: out of ideas' >&2\nexit 1\n")
    script.chmod(0o755)
    wanted(str(script))
    assert why() == f"{script} fails: error: out of ideas"


def test_a_cache_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert why() == f"{blocked}/rnn-harness/loops cannot be used: Not a directory"


def test_an_error_of_c_is_reported(empty_cache):
    with pytest.raises(CannotCompileError, match="fails: "):
        library("this is not C")
