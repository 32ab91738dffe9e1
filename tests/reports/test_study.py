"""Pages of studies: whole in one file, every expectation with its seeds, names as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.discovery import registry
from harness.report import Results, StudyResults
from harness.study_record import Finding, Look, Side, StudyRecord

from ..made_up import as_results, made_up

FINDING = Finding(
    "On copy, the score of lstm is higher than that of <rnn>.",
    "lstm > <rnn>",
    "lstm 0.9, <rnn> 0.2: +0.7 [+0.6, +0.8]",
    "confirmed",
    "p = .031; 5 seeds",
    5,
    "score",
    "{:.2f}",
    (
        Side("lstm", (0, 1, 2, 3, 4), (0.9, 0.8, 0.9, 1.0, 0.9)),
        Side("<rnn>", (0, 1, 2, 3, 4), (0.2, float("inf"), 0.1, 0.2, 0.3)),
    ),
    p=0.031,
)
VALUE = replace(FINDING, says="It is large.", sides=FINDING.sides[:1], bounds=(0.5, None), verdict="undecided")
RECORD = StudyRecord(
    "my-study",
    "Is it <b>so</b>?",
    "published",
    "somebody 1997",
    "0123456789abcdef",
    "partly",
    (FINDING, VALUE),
    printed_is="best of 3",
    deviations=("Adam | not SGD.",),
    seeds=5,
    runs=10,
    cpu_seconds=754.0,
    command="harness study run my-study",
    measured="Measured somewhere.",
    written=1_790_000_000.0,
    looks=(
        Look(1.0, "another", 5, 10, "undecided"),
        Look(2.0, "0123456789abcdef", 5, 10, "partly"),
        Look(3.0, "0123456789abcdef", 8, 16, "partly"),
    ),
)


@pytest.fixture
def write(tmp_path):
    """Writes a report of studies and returns its text."""

    def written(name, *studies):
        (path,) = registry.find("report", name).load()(Results([], studies=studies, report_command="again"), tmp_path)
        return path.read_text(encoding="utf-8")

    return written


def test_the_page_of_a_study_has_everything_and_loads_nothing(write):
    sweep = as_results(made_up(["copy"], ["rnn", "lstm"], [5, 10], seeds=3))
    page = write("study", StudyResults(RECORD, {"": sweep}))
    for text in (
        "my-study: partly",
        "Is it &lt;b&gt;so&lt;/b&gt;?",
        "lstm &gt; &lt;rnn&gt;",
        "Printed numbers are: best of 3.",
        "Adam | not SGD.",
        "The question was recorded on 2026-09-21 14:13 UTC, before its first run.",
        "It was changed after data were there: 1 other wording judged before",
        "The data were looked at 2 times, with 5, 8 seeds",
        "10 runs, 5 seeds, 13 CPU minutes",
        "CPU minutes: the wall time of training, one thread a run",
        "copy: accuracy by length",
        "harness study run my-study",
    ):
        assert text in page
    assert page.count('class="mark"') >= 9 + 5  # seeds of both sides, and of the value
    assert "src=" not in page
    assert "<link" not in page


def test_two_sweeps_of_a_study_share_no_name_within_the_page(write):
    sweep = as_results(made_up(["copy"], ["rnn", "lstm"], [5, 10], seeds=3))
    page = write("study", StudyResults(RECORD, {"first": sweep, "second": sweep}))
    assert page.count('id="sweep-0-accuracy-0"') == page.count('id="sweep-1-accuracy-0"') == 1


def test_an_unfinished_study_says_so_first(write):
    page = write("study", StudyResults(replace(RECORD, missing=3)))
    assert page.index("3 runs are missing") < page.index("Expectations")


def test_the_overview_has_a_row_for_each_study_and_each_expectation(write):
    other = replace(RECORD, name="other", verdict="reproduced", findings=(FINDING,))
    page = write("studies", StudyResults(RECORD), StudyResults(other))
    assert "2 studies: 1 reproduced, 1 partly; 25 CPU minutes of training." in page
    assert page.count("<tr>") == (1 + 2) + (1 + 3)
    assert "1 of 2" in page
    assert "1 of 1" in page
    assert "CPU minutes: the wall time of training, one thread a run" in page


def test_the_row_that_is_kept_is_a_row_of_the_overview(write):
    row = write("study_row", StudyResults(RECORD))
    assert row.count("\n") == 1
    assert row in write("study_markdown", StudyResults(RECORD))
    assert "| partly | 5 | 13 |" in row


def test_the_overview_in_markdown_says_what_a_cpu_minute_is(write):
    assert "CPU minutes: the wall time of training, one thread a run" in write("study_markdown", StudyResults(RECORD))


def test_markdown_of_no_study_is_a_page_too(write):
    assert "No study was run yet." in write("study_markdown")
