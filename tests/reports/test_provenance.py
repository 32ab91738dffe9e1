"""When, where and by which versions a sweep was measured, and what its title says."""

from __future__ import annotations

import csv

import pytest

from harness.analysis import provenance
from harness.analysis.aggregation import summarise
from harness.discovery import registry
from harness.record import Record

from ..made_up import as_results, made_up


@pytest.fixture
def record(small):
    def make(ended, **environment):
        return Record(small(), "ok", ended=ended, environment=environment)

    return make


def test_the_line_names_dates_machines_and_versions(record):
    known = {"device.name": "AMD EPYC", "version.torch": "2.13.0", "version.rnn-harness": "0.1.0", "git": "0123abc+"}
    records = [record(1_790_000_000.0, **known), record(1_790_000_600.0, **known)]
    assert provenance.line(records) == (
        "Measured 2026-09-21 14:13 to 14:23 UTC on AMD EPYC by harness 0.1.0, torch 2.13.0, git 0123abc+."
    )


def test_several_machines_and_days_are_all_named(record):
    records = [record(1_790_000_000.0, **{"device.name": "A"}), record(1_790_100_000.0, **{"device.name": "B"})]
    assert provenance.line(records) == "Measured 2026-09-21 14:13 to 2026-09-22 18:00 UTC on A and B."


def test_what_is_not_known_is_left_out(record):
    assert provenance.line([record(0.0)]) == ""


def test_the_title_says_what_is_compared():
    made = made_up(["copy", "adding"], ["rnn", "lstm", "gru"], [5, 10], seeds=1)
    assert provenance.title(summarise(as_results(made))) == "rnn, lstm and gru on copy and adding"
    assert provenance.title(summarise(as_results([]))) == "Nothing to report yet"


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_page_and_markdown_say_it(name, tmp_path):
    (path,) = registry.find("report", name).load()(as_results(made_up(["copy"], ["rnn"], [5, 10], seeds=2)), tmp_path)
    text = path.read_text()
    assert "rnn on copy" in text.partition("demo")[0]
    assert "Measured 2026-09-21 14:13 to 14:14 UTC on AMD EPYC by harness 0.1.0, torch 2.13.0, git 0123abc." in text


def test_every_row_of_the_csv_says_it(tmp_path):
    results = as_results(made_up(["copy"], ["rnn"], [5], seeds=1))
    (path,) = registry.find("report", "csv").load()(results, tmp_path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {row["ended"] for row in rows} == {"2026-09-21T14:13:20+00:00"}
    assert {(row["machine"], row["harness"], row["torch"], row["git"]) for row in rows} == {
        ("AMD EPYC", "0.1.0", "2.13.0", "0123abc")
    }
