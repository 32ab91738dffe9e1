"""Markdown to paste: verdict, a table a task, failures; names as they are."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from harness.analysis import verdict
from harness.analysis.aggregation import summarise
from harness.discovery import registry
from harness.spec import Planned

from ..made_up import as_results, made_up


@pytest.fixture
def text(tmp_path):
    def written(results):
        (path,) = registry.find("report", "markdown").load()(results, tmp_path)
        return path.read_text(encoding="utf-8")

    return written


def rendered(text):
    return MarkdownIt("commonmark").enable("table").render(text)


def test_the_verdict_comes_first_and_every_task_has_a_table(text):
    results = as_results(made_up())
    said = text(results)
    for task in summarise(results).tasks:
        assert f"- **{verdict.headline(task)}**" in said
        assert f"### {task.label}: test accuracy by length" in said
    assert said.index("- **") < said.index("###")
    assert rendered(said).count("<table>") == 5  # three tasks, the overview, the failures


def test_a_cell_says_mean_interval_and_failures_and_chance_is_a_row(text):
    said = text(as_results(made_up(tasks=["copy"], seeds=5)))
    assert re.search(r"\| rnn \| 47,800 \| 96 \| \w+ \|.* \d+\.\d% \[\d+\.\d, \d+\.\d\], 1 failed \|", said)
    assert re.search(r"\| chance \|  \|  \|  \|( 12\.5% \|){6}", said)


def test_a_single_seed_is_marked_and_has_no_interval(text):
    said = text(as_results(made_up(tasks=["copy"], seeds=1, failures=False)))
    assert "1 seed cannot tell them apart (10 could)" in said
    assert "[" not in said


def test_names_are_shown_as_they_are_and_do_nothing(text):
    name = "a|b <script>alert(1)</script> [x](javascript:1) *c* `d` __e__ 한국어"
    said = text(as_results(made_up(tasks=["copy"], architectures=[name], seeds=1, failures=False)))
    page = rendered(said)
    assert "a|b &lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:1) *c* `d` __e__ 한국어" in page
    assert "<script" not in page
    assert "<a " not in page


def test_failures_have_their_reasons_first_and_equal_ones_share_a_row(text):
    said = text(as_results(made_up()))
    assert "| reason | what became of it | architecture | task | runs |" in said
    (refused,) = [line for line in said.splitlines() if "it sees the future" in line]
    assert "T=5, 10, 20, 50, 100, 200 seeds 0, 1, 2, 3, 4" in refused


def test_a_half_finished_sweep_says_what_is_missing_and_how_to_go_on(text):
    said = text(as_results(made_up(seeds=2), missing=[Planned("0", "copy", "gru", 10, 3)] * 7))
    assert "**Not finished:** 7 runs are missing. The rest: `harness run --arch" in said


def test_no_records_are_said_as_that(text):
    assert "There is no finished run to report on." in text(as_results([]))
