"""The fork server: one process that has imported torch and Lightning, from which others are forked in a moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker, util

from harness.process.parent_death import DRIVER_PID
from harness.process.temp_files import remove_leftovers

_PRELOADED = ["harness.engines.worker"]
_ENDING_WITH_THE_DRIVER = ["harness.engines.preload"]
_LONGEST_FOLDER = 60  # characters: the path of a Unix socket in it may have 107
_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


def start_fork_server() -> None:
    """Starts the fork server where it does not run; it imports torch while the caller does other things."""
    in_main_thread = threading.current_thread() is threading.main_thread()  # another thread may end before the driver
    preloaded = [*(_ENDING_WITH_THE_DRIVER if in_main_thread else []), *_PRELOADED]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preloaded)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when a process first starts threads: ours and the workers'
    _make_socket_folder()
    remove_leftovers()
    # A safe path, or a `random.py` in the working folder would be imported instead of the library's.
    variables = {"PYTHONSAFEPATH": "1", **({DRIVER_PID: str(os.getpid())} if in_main_thread else {})}
    with _environment(variables):
        resource_tracker.ensure_running()  # the fork server would start it, and it would unblock the signal
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: only the driver gets Ctrl-C
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _make_socket_folder() -> None:
    """Makes multiprocessing's folder for sockets, in a place with a short path if TMPDIR is too long for a socket."""
    if len(tempfile.gettempdir()) <= _LONGEST_FOLDER:
        return
    before = tempfile.tempdir
    tempfile.tempdir = next((folder for folder in _SHORT_FOLDERS if os.access(folder, os.W_OK)), before)
    try:
        util.get_temp_dir()  # it is made once a process, and removed when that ends
    finally:
        tempfile.tempdir = before


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
