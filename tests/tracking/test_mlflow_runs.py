"""What happens between us and MLflow: locks, deletions in its page, names and texts that it refuses."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from harness.errors import HarnessError, StoreError
from harness.tracking import connect, tags
from harness.tracking.address import sqlite_path, sqlite_uri
from harness.tracking.mlflow_runs import experiment_of
from harness.tracking.store import Store


def record(store, made):
    run_id = store.start(made.spec, "s")
    store.finish(run_id, made)
    return run_id


@pytest.fixture
def locked(store_uri, monkeypatch):
    """Another connection that has locked the store's file."""
    monkeypatch.setattr(connect, "_SECONDS_BETWEEN_TRIES", 0.05)
    with closing(sqlite3.connect(sqlite_path(store_uri), check_same_thread=False, isolation_level=None)) as database:
        database.execute("begin exclusive")
        yield database


def count_tables(uri):
    """Reads the store's file, and does not wait by itself."""
    with closing(sqlite3.connect(sqlite_path(uri), timeout=0)) as database:
        return database.execute("select count(*) from sqlite_master").fetchone()[0]


def test_a_locked_store_is_waited_for_and_this_is_said_once(store_uri, locked, capsys):
    threading.Timer(0.5, lambda: locked.execute("rollback")).start()
    assert connect.ask(lambda: count_tables(store_uri), store_uri) > 10
    assert capsys.readouterr().err.count("is locked by another process; waiting up to 60 s") == 1


def test_waiting_for_a_lock_has_an_end(store_uri, locked, monkeypatch):
    monkeypatch.setattr(connect, "SECONDS_FOR_A_LOCK", 0.2)
    with pytest.raises(StoreError, match="database is locked"):
        connect.ask(lambda: count_tables(store_uri), store_uri)


def test_a_store_that_is_locked_while_it_is_opened_is_no_damaged_one(store_uri, locked, monkeypatch):
    monkeypatch.setattr(connect, "SECONDS_FOR_A_LOCK", 0.2)
    monkeypatch.setattr(connect, "_tables", lambda path: count_tables(store_uri))
    with pytest.raises(HarnessError, match=r"cannot be opened: database is locked"):
        connect.open_client(store_uri)


def test_an_experiment_that_was_deleted_is_restored_when_it_is_written_to(store, client, finished, capsys):
    record(store, finished())
    client.delete_experiment(store.task_experiment("copy"))
    assert list(Store(store.uri).records(["copy"])) == []
    other = Store(store.uri)
    record(other, finished(seed=1))
    assert "'harness-copy' had been deleted in MLflow; it is restored" in capsys.readouterr().err
    assert {found.record.spec.seed for found in other.records(["copy"])} == {0, 1}


def test_an_experiment_that_is_deleted_while_a_command_runs_is_restored(store, client, finished, capsys):
    record(store, finished())
    client.delete_experiment(store.task_experiment("copy"))
    record(store, finished(seed=1))
    assert "it is restored" in capsys.readouterr().err
    assert len(list(store.records(["copy"]))) == 2


def test_a_run_that_is_deleted_before_its_record_is_written_is_restored(store, client, finished, capsys):
    run_id = store.start(finished().spec, "s")
    client.delete_run(run_id)
    store.finish(run_id, finished())
    assert "had been deleted in MLflow while it was written to; it is restored" in capsys.readouterr().err
    assert [found.record.status for found in store.records(["copy"])] == ["ok"]


ODD = ["cell (1)", "q?x%20", "셀—x", "a'b\"c", "n" * 600, "\ud800 half", "../up", "two\nlines", "nul\0"]


@pytest.mark.parametrize("label", ODD)
def test_names_of_any_kind_are_recorded_and_the_label_is_kept(store, finished, label):
    options = {f"{label}.leak": 0.5}
    made = finished(label=label, task_label=label, architecture_options=options, asked=options)
    record(store, made)
    (found,) = store.records([label])
    assert found.record.spec == made.spec
    stored = label.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    assert store.task_labels() == [stored]


def test_two_odd_names_of_options_stay_two(store, client, finished):
    options = {"a(b.x": 1, "a)b.x": 2}
    run_id = record(store, finished(architecture_options=options))
    values = client.get_run(run_id).data.params
    assert sorted(value for key, value in values.items() if key.startswith("a_b.x ")) == ["1", "2"]


def test_long_tasks_that_begin_alike_have_experiments_of_their_own():
    assert experiment_of("t" * 600) != experiment_of("t" * 601)
    assert len(experiment_of("t" * 600)) <= 500


def test_a_text_of_any_length_is_kept_whole(store, finished):
    made = replace(finished(status="error"), reason="r" * 9000, traceback="t" * 30_000, output="o\n" * 20_000)
    record(store, made)
    ((_, found),) = store.records(["copy"])
    assert (found.reason, found.traceback, found.output) == (made.reason, made.traceback, made.output)


def test_long_texts_are_tags_that_fit():
    parts = tags.long_text("harness.plan", "x" * 20_000)
    assert max(map(len, parts.values())) < 8000
    assert tags.read_long_text(parts, "harness.plan") == "x" * 20_000
    assert tags.read_long_text({"harness.planned": "y"}, "harness.plan") == ""


@pytest.mark.parametrize("folder", ["what?now", "p%20x", "a#b", "셀 %41", "plain"])
def test_a_store_lies_in_a_folder_of_any_name(tmp_path, monkeypatch, empty_store, folder):
    home = tmp_path / folder
    home.mkdir()
    (home / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.chdir(home)
    store = Store("sqlite:///mlflow.db")
    store.experiment("harness-copy")
    assert [path.name for path in tmp_path.iterdir()] == [folder]
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        assert ("harness-copy",) in database.execute("select name from experiments").fetchall()


@pytest.mark.parametrize("name", ["/tmp/what?now/a.db", "/tmp/p%20x/a.db", "/tmp/plain/a.db"])
def test_the_address_of_a_file_leads_back_to_it(name):
    from pathlib import Path

    from sqlalchemy.engine import make_url

    assert make_url(sqlite_uri(Path(name))).database == name


DAMAGE = {
    "spec": ("harness.spec", "{"),
    "a type": ("harness.spec", None),
    "a status": ("harness.status", "splendid"),
    "no spec": ("harness.spec", ""),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_record_is_noted_as_unreadable_and_breaks_nothing(store, client, finished, kind):
    good, bad = record(store, finished()), record(store, finished(seed=1))
    tag, value = DAMAGE[kind]
    spec = finished(seed=1).spec.to_json().replace('"length": 3', '"length": "three"')
    client.set_tag(bad, tag, spec if value is None else value)
    assert [found.run_id for found in store.records(["copy"])] == [good]
    assert list(store.unreadable) == [bad]
    assert store.unreadable[bad]


def test_a_record_without_its_score_is_unreadable(store, finished):
    record(store, replace(finished(), scores={}))
    assert list(store.records(["copy"])) == []
    assert "test accuracy at length 3 is missing" in next(iter(store.unreadable.values()))


def test_the_log_entry_of_a_driver_with_a_damaged_name_is_stale(store, client):
    client.create_run(store.experiment("harness"), tags={tags.KIND: "sweep", tags.DRIVER: "x", tags.HEARTBEAT: "soon"})
    assert store.drivers() == set()
