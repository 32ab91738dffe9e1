"""A connection to a Ray cluster: one that is there, by its address, or one of our own on loopback."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import HarnessError, UsageError, one_line

_SECONDS_TO_ANSWER = 12.0  # Ray itself tries for minutes, and tells nobody meanwhile
_OBJECT_STORE = 100 * 2**20  # bytes: records are small; Ray's default is a third of the memory
_PROBE = """
import sys, ray
try:
    ray.init(sys.argv[1], logging_level="ERROR", log_to_driver=False)
except Exception as error:
    sys.exit(" ".join(str(error).split()))
"""


@contextmanager
def connected(address: str | None = None, cpus: int | None = None) -> Iterator[None]:
    """Connects for a while to `address` ('auto' or HOST:PORT), or to a cluster of `cpus` cores that ends with it.

    Raises HarnessError where nothing answers. A program that is connected already stays so, and is left so.
    """
    _settle(local=address is None)
    import ray

    if ray.is_initialized():
        yield
        return
    if address:
        _refuse_unless_it_answers(address)
    try:
        ray.init(**_place(address, cpus), log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise HarnessError(f"Ray cannot be started: {one_line(error)}") from error
    with contextlib.suppress(AttributeError):  # not public, but there is no other switch: Ray prints a paragraph for
        ray._private.worker._worker_logs_enabled = False  # every process that dies, and the record says so already
    try:
        yield
    finally:
        ray.shutdown()


def _place(address: str | None, cpus: int | None) -> dict[str, Any]:
    if address:
        return {"address": address}
    from harness.training.device import cores

    size = {"num_cpus": cpus or cores(), "object_store_memory": _OBJECT_STORE}
    return {"address": "local", "include_dashboard": False, **size}


def _settle(local: bool) -> None:
    """What Ray reads from the environment when it is first imported."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError("--engine ray needs Ray, which is not installed: pip install 'rnn-harness[ray]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if local:
        # An open Ray port is remote code execution. Ray takes the machine's own address even where it is given
        # 127.0.0.1, unless told that clusters are off, which is its default on macOS and Windows only.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")


def _refuse_unless_it_answers(address: str) -> None:
    """Tries the address in a process that can be ended: Ray's own attempt cannot be."""
    command = [sys.executable, "-c", _PROBE, address]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER)
    except subprocess.TimeoutExpired:
        raise HarnessError(f"No Ray cluster answers at {address} (waited {_SECONDS_TO_ANSWER:g} s).") from None
    if tried.returncode:
        said = tried.stderr.strip().splitlines() or [f"it ended with code {tried.returncode}"]
        raise HarnessError(f"No connection to a Ray cluster at {address}: {said[-1]}")
