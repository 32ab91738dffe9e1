"""Where studies are kept: opened, made, or refused before anything is written into it."""

import os
import sqlite3

import optuna
import pytest

from harness.errors import HarnessError, UsageError
from harness.tuning import storage


def test_a_journal_and_a_database_are_made_where_there_is_none(tmp_path):
    for place in (tmp_path / "trials.journal", f"sqlite:///{tmp_path / 'trials.db'}"):
        optuna.create_study(storage=storage.open_storage(str(place)), study_name="one")
        assert optuna.get_all_study_names(storage.open_storage(str(place))) == ["one"]


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(HarnessError, match=r"is not an Optuna journal.*--storage"):
        storage.open_storage(str(path))
    assert path.read_text() == "my notes\n"


def test_a_database_of_something_else_is_refused_and_left_alone(store_uri, tmp_path):
    tables = "select name from sqlite_master order by name"
    before = sqlite3.connect(tmp_path / "mlflow.db").execute(tables).fetchall()
    with pytest.raises(HarnessError, match="not an Optuna storage"):
        storage.open_storage(store_uri)
    assert sqlite3.connect(tmp_path / "mlflow.db").execute(tables).fetchall() == before


@pytest.mark.parametrize("place", ["http://somewhere/", "file:trials", "nonsense://x/y"])
def test_an_address_that_is_no_storage_is_refused(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if place.startswith("file"):
        place = "file://trials"
    with pytest.raises(HarnessError):
        storage.open_storage(place)


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(HarnessError, match="does not exist"):
        storage.open_storage(str(tmp_path / "gone" / "trials.journal"))


def test_a_password_is_not_shown():
    assert storage.without_password("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"


def test_the_default_lies_beside_an_embedded_store(tmp_path, monkeypatch):
    assert storage.resolve(None, f"sqlite:///{tmp_path}/mlflow.db") == str(tmp_path / storage.DEFAULT_NAME)
    monkeypatch.chdir(tmp_path)
    assert storage.resolve(None, "http://server:5000") == str(tmp_path / storage.DEFAULT_NAME)
    assert storage.resolve("elsewhere.journal", "http://server:5000") == "elsewhere.journal"


def test_usage_errors_name_both_forms():
    with pytest.raises(UsageError, match=r"postgresql://.*sqlite:///"):
        storage.open_storage("https://host/db")


def with_trials(path):
    study = optuna.create_study(study_name="s", storage=storage.open_storage(str(path)))
    for value in (1.0, 2.0):
        study.tell(study.ask(), value)


@pytest.mark.parametrize(
    "torn", [b'{"op_code": 5, "worker', b'{"op_code": 5, "worker{"op_code": 4}\n{"op_code": 4}\n', b"\0" * 50]
)
def test_a_journal_is_cut_before_its_first_torn_line_and_the_rest_is_kept_beside_it(tmp_path, capsys, torn):
    path = tmp_path / "trials.journal"
    with_trials(path)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    study = optuna.load_study(study_name="s", storage=storage.open_storage(str(path)))
    assert [trial.value for trial in study.trials] == [1.0, 2.0]
    assert path.read_bytes() == whole
    assert (tmp_path / "trials.journal.torn").read_bytes() == torn
    assert "trials.journal.torn now, and all trials before them are kept" in capsys.readouterr().err
    study.tell(study.ask(), 3.0)


def test_a_whole_journal_is_left_alone(tmp_path, capsys):
    path = tmp_path / "trials.journal"
    with_trials(path)
    with_trials_before = path.read_bytes()
    storage.open_storage(str(path))
    assert path.read_bytes() == with_trials_before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("dangling", [False, True])
def test_the_lock_of_a_command_that_was_killed_is_told_and_removed(tmp_path, monkeypatch, capsys, dangling):
    monkeypatch.setattr(storage, "_SECONDS_FOR_A_LOCK", 3)
    monkeypatch.setattr(storage, "_SILENT_SECONDS", 0.1)
    path = tmp_path / "trials.journal"
    with_trials(path)
    (tmp_path / "trials.journal.lock").symlink_to("nothing" if dangling else path)
    study = optuna.load_study(study_name="s", storage=storage.open_storage(str(path)))
    assert len(study.trials) == 2
    assert ("locks the trials" in capsys.readouterr().err) is not dangling
    assert not os.path.lexists(tmp_path / "trials.journal.lock")
