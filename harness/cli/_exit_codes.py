"""Exit codes that verbs share, beside 0 (success), 1 (something failed) and 2 (wrong usage)."""

from __future__ import annotations

from harness.process import interrupt

REGRESSION = 3  # with --fail-on: a score or a time became worse
INTERRUPTED = interrupt.EXIT_CODE
