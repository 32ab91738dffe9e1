"""`harness`: finds the verb, calls it, turns what went wrong into one to three lines and an exit code."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

import argcomplete

from harness.cli import completion, dashboard, describe, run
from harness.cli import list as list_verb
from harness.cli.parse import Parser
from harness.errors import HarnessError

_EPILOG = """examples:
  harness run --arch lstm --task copy
  harness run --arch rnn,lstm,gru --task adding --length 20,50,100 --seeds 3
  harness list
  harness describe lstm
  harness dashboard

exit codes: 0 all well; 1 a run failed, its record and all others are kept; 2 wrong usage; 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    argcomplete.autocomplete(parser)
    try:
        arguments_parsed = parser.parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's way of pressing Ctrl-C
    try:
        return int(arguments_parsed.call(arguments_parsed))
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nharness: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="harness",
        description="Which recurrent architecture remembers longer, and how sure are we?",
        epilog=_EPILOG,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="verb", required=True, parser_class=Parser)
    for verb in (run, list_verb, describe, dashboard, completion):
        verb.add(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
