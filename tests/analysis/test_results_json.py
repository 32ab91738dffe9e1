"""Results as JSON: what is written is what is read back, older documents are read, newer ones refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis.aggregation import summarise
from harness.analysis.results_json import VERSION, document, dumps, read
from harness.errors import HarnessError
from harness.record import Scores, as_json
from harness.spec import Planned

from ..made_up import as_results, made_up


@pytest.fixture
def kept(tmp_path):
    """Writes something as JSON and reads it as results."""

    def keep(content):
        path = tmp_path / "main.json"
        path.write_text(content if isinstance(content, str) else dumps(content))
        return read(path)

    return keep


def test_results_come_back_as_they_were(kept):
    missing = [Planned("1", "copy", "gru", 10, 0)]
    results = as_results(made_up(tasks=["adding"], lengths=(50, 200), seeds=4), missing=missing)
    again = kept(document(results))
    assert list(again.records) == list(results.records)
    assert replace(again, records=(), missing=()) == replace(results, records=(), missing=())
    assert list(again.missing) == list(results.missing)
    assert [record.identity for record in again.records] == [record.spec.identity for record in results.records]


def test_what_is_not_a_number_comes_back_as_that(kept):
    (record,) = made_up(tasks=["copy"], architectures=["gru"], lengths=[10], seeds=1, failures=False)
    record.scores[10] = Scores(math.nan, math.inf, 0.5)
    (again,) = kept(document(as_results([record]))).records
    assert math.isnan(again.scores[10].accuracy)
    assert math.isnan(again.scores[10].loss)
    assert again.scores[10].exact_match == 0.5


def test_the_list_that_run_prints_is_read_as_the_oldest_version(kept):
    records = made_up(tasks=["copy"], seeds=2)
    again = kept([as_json(record) for record in records])
    assert list(again.records) == records
    assert summarise(again) == summarise(as_results(records))


def test_settings_that_an_older_document_does_not_know_are_at_their_defaults(kept):
    records = made_up(tasks=["copy"], architectures=["gru"], lengths=[10], seeds=1)
    content = document(as_results(records))
    del content["records"][0]["spec"]["precision"]
    del content["records"][0]["attempt"]
    assert list(kept(content).records) == records


def test_a_newer_version_is_refused_with_both_versions(kept):
    with pytest.raises(
        HarnessError, match=f"is of version {VERSION + 1}, and this harness reads versions up to {VERSION}"
    ):
        kept({"version": VERSION + 1, "records": []})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ({}, "holds no results"),
        ({"version": "1", "records": []}, "holds no results"),
        ("3", "holds no results"),
        ({"version": 1, "records": [{}]}, "does not hold what version 1 says it does"),
        ({"version": 1, "records": [3]}, "does not hold what version 1 says it does"),
        ([{"spec": {"unheard_of": 1}, "scores": {}, "chances": {}}], "does not hold what version 0 says it does"),
    ],
)
def test_what_is_no_such_document_is_an_error_that_says_so(kept, content, said):
    with pytest.raises(HarnessError, match=said):
        kept(content)


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(HarnessError, match=r"nowhere\.json cannot be read: No such file"):
        read(tmp_path / "nowhere.json")
