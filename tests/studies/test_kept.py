"""Kept results travel with their question: written thinned, read back, judged again to the same verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import HarnessError
from harness.record import CurvePoint
from harness.report import Results
from harness.studies.catalogue import all_studies
from harness.studies.history import judged_again, study_record
from harness.studies.kept import keep, kept_path, kept_record, kept_results
from harness.studies.sweep_tables import sweeps_of

from .conftest import results

MORE = 'more = "lstm"\nthan = "rnn"\nin = "score"'
LOSS = 'less = "lstm"\nthan = "rnn"\nin = "loss"'
HIGH, LOW = [0.9, 0.8, 0.95, 0.85, 0.9, 0.99], [0.3, 0.2, 0.4, 0.1, 0.2, 0.3]
REPOSITORY = Path(__file__).resolve().parent.parent.parent
STUDIES = list(all_studies())


def test_what_is_kept_is_read_back_and_judged_to_the_same(study):
    one = study(MORE, LOSS)
    found = results(lstm=HIGH, rnn=LOW)
    record = keep(one, study_record(one, found), found)
    assert [finding.verdict for finding in record.findings] == ["confirmed"] * 2
    assert kept_record(one) == record
    again = kept_results(one)
    assert again is not None
    assert judged_again(one, record, again) == record


def test_an_infinite_value_is_kept(study):
    one = study(LOSS)
    found = results(lstm=HIGH, rnn=LOW)
    records = [replace(r, status="diverged") if r.spec.label == "rnn" else r for r in found[""].records]
    record = keep(one, study_record(one, {"": Results(records)}), {"": Results(records)})
    assert "Infinity" not in kept_path(one).read_text()
    assert kept_record(one) == record


def test_learning_curves_outputs_and_paths_are_left_out(study):
    one = study(MORE)
    found = results(lstm=HIGH[:1])
    record = replace(found[""].records[0], curve=[CurvePoint(1, 2.0, 2.0, 0.1)] * 99, output="said aloud")
    record.spec.code_files["/home/somebody/cell.py"] = "0123"
    keep(one, study_record(one, found), {"": Results([record])})
    text = kept_path(one).read_text()
    assert "said aloud" not in text
    assert "/home/somebody" not in text
    assert len(text) < 3000


@pytest.mark.parametrize("text", ["", "{}", '{"version": 99}', '{"version": 1, "study": {}, "sweeps": {}}'])
def test_a_file_that_holds_no_results_is_an_error_of_one_line(study, text):
    one = study(MORE)
    kept_path(one).parent.mkdir()
    kept_path(one).write_text(text)
    with pytest.raises(HarnessError, match=r"does not hold the results of a study|upgrade rnn-harness"):
        kept_record(one)


# The studies of the repository


@pytest.mark.parametrize("study", STUDIES, ids=lambda one: one.name)
def test_every_study_asks_for_sweeps_that_the_command_line_takes(study):
    assert set(sweeps_of(study)) == set(study.sweeps)


@pytest.mark.parametrize("study", [one for one in STUDIES if kept_path(one).exists()], ids=lambda one: one.name)
def test_every_kept_result_is_of_the_question_of_today_and_judged_as_today(study):
    record, found = kept_record(study), kept_results(study)
    assert record is not None
    assert found is not None
    assert record.digest == study.digest, f"changed since its results were kept: harness study run {study.name}"
    again = judged_again(study, record, found)
    assert [one.verdict for one in again.findings] == [one.verdict for one in record.findings]
    assert again.verdict == record.verdict
    assert record.seeds >= 5


def test_every_kept_result_has_a_study():
    names = {study.name for study in STUDIES}
    assert {path.stem for path in (REPOSITORY / "studies" / "results").glob("*.*")} <= names


def test_the_page_of_results_is_what_the_command_writes(tmp_path):
    assert main(["study", "report", "--all", "--kept", "--format", "md", "--out", str(tmp_path)]) == 0
    written = (tmp_path / "study-results.md").read_text()
    again = "harness study report --all --kept --format md --out docs"
    assert (REPOSITORY / "docs" / "study-results.md").read_text() == written, f"not up to date: {again}"


def test_the_kept_file_is_json_with_one_run_a_line(study):
    one = study(MORE)
    found = results(lstm=HIGH, rnn=LOW)
    keep(one, study_record(one, found), found)
    assert json.loads(kept_path(one).read_text())["sweeps"][""]["records"][0]["spec"]["label"] == "lstm"
    assert len(kept_path(one).read_text().splitlines()) == 12 + 6
