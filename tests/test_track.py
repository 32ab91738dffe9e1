"""Records in MLflow: whole, flat, drawn without a click, and read back as they were."""

from dataclasses import replace

import pytest

from harness.dashboard import VIEW
from harness.errors import HarnessError, StoreFailed, UsageError
from harness.record import CurvePoint, Record, Scores
from harness.store import opened
from harness.track import Store


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


@pytest.fixture
def finished(small):
    """Makes finished records: `finished(length=10, accuracy=0.5)`."""

    def make(accuracy=0.5, status="ok", **changes):
        spec = small(**changes)
        scores = {spec.length: Scores(accuracy, 1.25, accuracy / 2)}
        scores |= {length: Scores(accuracy / 3, 2.5, 0.0) for length in spec.test_lengths}
        return Record(
            spec,
            status,
            "" if status == "ok" else "because",
            scores=scores if status == "ok" else {},
            chances=dict.fromkeys(scores, 0.125),
            curve=[CurvePoint(3, 2.0, 1.9, 0.2), CurvePoint(6, 1.5, 1.4, accuracy)],
            steps=6,
            steps_to_solve=3 if accuracy > 0.9 else None,
            seconds=1.5,
            tokens_per_second=1000.0,
            steps_per_sequence=23,
            parameters={"embedding": 0, "architecture": 100, "head": 10},
            state_size=16,
            solved_at=0.9,
            environment={"device": "cpu", "version.torch": "2"},
        )

    return make


def written(store, records, sweep="s"):
    cells = {}
    for record in records:
        run_id = store.start(record.spec, sweep)
        store.finish(run_id, record)
        cells[run_id] = record
    return cells


def curves(store, label="copy"):
    """Every curve run: its label and its points."""
    found = {}
    for run in store.client.search_runs([store.experiment(label)], "tags.`harness.kind` = 'curve'"):
        history = store.client.get_metric_history(run.info.run_id, "accuracy_by_length")
        points = sorted((point.step, point.value) for point in history)
        found[run.info.run_name] = points
    return found


def test_a_record_is_read_back_as_it_was(store, finished):
    record = finished(accuracy=0.95, test_lengths=(50,), architecture_options={"lstm.forget_bias": 1.0})
    (run_id,) = written(store, [record])
    ((found_id, found),) = store.records(["copy"])
    assert found_id == run_id
    assert replace(found, curve=store.learning_curve(run_id)) == record


@pytest.mark.parametrize("status", ["diverged", "error", "timeout", "out_of_memory", "skipped", "interrupted"])
def test_a_failure_is_kept_with_its_reason(store, finished, status):
    record = replace(finished(status=status), traceback="Traceback ...")
    written(store, [record])
    ((_, found),) = store.records(["copy"])
    assert (found.status, found.reason, found.traceback) == (status, "because", "Traceback ...")
    assert found.accuracy is None


def test_a_run_that_is_not_finished_is_no_record(store, small):
    store.start(small(), "s")
    assert list(store.records(["copy"])) == []


def test_a_record_half_written_is_no_record(store, finished, monkeypatch):
    record = finished()
    run_id = store.start(record.spec, "s")
    monkeypatch.setattr(store.client, "set_tag", _full)
    with pytest.raises(StoreFailed, match="full"):
        store.finish(run_id, record)
    assert list(store.records(["copy"])) == []


def test_each_curve_is_one_run_with_length_as_its_step(store, finished):
    records = [finished(length=length, seed=seed, accuracy=1 / length) for length in (2, 4) for seed in (0, 1)]
    store.write_curves(written(store, records), "s")
    assert curves(store) == {
        "lstm seed=0": [(2, 0.5), (4, 0.25)],
        "lstm seed=1": [(2, 0.5), (4, 0.25)],
        "chance": [(2, 0.125), (4, 0.125)],
    }


def test_a_length_is_never_drawn_twice(store, finished):
    cells = written(store, [finished(length=2)])
    store.write_curves(cells, "s")
    store.write_curves(cells | written(store, [finished(length=4)]), "t")
    assert curves(store)["lstm seed=0"] == [(2, 0.5), (4, 0.5)]


def test_a_cell_trained_again_replaces_its_point(store, finished):
    store.write_curves(written(store, [finished(length=2, accuracy=0.5)]), "s")
    store.write_curves(written(store, [finished(length=2, accuracy=0.75)]), "s")
    assert curves(store)["lstm seed=0"] == [(2, 0.75)]


def test_a_failed_cell_is_not_a_point(store, finished):
    store.write_curves(written(store, [finished(length=2), finished(length=4, status="error")]), "s")
    assert curves(store)["lstm seed=0"] == [(2, 0.5)]


def test_runs_are_flat_and_marked(store, finished):
    store.write_curves(written(store, [finished()], sweep="abc"), "abc")
    runs = store.client.search_runs([store.experiment("copy")])
    assert {run.data.tags["harness.kind"] for run in runs} == {"cell", "curve"}
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs)
    assert all(run.data.tags["harness.sweep"] == "abc" for run in runs)
    assert all(run.data.tags["mlflow.runColor"].startswith("#") for run in runs)


def test_a_cell_shows_its_settings_resolved_and_asked(store, finished):
    record = finished(architecture_options={"lstm.forget_bias": 0.5}, asked={"lstm.forget_bias": 0.5})
    (run_id,) = written(store, [record])
    run = store.client.get_run(run_id)
    assert run.data.params["lstm.forget_bias"] == "0.5"
    assert run.data.params["hidden_size"] == "8"
    assert run.data.tags["harness.asked"] == '{"lstm.forget_bias": 0.5}'
    assert run.data.metrics["parameters"] == 110
    assert run.data.metrics["chance"] == 0.125
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(("status", "shown"), [("error", "FAILED"), ("interrupted", "KILLED"), ("ok", "FINISHED")])
def test_mlflow_shows_how_a_run_ended(store, finished, status, shown):
    (run_id,) = written(store, [finished(status=status)])
    assert store.client.get_run(run_id).info.status == shown


def test_tasks_and_their_variants_have_experiments_of_their_own(store, finished):
    written(store, [finished(), finished(task_label="parentheses variant=next")])
    names = {experiment.name for experiment in store.client.search_experiments()} - {"Default"}
    assert names == {"harness-copy", "harness-parentheses variant=next"}


def test_the_prepared_view_shows_the_newest_sweep(store, finished):
    store.write_curves(written(store, [finished()], sweep="abc"), "abc")
    experiment = store.client.get_experiment(store.experiment("copy"))
    assert "harness.sweep` = 'abc'" in experiment.tags[f"mlflow.sharedViewState.{VIEW}"]


def test_the_newest_experiment_is_found_or_its_absence_told(store, finished):
    with pytest.raises(HarnessError, match="holds no records yet: harness run"):
        store.newest_experiment()
    written(store, [finished()])
    assert store.newest_experiment() == store.experiment("copy")
    with pytest.raises(UsageError, match="Known: copy"):
        store.newest_experiment("adding")


def test_artifacts_lie_beside_the_database(store, finished, tmp_path):
    written(store, [finished()])
    experiment = store.client.get_experiment(store.experiment("copy"))
    assert experiment.artifact_location == (tmp_path / "mlartifacts").as_uri()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 50])
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    with pytest.raises(HarnessError, match="not a readable database"):
        opened(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_store_in_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="does not exist"):
        opened(f"sqlite:///{tmp_path}/nowhere/mlflow.db")


def _full(*_, **__):
    raise OSError("the disk is full")
