"""The page: whole in one file, every number behind its figure, and nothing that a sweep may hold brings it down."""

from __future__ import annotations

import html as entities
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from harness.analysis import verdict
from harness.analysis.aggregation import summarise
from harness.analysis.colours import colour
from harness.discovery import registry
from harness.record import Record, Scores
from harness.report import TaskText
from harness.spec import Planned

from ..made_up import as_results, made_up

MEGABYTE = 1_000_000
SMALL = (["gru", "rnn"], [20, 50])  # architectures and lengths: a page takes a second or two


@pytest.fixture(scope="module")
def write():
    return registry.find("report", "html").load()


@pytest.fixture
def page(write, tmp_path):
    def written(results):
        (path,) = write(results, tmp_path)
        return path.read_text(encoding="utf-8")

    return written


@pytest.fixture(scope="module")
def big(write, tmp_path_factory):
    """The page of 3 tasks x 6 architectures x 6 lengths x 5 seeds."""
    (path,) = write(as_results(made_up()), tmp_path_factory.mktemp("big"))
    return path.read_text(encoding="utf-8")


class Seen(HTMLParser):
    """Tags with their attributes, text, and tags that were left open or closed twice."""

    _VOID = ("meta", "br")

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.wrong, self.text = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def visible(page):
    return " ".join(" ".join(Seen(page).text).split())


