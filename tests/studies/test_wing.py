"""The wing: the studies that come with the harness, and what they came to."""

from __future__ import annotations

import pytest

from harness.cli._study_sweeps import sweeps_of
from harness.studies.catalogue import all_studies
from harness.studies.history import judged_again
from harness.studies.kept import kept_path, kept_record, kept_results
from harness.studies.planning import plan_study

OURS = [study for study in all_studies() if study.origin.startswith("rnn-harness")]
KEPT = [study for study in OURS if kept_path(study).is_file()]
named = pytest.mark.parametrize("study", OURS, ids=lambda study: study.name)
kept = pytest.mark.parametrize("study", KEPT, ids=lambda study: study.name)


@named
def test_every_study_can_be_planned_as_it_is_written(study):
    assert plan_study(study, sweeps_of(study, None)).seeds >= 5


@named
def test_every_study_says_what_differs_from_its_source(study):
    assert study.deviations


@kept
def test_kept_results_are_of_the_question_as_it_is_written_today(study):
    assert kept_record(study).digest == study.digest


@kept
def test_kept_results_are_whole_and_of_at_least_five_seeds(study):
    record = kept_record(study)
    assert (record.missing, record.seeds >= 5) == (0, True)


@kept
def test_a_kept_verdict_follows_from_the_runs_that_are_kept_with_it(study):
    record = kept_record(study)
    again = judged_again(study, record, kept_results(study))
    assert (again.verdict, again.findings) == (record.verdict, record.findings)


@kept
def test_a_kept_question_was_written_before_its_runs(study):
    assert kept_record(study).runs_before == 0


def test_there_are_no_kept_results_without_a_study():
    folders = {kept_path(study).parent for study in OURS}
    files = {path.stem for folder in folders for path in folder.glob("*.json")}
    assert files == {study.name for study in KEPT}
