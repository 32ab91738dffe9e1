"""`harness`: finds the verb, calls it, and turns an error into one to three lines and an exit code."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import atexit
import errno
import gc
import os
import shlex
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from importlib.metadata import version

import argcomplete

from harness.cli import (
    bench,
    check,
    compare,
    completion,
    dashboard,
    describe,
    inspect,
    new,
    report,
    retry,
    run,
    runs,
    sample,
    show,
    status,
    study,
    sweeps,
    tune,
)
from harness.cli import list as list_verb
from harness.cli._parse import Parser
from harness.errors import HarnessError, NoRecordsError, StoreError
from harness.names import shown
from harness.process import gc_tuning, interrupt
from harness.process.cache import kept_beside
from harness.tracking import light
from harness.tracking.address import resolve_uri, sqlite_path

VERBS = (
    run,
    tune,
    study,
    status,
    sweeps,
    runs,
    show,
    sample,
    retry,
    inspect,
    report,
    compare,
    bench,
    list_verb,
    describe,
    check,
    new,
    dashboard,
    completion,
)  # as the help lists them
_READING = ("runs", "show", "status", "sweeps")  # verbs that import no plugin, and need no pandas
_SECONDS_FOR_THREADS = 1.0  # that a thread may take to end when the command has ended
_EPILOG = """examples:
  harness run --arch lstm --task copy
  harness run --arch rnn,lstm,gru --task adding --length 20,50,100 --seeds 7
  harness list
  harness describe lstm
  harness dashboard

exit codes: 0 success; 1 a run failed, and all records are kept;
2 wrong usage; 3 with --fail-on: something is worse; 130 interrupted
"""


def command() -> int:
    """The entry point of the command `harness`."""
    gc_tuning.defer_collection()
    _ignore_strict_warnings()
    # Python processes started from here, a plugin's own too, do not take a file of the working folder for a module.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    try:
        code = main(own_process=True)
    finally:
        gc.freeze()  # saves the collection of all objects when Python exits
    _leave_threads(code)
    return code


def _ignore_strict_warnings() -> None:
    """Undoes PYTHONWARNINGS=error, also for processes started from here: libraries warn in their own imports."""
    if any(option.startswith("error") for option in sys.warnoptions):
        warnings.resetwarnings()
        os.environ.pop("PYTHONWARNINGS", None)
        print("harness: warnings as errors are ignored: the libraries warn when they are imported", file=sys.stderr)


def _leave_threads(code: int) -> None:
    """Ends the process where a plugin has left a thread running, for which Python would wait without end."""
    deadline = time.monotonic() + _SECONDS_FOR_THREADS
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                atexit._run_exitfuncs()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)


def main(arguments: Sequence[str] | None = None, own_process: bool = False) -> int:
    """Calls the verb; its exit code. `own_process`: nothing but this command runs in this process."""
    parser = _parser()
    argcomplete.autocomplete(parser)
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    if parsed.verb is None:
        parser.print_help(sys.stderr)
        return 2
    parsed.typed = shlex.join(["harness", *(sys.argv[1:] if arguments is None else arguments)])
    store = sqlite_path(resolve_uri(getattr(parsed, "tracking_uri", None)))
    with interrupt.exit_at_once(), kept_beside(store):
        parsed.own_process = own_process
        if own_process and parsed.verb in _READING:
            light.import_mlflow()
        return _call(parsed)


def _call(parsed: argparse.Namespace) -> int:
    try:
        code = int(parsed.call(parsed))
        sys.stdout.flush()
    except HarnessError as error:
        print("harness:", shown(str(error)), file=sys.stderr)
        return 1 if isinstance(error, (NoRecordsError, StoreError)) else 2
    except BrokenPipeError:  # the reader of standard output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the rest of the output
        return 0
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        print("harness:", shown(f"{error.filename} is no path of a file: {error.strerror}."), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nharness: interrupted", file=sys.stderr)
        return interrupt.EXIT_CODE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="harness",
        description="Which recurrent architecture remembers longer, and how sure are we?",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"harness {version('rnn-harness')}")
    verbs = parser.add_subparsers(dest="verb", metavar="verb", parser_class=Parser)
    for verb in VERBS:
        verb.add(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(command())
