"""Gradients of trained models: measured once, kept with the run, judged like anything else."""

from __future__ import annotations

import pytest

from harness.engines.inline import Inline
from harness.inspection.inspection import inspect_run
from harness.spec import SweepSpec
from harness.studies.gradients import gradients_of, with_gradients
from harness.studies.metrics import by_seed
from harness.sweeps.execute import SweepRequest, execute
from harness.sweeps.progress import Quiet
from harness.tracking.sweep_status import find_run
from harness.training.device import pick

EXPECTED = 'more = "lstm"\nthan = "rnn"\nin = "{}"'


@pytest.fixture
def ran(store, small):
    """One run, as a sweep leaves it."""
    runs = [small(task="first_token", task_label="first_token", length=6)]
    request = SweepRequest(SweepSpec(("lstm",), ("first_token",)), runs)
    return execute(request, Inline(pick("cpu")), store, Quiet()).records


def test_a_run_is_looked_into_once_and_its_record_keeps_what_was_found(store, study, ran, monkeypatch):
    asked = study(EXPECTED.format("gradient_left"))
    (found,) = with_gradients(store, asked, "", ran)
    assert set(found.gradients) == {"reach", "left", "reach_at_start", "left_at_start"}
    assert found.gradients["left_at_start"] > 0
    (stored,) = [record for _, record in store.records(["first_token"])]
    assert stored.gradients == pytest.approx(found.gradients)
    monkeypatch.setattr("harness.studies.gradients.gradients_of", None)
    assert with_gradients(store, asked, "", [stored])[0].gradients == stored.gradients
    for name in ("gradient_reach", "gradient_left", "gradient_reach_at_start", "gradient_left_at_start"):
        (where,) = study(EXPECTED.format(name)).expectations
        assert by_seed([stored], where) == {0: pytest.approx(stored.gradients[name.removeprefix("gradient_")])}


def test_runs_that_no_expectation_is_about_are_left_alone(store, study, ran):
    assert with_gradients(store, study(EXPECTED.format("score")), "", ran)[0].gradients == {}
    other = 'more = "gru"\nthan = "rnn"\nin = "gradient_left"'
    assert with_gradients(store, study(other), "", ran)[0].gradients == {}


def test_what_is_measured_is_that_of_the_inspection(store, ran):
    run_id, record = find_run(store, ran[0].spec.identity)
    weights = store.weights(run_id)
    seen = inspect_run(record, weights)
    found = gradients_of(record, weights)
    assert found["reach"] == seen.trained.reach
    assert found["left"] == pytest.approx(seen.trained.left(max(seen.trained.lags)))
    assert found["left_at_start"] == pytest.approx(seen.start.left(max(seen.start.lags)))
