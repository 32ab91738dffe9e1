"""Compiles a C file with the machine's own compiler, once: the library is kept in the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from harness.training.loops.trace import CannotCompileError

FLAGS: Final = (
    *("-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fPIC", "-shared"),
    *("-march=native", "-mtune=generic"),  # tuned for its own processor GCC 12 made products a quarter slower (znver3)
)
"""As the built-in loops are compiled. Never -ffast-math: its start-up code would flush denormals for the process."""
HEADER: Final = Path(__file__).with_name("kernels.h")
_SECONDS: Final = 120


def library(text: str) -> ctypes.CDLL:
    """The library of a C file, compiled if the cache has none; raises CannotCompileError."""
    compiler = find_compiler()
    digest = hashlib.sha256(
        "\0".join([text, HEADER.read_text(), *FLAGS, compiler, version(compiler), _processor()]).encode()
    )
    file = cache_folder() / f"{digest.hexdigest()[:32]}.so"
    try:
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            _compile(compiler, text, file)
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise CannotCompileError(f"{file.parent} cannot be used: {error.strerror or error}") from error


def cache_folder() -> Path:
    """Where compiled loops are kept, as the XDG base directory specification has it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rnn-harness" / "loops"


@cache
def find_compiler() -> str:
    """The C compiler: that of the environment variable CC, or gcc."""
    wanted = os.environ.get("CC", "gcc").split()[0]
    found = shutil.which(wanted)
    if found is None:
        raise CannotCompileError(f"there is no C compiler here ({wanted})")
    return found


@cache
def version(compiler: str) -> str:
    """The first line of what `--version` prints: 'gcc (Debian 12.2.0-14) 12.2.0'."""
    try:
        told = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotCompileError(f"{compiler} does not run: {error}") from error
    return told.stdout.partition("\n")[0]


def _compile(compiler: str, text: str, file: Path) -> None:
    """Written beside its place first: several processes may be at it."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        source, made = Path(folder) / "loop.c", Path(folder) / "loop.so"
        source.write_text(text)
        command = [compiler, *FLAGS, f"-I{HEADER.parent}", str(source), "-o", str(made), "-lm"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise CannotCompileError(f"{compiler} takes longer than {_SECONDS} s") from error
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[-200:])
            raise CannotCompileError(f"{compiler} fails: {said.strip()}")
        made.replace(file)


@cache
def _processor() -> str:
    """What -march=native depends on: a cache folder may be shared by machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return "\n".join(dict.fromkeys(told)) or platform.machine()
