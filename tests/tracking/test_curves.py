"""Accuracy against length in MLflow: flat runs, one a curve, and never two values at one length."""

import pytest

from harness.tracking.curves import write_curves
from harness.tracking.dashboard import VIEW


def drawn(client, store, metric="accuracy_by_length", kind="curve", sweep="s"):
    """Every drawn run of a sweep: its name and the points of one metric."""
    found = {}
    query = f"tags.`harness.kind` = '{kind}' and tags.`harness.sweep` = '{sweep}'"
    for run in client.search_runs([store.task_experiment("copy")], query):
        history = client.get_metric_history(run.info.run_id, metric)
        assert run.info.run_name not in found
        found[run.info.run_name] = sorted((point.step, point.value) for point in history)
    return found


def test_each_curve_is_one_run_with_length_as_its_step(client, store, finished):
    records = [finished(length=length, seed=seed, accuracy=1 / length) for length in (2, 4) for seed in (0, 1)]
    write_curves(store, records, "s")
    assert drawn(client, store) == {
        "lstm seed=0": [(2, 0.5), (4, 0.25)],
        "lstm seed=1": [(2, 0.5), (4, 0.25)],
        "chance": [(2, 0.125), (4, 0.125)],
    }


def test_a_summary_is_the_mean_over_seeds_with_its_interval_and_the_share_that_solved(client, store, finished):
    write_curves(store, [finished(seed=seed, accuracy=accuracy) for seed, accuracy in enumerate((0.5, 1.0))], "s")
    assert drawn(client, store, "accuracy_mean_by_length", "summary") == {"lstm over seeds": [(3, 0.75)]}
    assert drawn(client, store, "solved_share_by_length", "summary") == {"lstm over seeds": [(3, 0.5)]}
    assert drawn(client, store, "accuracy_low_by_length", "summary") == {"lstm over seeds": [(3, 0.5)]}
    assert drawn(client, store, "accuracy_high_by_length", "summary") == {"lstm over seeds": [(3, 1.0)]}


def test_the_horizon_is_the_longest_length_solved_and_0_where_none_is(client, store, finished):
    solved = [finished(length=length, seed=seed, accuracy=0.95) for length in (2, 8) for seed in (0, 1)]
    write_curves(store, [*solved, finished(label="gru", length=2, accuracy=0.5)], "s")
    assert drawn(client, store, "horizon", "summary") == {"lstm over seeds": [(0, 8.0)], "gru over seeds": [(0, 0.0)]}
    assert drawn(client, store, "horizon_low", "summary") == {"lstm over seeds": [(0, 8.0)], "gru over seeds": []}


def test_what_is_drawn_already_is_left_alone_and_what_differs_is_drawn_anew(client, store, finished):
    write_curves(store, [finished(), finished(seed=1)], "s")
    before = ids(client, store)
    write_curves(store, [finished(), finished(seed=1)], "s")
    assert ids(client, store) == before
    write_curves(store, [finished(), finished(seed=1, length=4)], "s")
    assert ids(client, store)["lstm seed=0"] == before["lstm seed=0"]
    assert drawn(client, store)["lstm seed=1"] == [(4, 0.5)]


def test_sweeps_have_curves_of_their_own(client, store, finished):
    write_curves(store, [finished(length=2)], "s")
    write_curves(store, [finished(length=4)], "t")
    assert drawn(client, store)["lstm seed=0"] == [(2, 0.5)]
    assert drawn(client, store, sweep="t")["lstm seed=0"] == [(4, 0.5)]


def test_a_failed_cell_is_at_chance(client, store, finished):
    write_curves(store, [finished(length=2), finished(length=4, status="error")], "s")
    assert drawn(client, store)["lstm seed=0"] == [(2, 0.5), (4, 0.125)]
    assert drawn(client, store, "seconds_by_length")["lstm seed=0"] == [(2, 1.5)]


def test_an_interrupted_cell_is_no_point_and_a_refused_architecture_no_curve(client, store, finished):
    records = [finished(length=2), finished(length=4, status="interrupted"), finished(label="gru", status="refused")]
    write_curves(store, records, "s")
    assert drawn(client, store) == {"lstm seed=0": [(2, 0.5)], "chance": [(2, 0.125), (3, 0.125)]}


def test_a_seed_that_did_not_reach_the_threshold_has_no_steps_to_solve(client, store, finished):
    write_curves(store, [finished(accuracy=0.95), finished(seed=1, accuracy=0.5)], "s")
    steps = drawn(client, store, "steps_to_solve_by_length")
    assert (steps["lstm seed=0"], steps["lstm seed=1"]) == ([(3, 3)], [])


def test_other_lengths_are_drawn_apart(client, store, finished):
    write_curves(store, [finished(accuracy=0.75, test_lengths=(50,))], "s")
    found = drawn(client, store, "accuracy_by_test_length.trained_at_3")["lstm seed=0"]
    assert found == [(3, 0.75), (50, 0.25)]
    assert drawn(client, store)["lstm seed=0"] == [(3, 0.75)]


def test_drawn_runs_are_flat_coloured_and_show_the_settings_that_their_cells_share(client, store, finished):
    write_curves(store, [finished(), finished(seed=1)], "s")
    runs = client.search_runs([store.task_experiment("copy")], "tags.`harness.kind` = 'curve'")
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs)
    assert all(run.data.tags["mlflow.runColor"].startswith("#") for run in runs)
    params = {run.info.run_name: run.data.params for run in runs}
    assert params["lstm seed=1"]["seed"] == "1"
    assert params["lstm seed=1"]["hidden_size"] == "8"
    assert "length" not in params["lstm seed=1"]
    assert params["chance"]["label"] == "chance"


@pytest.mark.parametrize("sweep", ["abc", "def"])
def test_the_prepared_view_shows_the_newest_sweep(client, store, finished, sweep):
    write_curves(store, [finished()], "older")
    write_curves(store, [finished()], sweep)
    experiment = client.get_experiment(store.task_experiment("copy"))
    assert f"harness.sweep` = '{sweep}'" in experiment.tags[f"mlflow.sharedViewState.{VIEW}"]


def ids(client, store):
    runs = client.search_runs([store.task_experiment("copy")], "tags.`harness.kind` = 'curve'")
    return {run.info.run_name: run.info.run_id for run in runs}
