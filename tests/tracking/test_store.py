"""Records in MLflow: whole, flat, drawn without a click, and read back as they were."""

from dataclasses import replace

import pytest

from harness.errors import HarnessError, StoreError, UsageError
from harness.record import CurvePoint
from harness.spec import SweepSpec
from harness.tracking import sweep_log
from harness.tracking.connect import open_client
from harness.tracking.store import Store


def working(store):
    return sweep_log.recording(store, "s", SweepSpec(("lstm",), ("copy",)), "harness run", [])


def written(store, records, sweep="s"):
    cells = {}
    for record in records:
        run_id = store.start(record.spec, sweep)
        store.finish(run_id, record)
        cells[run_id] = record
    return cells


def test_a_record_is_read_back_as_it_was(store, finished):
    record = finished(accuracy=0.95, test_lengths=(50,), architecture_options={"lstm.forget_bias": 1.0})
    (run_id,) = written(store, [record])
    ((found_id, found),) = store.records(["copy"])
    assert found_id == run_id
    assert replace(found, curve=store.learning_curve(run_id)) == record


@pytest.mark.parametrize("status", ["diverged", "error", "timeout", "out_of_memory", "refused", "interrupted"])
def test_a_failure_is_kept_with_its_reason(store, finished, status):
    record = replace(finished(status=status), traceback="Traceback ...")
    written(store, [record])
    ((_, found),) = store.records(["copy"])
    assert (found.status, found.reason, found.traceback) == (status, "because", "Traceback ...")
    assert found.accuracy is None


def test_a_long_learning_curve_is_kept_whole_and_read_thinned(store, finished):
    points = [CurvePoint(step, 2.0, 1.0, step / 1000) for step in range(1, 1001)]
    (run_id,) = written(store, [replace(finished(), curve=points)])
    assert store.learning_curve(run_id) == points
    ((_, read),) = store.records(["copy"], learning_curves=True)
    assert len(read.curve) == 100
    assert read.curve[-1] == points[-1]
    assert set(read.curve) <= set(points)


def test_a_claim_that_was_cut_short_is_no_others(store, small, monkeypatch):
    with working(store):
        store._start(small(), "s", {})
        assert store.claim(small(), "s")


def test_a_claim_that_is_never_confirmed_is_not_waited_for_for_ever(store, small, monkeypatch):
    other = Store(store.uri)
    monkeypatch.setattr("harness.tracking.store._precedes", lambda one, two: False)
    monkeypatch.setattr("harness.tracking.store._POLL_SECONDS", 0)
    with working(store), working(other):
        other._start(small(), "s", {})
        assert store.claim(small(), "s") is None


def test_a_run_is_claimed_once(store, small):
    other = Store(store.uri)
    with working(store), working(other):
        assert store.claim(small(), "s")
        assert other.claim(small(), "s") is None
        assert other.claim(small(seed=1), "s")


@pytest.mark.parametrize("theirs", ["0" * 32, "f" * 32])
def test_two_claims_at_once_leave_one(store, client, small, monkeypatch, theirs):
    """The other's claim is there but not confirmed yet: the lower id stays, and the higher is withdrawn meanwhile."""
    other = Store(store.uri)
    with working(store), working(other):
        claim = other._start(small(), "s", {})
        monkeypatch.setattr("harness.tracking.store._precedes", lambda one, two: theirs < "8")
        monkeypatch.setattr("harness.tracking.store.time.sleep", lambda _: other.delete(claim))
        mine = store.claim(small(), "s")
    assert (mine is None) == (theirs < "8")
    running = client.search_runs([store.task_experiment("copy")])
    assert len(running) == 1


def test_a_finished_run_is_not_claimed_again_and_a_failed_one_is(store, finished):
    written(store, [finished(), finished(seed=1, status="error")])
    other = Store(store.uri)
    assert other.claim(finished().spec, "s") is None
    assert other.claim(finished(seed=1).spec, "s")


def test_a_run_whose_driver_is_gone_is_lost_and_can_be_claimed(store, small):
    gone = Store(store.uri)
    with working(gone):
        gone.start(small(), "s")
        assert store.mark_stale_runs(["copy"]) == 0
        assert store.running(["copy"]) == {small().identity}
    assert store.running(["copy"]) == set()
    assert store.claim(small(), "t")
    with working(store):
        assert store.mark_stale_runs(["copy"]) == 1
    ((_, record),) = store.records(["copy"])
    assert record.status == "interrupted"
    assert "stale" in record.reason


def test_a_run_whose_driver_ended_after_the_last_word_is_not_lost(store, client, finished, monkeypatch):
    """The status is written, MLflow's own is not yet: what is finished stays so."""
    with monkeypatch.context() as killed:
        killed.setattr(store, "terminate", lambda *_: None)
        written(store, [finished()])
    Store(store.uri).mark_stale_runs(["copy"])
    ((run_id, record),) = store.records(["copy"])
    assert record.status == "ok"
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_run_that_is_not_finished_is_no_record(store, small):
    store.start(small(), "s")
    assert list(store.records(["copy"])) == []


def test_a_record_half_written_is_no_record(store, finished, monkeypatch):
    record = finished()
    run_id = store.start(record.spec, "s")
    monkeypatch.setattr(store._client, "set_tag", _full)
    with pytest.raises(StoreError, match="full"):
        store.finish(run_id, record)
    assert list(store.records(["copy"])) == []


def test_a_cell_shows_its_settings_resolved_and_asked(store, client, finished):
    record = finished(architecture_options={"lstm.forget_bias": 0.5}, asked={"lstm.forget_bias": 0.5})
    (run_id,) = written(store, [record])
    run = client.get_run(run_id)
    assert run.data.params["lstm.forget_bias"] == "0.5"
    assert run.data.params["hidden_size"] == "8"
    assert run.data.tags["harness.asked"] == '{"lstm.forget_bias": 0.5}'
    assert run.data.metrics["parameters"] == 110
    assert run.data.metrics["chance"] == 0.125
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(("status", "shown"), [("error", "FAILED"), ("interrupted", "KILLED"), ("ok", "FINISHED")])
def test_mlflow_shows_how_a_run_ended(store, client, finished, status, shown):
    (run_id,) = written(store, [finished(status=status)])
    assert client.get_run(run_id).info.status == shown


def test_tasks_and_their_variants_have_experiments_of_their_own(store, client, finished):
    written(store, [finished(), finished(task_label="parentheses variant=next")])
    names = {experiment.name for experiment in client.search_experiments()} - {"Default"}
    assert names == {"harness-copy", "harness-parentheses variant=next"}


def test_the_newest_experiment_is_found_or_its_absence_told(store, finished):
    with pytest.raises(HarnessError, match="holds no records yet: harness run"):
        store.newest_experiment()
    written(store, [finished()])
    assert store.newest_experiment() == store.task_experiment("copy")
    with pytest.raises(UsageError, match="Known: copy"):
        store.newest_experiment("adding")


def test_artifacts_lie_beside_the_database(store, client, finished, tmp_path):
    written(store, [finished()])
    experiment = client.get_experiment(store.task_experiment("copy"))
    assert experiment.artifact_location == (tmp_path / "mlartifacts").as_uri()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 50])
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    with pytest.raises(HarnessError, match="not a readable database"):
        open_client(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_store_in_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="does not exist"):
        open_client(f"sqlite:///{tmp_path}/nowhere/mlflow.db")


def _full(*_, **__):
    raise OSError("the disk is full")
