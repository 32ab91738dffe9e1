"""`harness dashboard`: serves MLflow's page for the store, opened on accuracy against length."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from typing import Any

from harness.cli._flags import add_store
from harness.errors import HarnessError
from harness.process import interrupt
from harness.sweeps.arguments import completes, whole


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "dashboard",
        help="serve MLflow's page with the records",
        description="Serves MLflow's page with the records, on this machine only, until Ctrl-C. harness report writes "
        "a page that needs no server.",
        epilog="examples:\n  harness dashboard --open\n  harness dashboard --task copy --tracking-uri sqlite:///other.db",
    )
    completes(
        parser.add_argument("--task", metavar="NAME", help="task to open (default: that of the newest record)"), "task"
    )
    add_store(parser)
    parser.add_argument("--port", type=whole(1, 65535), default=0, metavar="N", help="port (default: a free one)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    from harness.tracking import dashboard
    from harness.tracking.store import existing

    store = existing(arguments.tracking_uri)
    print("starting MLflow's page, about 15 seconds ...", file=sys.stderr, flush=True)
    experiment = store.newest_experiment(arguments.task)
    interrupt.raise_as_exception()
    with dashboard.serving(store.uri, arguments.port) as (server, process):
        address = dashboard.address(server, experiment)
        print(address, flush=True)
        print("Ctrl-C ends it.", file=sys.stderr)
        if arguments.open:
            webbrowser.open(address)
        try:
            process.wait()
            raise HarnessError(f"MLflow's server ended by itself with code {process.returncode}.")
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
    return 0
