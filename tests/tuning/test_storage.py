"""Where studies are kept: opened, made, or refused before anything is written into it."""

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
