"""Counts in sentences."""

import re
from pathlib import Path

import pytest

from harness.analysis.wording import counted, runs_are

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("number", "said"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1200, "1,200 runs")])
def test_a_noun_agrees_with_its_number(number, said):
    assert counted(number, "run") == said


@pytest.mark.parametrize(
    ("number", "total", "past", "said"),
    [
        (1, None, False, "1 run is"),
        (2, None, False, "2 runs are"),
        (1, 12, False, "1 of 12 runs is"),
        (3, 12, False, "3 of 12 runs are"),
        (1, 1, True, "1 of 1 run was"),
        (2, 12, True, "2 of 12 runs were"),
    ],
)
def test_a_verb_agrees_with_the_number_of_runs(number, total, past, said):
    assert runs_are(number, total, past=past) == said


def test_no_message_writes_the_verb_of_counted_runs_by_itself():
    """'{missing} runs are missing' is wrong for one run: `runs_are` has the verb."""
    by_hand = re.compile(r"\} runs (?:of \{[^}]*\} )?(?:is|are|was|were)\b")
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for folder in ("harness", "reports", "plugins", "tasks")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in {".py", ".html"}
        for line in file.read_text(encoding="utf-8").splitlines()
        if by_hand.search(line)
    ]
    assert found == []
