"""Whatever becomes of a store: a clear message, an exit code, nothing finished lost."""

import contextlib
import json
import os
import resource
import sqlite3

import pytest

TINY = "--steps 3 --batch 4 --validation-sequences 8 --test-sequences 8 --engine inline"
COPY = "run --arch rnn --task copy --length 2"


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: path.write_text("dear diary"), "is not a readable database (file is not a database)"),
        (lambda path: path.write_bytes(path.read_bytes()[:100_000]), "is not a readable database"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a readable database"),
    ],
)
def test_a_damaged_store_is_refused_and_left_as_it_is(make, complaint, refused, here):
    store = here / "mlflow.db"
    make(store)
    before = store.read_bytes() if store.is_file() else None
    assert complaint in (said := refused(f"{COPY} {TINY}"))
    assert "Move it away, or name another store with --tracking-uri" in said
    assert before == (store.read_bytes() if store.is_file() else None)


def test_a_database_of_something_else_is_not_written_to(refused, here):
    with sqlite3.connect(here / "other.db") as other:
        other.execute("create table measurements (value real)")
    other.close()
    before = (here / "other.db").read_bytes()
    said = refused(f"{COPY} {TINY} --tracking-uri sqlite:///other.db")
    assert "other.db is a database of something else, not an MLflow store." in said
    assert (here / "other.db").read_bytes() == before
    assert not list(here.glob("other.db?*"))


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("sqlite:///none/mlflow.db", "for the store mlflow.db does not exist"),
        ("sqlite:////proc/mlflow.db", "cannot be written"),
        ("mlflow.db", "'mlflow.db' is no address of a store: a file is sqlite:///mlflow.db, a server http://"),
        ("./mlruns", "is no address of a store"),
        ("file:./mlruns", "is no address of a store"),
        ("nothing://like/it", "cannot be opened: "),
        ("postgresql+nothing://like/it", "cannot be opened: "),
        ("http://127.0.0.1:1", "cannot be opened: API request to http://127.0.0.1:1/"),
    ],
)
def test_a_store_that_cannot_be_there_is_refused(address, complaint, refused, here, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    assert complaint in refused(f"{COPY} {TINY} --tracking-uri {address}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(refused, here):
    (here / "mlflow.db").unlink()
    here.chmod(0o555)
    try:
        assert "cannot be written" in refused(f"{COPY} {TINY}")
    finally:
        here.chmod(0o755)


@pytest.fixture
def room():
    """Limits how large files may become, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextlib.contextmanager
    def only(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return only


def test_a_store_that_could_not_be_made_whole_is_not_there(harness, refused, room, folder):
    with room(100_000):
        assert "The store sqlite:///mlflow.db cannot be opened: " in refused(f"{COPY} {TINY}")
    assert not (folder / "mlflow.db").exists()
    assert harness(f"{COPY} {TINY}").code == 0
    assert {path.name for path in folder.glob("mlflow.db*")} == {"mlflow.db", "mlflow.db.lock"}


def test_a_full_disk_keeps_what_is_finished_and_the_same_command_does_the_rest(harness, room, here, monkeypatch):
    monkeypatch.setattr("harness.sweeps.driver._SECONDS_FOR_A_FILE", 1)
    line = f"run --arch rnn --task copy --length 2 --seeds 20 {TINY} --json"
    with room((here / "mlflow.db").stat().st_size + 40_000):
        complaint = harness(line)
    assert (complaint.code, complaint.out) == (1, "")
    assert "The store sqlite:///mlflow.db failed: " in complaint.err
    assert "What it holds is kept." in complaint.err
    assert "Traceback" not in complaint.err
    written = complaint.err.count(": test accuracy")
    again = harness(line)
    assert 1 <= written < 20
    assert f"20 runs planned, {written} finished before" in again.err
    assert [record["status"] for record in json.loads(again.out)] == ["ok"] * 20
