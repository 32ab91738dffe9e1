"""`harness completion`: shell code that completes verbs, flags, architectures and tasks."""

from __future__ import annotations

import argparse
from typing import Any

from argcomplete.shell_integration import shellcode


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "completion",
        help="print code for shell completion",
        description="Prints shell code that completes verbs, flags, architectures and tasks.",
        epilog='examples:\n  eval "$(harness completion bash)"     # in ~/.bashrc\n  harness completion fish | source',
    )
    parser.add_argument("shell", choices=["bash", "zsh", "fish", "powershell"])
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    print(shellcode(["harness"], shell=arguments.shell))
    return 0
