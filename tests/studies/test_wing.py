"""The studies that come with the harness: each is well-formed, and was asked before it was run."""

from __future__ import annotations

import pytest

from harness.studies.catalogue import all_studies
from harness.studies.kept import kept_path, kept_record
from harness.studies.planning import plan_study
from harness.studies.sweep_tables import sweeps_of

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


@named
def test_every_study_says_what_it_costs(study):
    assert study.cpu_minutes


@kept
def test_a_kept_question_was_written_before_its_runs(study):
    assert kept_record(study).runs_before == 0