def test_the_page_is_one_file_that_asks_for_nothing_else(big):
    seen = Seen(big)
    assert (seen.open, seen.wrong) == ([], [])
    for tag, attributes in seen.tags:
        assert tag not in ("link", "img", "iframe", "object", "base")
        for name in ("src", "href", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
        assert "url(h" not in (attributes.get("style") or "")
    assert "default-src 'none'" in big
    assert "@import" not in big


def test_the_page_stays_under_three_megabytes(big):
    assert len(big.encode()) < 3 * MEGABYTE


def test_ids_are_there_once(big):
    ids = [attributes["id"] for _, attributes in Seen(big).tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_verdict_and_the_accuracy_of_every_task_come_before_everything_else(big):
    text = entities.unescape(big)
    places = [text.index(verdict.headline(task)) for task in summarise(as_results(made_up())).tasks]
    chart, first_task = big.index("<svg"), big.index('id="task-0"')
    assert max(places) < chart < first_task
    assert big[:first_task].count("accuracy by length</figcaption>") == 3


def test_every_figure_has_words_and_a_table_behind_it(big):
    figures = re.findall(r"<figure>.*?</figure>", big, flags=re.DOTALL)
    assert len(figures) == 1 + 3 * 4
    for figure in figures:
        if "Horizon" not in figure:  # its table stands beside it
            assert "<details><summary>Numbers" in figure
            assert "<table" in figure
    for figure in figures:
        assert re.search(
            r'<svg viewBox="[^"]+" role="img" aria-labelledby="([\w-]+)"><title id="\1">[^<]{40,}</title>', figure
        )


def test_every_mean_of_the_summary_stands_in_the_page(big):
    cells = set(re.findall(r"<td[^>]*>([^<]*)", big))
    for task in summarise(as_results(made_up())).tasks:
        for curve in task.architectures:
            for cell in curve.lengths.values():
                assert f"{cell.mean:.1%}" in cells
                assert f"{cell.solving} of 5" in cells


def test_marks_say_their_values_when_pointed_at(big):
    task = summarise(as_results(made_up())).tasks[0]
    cell = task.architectures[0].lengths[200]
    assert f"{task.architectures[0].label}, T=200: {cell.mean:.1%} [" in big
    assert f"seed 1: {cell.finished[1]:.1%}, harness show {cell.runs[1]}" in big
    assert big.count('<g class="mark"><title>') > 3 * 6 * 5


def test_an_architecture_has_its_colour_of_everywhere_in_every_figure(big):
    for figure in re.findall(r"<figure>.*?</figure>", big, flags=re.DOTALL)[:2]:
        for label in ("lstm", "gru", "rnn"):
            assert colour(label).lower() in figure


def test_figures_take_the_ink_and_the_font_of_the_page(big):
    assert "currentColor" in big
    assert "DejaVu" not in big
    assert "#010203" not in big


def test_failures_and_refusals_are_told_with_their_reasons_first(big):
    table = big[big.index('id="failures"') :]
    first = re.search(r"<tbody>\s*<tr>\s*<th[^>]*>([^<]*)</th>", table)[1]
    assert "loss was nan" in visible(table)
    assert "it sees the future" in visible(table)
    assert first == "OutOfMemoryError: can&#39;t allocate memory: 3 GB"


def test_settings_environment_commands_and_references_are_there(big):
    text = visible(big)
    for said in (
        "batch_size",
        "5000 asked",
        "0.005 default",
        "lstm.forget_bias",
        "2.13.0",
        "harness report --sweep demo",
    ):
        assert said in text


def test_the_same_results_give_the_same_page(page):
    results = as_results(made_up(["copy"], *SMALL, seeds=2))
    assert page(results) == page(results)


def test_one_seed_is_marked_wherever_an_interval_would_stand(page):
    said = visible(page(as_results(made_up(["copy"], *SMALL, seeds=1, failures=False))))
    assert "1 seed is too few to show a difference at the 5% level (2 architectures:" in said
    assert "--seeds 6" in said
    assert "one seed" in said
    assert not re.search(r"\[\d", said.partition("Numbers")[0])


# What a sweep may hold


def test_no_records_make_a_page_that_says_so(page):
    assert "There is no finished run to report on." in page(as_results([]))


def test_one_record_makes_a_page(page):
    said = visible(page(as_results(made_up(["copy"], ["gru"], [10], seeds=1, failures=False))))
    assert "gru solves copy up to T=10." in said


def test_a_sweep_in_which_everything_failed_makes_a_page(page):
    records = [
        replace(r, status="error", reason="no luck", scores={}, curve=[]) for r in made_up(["copy"], *SMALL, seeds=2)
    ]
    said = visible(page(as_results(records)))
    assert "No run on copy ended with a result; gru and rnn failed in every run (error)." in said
    assert "no luck error" in said
    assert "<svg" not in page(as_results(records))  # what failed is not drawn
    unknown = [replace(record, chances={}) for record in records]
    assert "No run on copy ended with a result; gru and rnn failed" in page(as_results(unknown))


def test_seeds_that_are_all_equal_make_a_page_without_nan(page):
    records = made_up(["copy", "adding"], *SMALL, seeds=5, failures=False)
    for record in records:
        record.scores = {record.spec.length: Scores(1.0, 0.0, 1.0)}
    said = visible(page(as_results(records))).partition("How to read")[0]
    assert not re.search(r"\bnan\b", said, flags=re.IGNORECASE)
    assert "[100.0, 100.0]" in said


def test_missing_cells_are_dashes(page):
    records = [
        record
        for record in made_up(["copy"], *SMALL, seeds=2)
        if (record.spec.label, record.spec.length) != ("gru", 20)
    ]
    assert re.search(
        r'<th scope="row">gru</th>.*?<td class="number">-</td>', page(as_results(records)), flags=re.DOTALL
    )


def test_what_is_no_number_is_a_failure_with_a_reason(page):
    records = made_up(["copy"], ["gru"], [10, 20], seeds=2, failures=False)
    for record in records:
        record.scores[record.spec.length] = Scores(math.nan, math.nan, math.nan)
        record.curve = [replace(point, validation_accuracy=math.nan) for point in record.curve]
    assert "its accuracy is not a number" in page(as_results(records))


NASTY = '<script>alert("1")</script>\'`${x}$ & 한국어'


def test_names_are_text_wherever_they_appear(page):
    records = made_up([NASTY], [NASTY, "gru"], [10, 20], seeds=2, failures=False)
    records[0] = replace(records[0], status="error", reason=NASTY, scores={})
    told = {"title": NASTY, "command": NASTY, "report_command": NASTY, "store": NASTY, "references": {NASTY: NASTY}}
    written = page(as_results(records, missing=[Planned("0", NASTY, NASTY, 10, 0)], **told))
    seen = Seen(written)
    assert [tag for tag, _ in seen.tags].count("script") == 1
    assert (seen.open, seen.wrong) == ([], [])
    assert written.count("한국어") > 20
    for tag, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith("on")], tag


def test_thirty_architectures_make_a_page_of_a_bearable_size(page):
    names = [f"cell{number:02}" for number in range(30)]
    written = page(as_results(made_up(["copy"], names, [10, 50], seeds=3, points=10)))
    assert "and 27 others" in verdict.headline(summarise(as_results(made_up(["copy"], names, [10], seeds=3))).tasks[0])
    assert all(name in written for name in names)
    assert "The first 300 of 435 rows" in written
    assert len(written.encode()) < 3 * MEGABYTE


def test_a_half_finished_sweep_says_what_is_missing_and_how_to_go_on(page):
    missing = [Planned(f"{seed}", "copy", "gru", 50, seed) for seed in range(3, 5)]
    said = visible(page(as_results(made_up(["copy"], *SMALL, seeds=3), missing=missing)))
    assert "Not finished: 2 of 14 runs are missing. The rest: harness run --arch rnn,lstm,gru" in said
    assert "T=50 seeds 3, 4" in said


def test_interrupted_runs_count_as_missing(page):
    records = made_up(["copy"], ["gru"], [10], seeds=3, failures=False)
    records[0] = Record(records[0].spec, "interrupted")
    assert "1 of 3 runs is missing." in page(as_results(records))


def test_bibtex_is_shown_as_the_plugins_keep_it(page):
    entry = "@article{elman1990finding,\n  title = {Finding Structure in Time},\n}"
    assert f'<pre tabindex="0">{entry}</pre>' in page(
        as_results(made_up(["copy"], ["rnn"], [5], seeds=1), bibtex=entry)
    )
    assert "BibTeX" not in page(as_results(made_up(["copy"], ["rnn"], [5], seeds=1)))


def test_notes_on_runs_are_shown_together(page):
    records = made_up(["copy"], ["rnn"], [5], seeds=2, failures=False)
    assert "Notes on runs" not in page(as_results(records))
    for record in records:
        record.notes = ["the default dtype was float64 and was put back"]
    assert "the default dtype was float64 and was put back rnn copy T=5 seeds 0, 1" in visible(
        page(as_results(records))
    )


def test_what_a_task_asks_stands_above_its_numbers(page):
    about = TaskText("Repeat a list.", "input  3 1 _ >\nanswer . . 3 1")
    written = page(as_results(made_up(["copy"], ["rnn"], [5], seeds=1), tasks={"copy": about}))
    assert "Repeat a list." in written
    assert "input  3 1 _ &gt;\nanswer . . 3 1</pre>" in written
    assert written.index("Repeat a list.") < written.index("copy: test accuracy by length")
