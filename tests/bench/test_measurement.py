"""Rows, exponents and the file of a session."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.bench.measurement import load
from harness.bench_record import slope
from harness.errors import UsageError


def test_a_row_has_the_median_of_all_samples_and_what_follows_from_it(session):
    measured = session(0, slower=2.0, jitter=0)
    row = measured.rows[0]
    assert row.samples == 3 * 8 * 3
    assert row.quarter < row.seconds < row.three_quarters
    assert row.seconds == pytest.approx(2.0, rel=0.01)
    assert row.tokens_per_second == pytest.approx(10 * 32 / row.seconds)
    assert row.of_product == pytest.approx(1 / row.seconds / 2)


def test_what_could_not_be_measured_is_a_row_with_its_reason(session):
    measured = session(0)
    measured.preflights[0].reason = "no weights"
    measured = replace(measured, sessions=[])
    assert {row.reason for row in measured.rows} == {"no weights"}


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(power):
    assert slope([(n, 3 * n**power) for n in (50, 200, 800)]) == pytest.approx(power)


def test_a_saved_session_is_read_back_with_every_sample(session, tmp_path):
    measured = session(0)
    measured.save(tmp_path / "before.json")
    read = load("before", tmp_path)
    assert read.turns == measured.turns
    assert (read.request, read.preflights, read.environment) == (
        measured.request,
        measured.preflights,
        measured.environment,
    )


def test_a_name_that_was_not_saved_is_refused_with_the_nearest(session, tmp_path):
    session(0).save(tmp_path / "before.json")
    with pytest.raises(UsageError, match="Did you mean 'before'"):
        load("befor", tmp_path)


@pytest.mark.parametrize("text", ["", "not JSON", "[]", "{}", "null"])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UsageError, match="is no measurement"):
        load("x", tmp_path)


@pytest.mark.parametrize("change", [{"harness_bench": 0}, {"request": {}}, {"preflights": [{"unknown": 1}]}])
def test_a_file_of_another_version_is_refused(session, tmp_path, change):
    session(0).save(tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    (tmp_path / "x.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(UsageError, match="of another version"):
        load("x", tmp_path)
