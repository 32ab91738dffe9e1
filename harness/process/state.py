"""What a process is set to, as far as it changes results: compared before and after foreign code ran, and put back.

A plugin may change any of these, knowingly or by importing a package that does. Everything that runs later in the
process, the same plugin's next run too, would then compute other numbers.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple


class _Setting(NamedTuple):
    """One thing that a process is set to."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


_NOTED: ContextVar[list[str] | None] = ContextVar("noted", default=None)
"""The changes that the innermost `preserve_state` has found so far."""


@contextmanager
def preserve_state() -> Iterator[list[str]]:
    """Puts back what the block changed of the process; yields a list that gets one line for each change in the end.

    Blocks may be nested: the outer one's list gets the changes that the inner one found, too.
    """
    changes: list[str] = []
    outer, token = _NOTED.get(), _NOTED.set(changes)
    before = [(setting, setting.read()) for setting in _settings()]
    try:
        yield changes
    finally:
        _NOTED.reset(token)
        for setting, value in before:
            _put_back(setting, value, changes)
        if outer is not None:
            outer += [change for change in changes if change not in outer]


def _settings() -> Iterator[_Setting]:
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_default_dtype"):  # it may be in the middle of its own import
        yield from _torch_settings(torch)
    yield from _PROCESS_SETTINGS


def _put_back(setting: _Setting, value: Any, changes: list[str]) -> None:
    now = setting.read()
    if now == value:
        return
    setting.write(value)
    plain = isinstance(value, (bool, int, float, str)) or type(value).__module__ == "torch"
    line = f"{setting.name}: {value}, changed to {now}" if plain else f"{setting.name} changed"
    if line not in changes:
        changes.append(line)


def _read_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _change_folder(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.chdir(folder)


_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGCHLD", "SIGUSR1") if hasattr(signal, name)
]


def _read_handlers() -> list[Any]:
    return [signal.getsignal(number) for number in _SIGNALS]


def _write_handlers(handlers: list[Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            if handler is not None:  # None: set by something that is not Python
                signal.signal(number, handler)


def _read_timer() -> bool:
    return signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0)


def _write_timer(runs: bool) -> None:
    if not runs:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _read_rounding() -> int:
    """The rounding mode of floating-point numbers, as C's fenv.h has it; 0 where it cannot be read."""
    return _libm().fegetround() if _libm() else 0


def _write_rounding(mode: int) -> None:
    _libm().fesetround(mode)


@cache
def _libm() -> Any:
    import ctypes  # takes some milliseconds, and `harness list` imports this file

    library = ctypes.CDLL(None) if os.name == "posix" else None
    return library if hasattr(library, "fegetround") else None


def _read_numpy() -> dict[str, str]:
    numpy = sys.modules.get("numpy")
    return numpy.geterr() if numpy else {}


def _write_numpy(state: dict[str, str]) -> None:
    if state:
        sys.modules["numpy"].seterr(**state)


def _read_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _write_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]  # as catch_warnings does


_PROCESS_SETTINGS = (
    _Setting("rounding mode", _read_rounding, _write_rounding),
    _Setting("numpy's error handling", _read_numpy, _write_numpy),
    _Setting("timer", _read_timer, _write_timer),
    _Setting("signal handlers", _read_handlers, _write_handlers),
    _Setting("working folder", _read_folder, _change_folder),
    _Setting("warnings filters", lambda: list(warnings.filters), _write_filters),
    _Setting("file mode mask", _read_umask, os.umask),
    _Setting("garbage collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
)


@cache
def _torch_settings(torch: ModuleType) -> tuple[_Setting, ...]:
    """The default device is first: it is a function mode, too, which must be left as what it is."""
    guards: list[Any] = []
    deterministic = torch.are_deterministic_algorithms_enabled, torch.is_deterministic_algorithms_warn_only_enabled
    modes = torch.overrides._get_current_function_mode_stack
    hooks = [
        table
        for name, table in sorted(vars(torch.nn.modules.module).items())
        if name.startswith("_global_") and hasattr(table, "popitem")
    ]

    def write_device(device: Any) -> None:
        torch.set_default_device(None if device.type == "cpu" else device)

    def end_modes(depth: int) -> None:
        while len(modes()) > depth:
            torch.overrides._pop_mode()

    def set_inference_mode(on: bool) -> None:
        guards.append(torch.inference_mode(on))  # as long as it is kept, the mode holds
        guards[-1].__enter__()

    def read_autocast() -> list[tuple[str, bool, Any]]:
        return [(kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")]

    def write_autocast(state: list[tuple[str, bool, Any]]) -> None:
        for kind, enabled, dtype in state:
            torch.set_autocast_enabled(kind, enabled)
            torch.set_autocast_dtype(kind, dtype)

    def remove_hooks(counts: list[int]) -> None:
        for table, count in zip(hooks, counts, strict=True):
            for key in list(table)[count:]:
                del table[key]

    return (
        _Setting("default device", torch.get_default_device, write_device),
        _Setting("function modes", lambda: len(modes()), end_modes),
        _Setting("default dtype", torch.get_default_dtype, torch.set_default_dtype),
        _Setting("grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
        _Setting("inference mode", torch.is_inference_mode_enabled, set_inference_mode),
        _Setting("autocast", read_autocast, write_autocast),
        _Setting("threads", torch.get_num_threads, torch.set_num_threads),
        _Setting("matmul precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        _Setting("oneDNN", lambda: torch.backends.mkldnn.enabled, torch._C._set_mkldnn_enabled),
        _Setting(
            "deterministic algorithms",
            lambda: [read() for read in deterministic],
            lambda state: torch.use_deterministic_algorithms(state[0], warn_only=state[1]),
        ),
        _Setting("anomaly detection", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        _Setting("global hooks on modules", lambda: [len(table) for table in hooks], remove_hooks),
    )
