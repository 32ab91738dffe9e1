"""`harness report` and `harness compare`: from the store to files and verdicts, and what they say when they cannot."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
from mlflow.tracking import MlflowClient

from harness.record import Scores
from harness.spec import Planned, SweepSpec
from harness.tracking import sweep_log
from harness.tracking.store import Store

from ..made_up import made_up

SMALL = "--steps 20 --validation-sequences 8 --test-sequences 8 --set hidden_size=4 --engine inline --quiet"


@pytest.fixture(scope="session")
def filled(empty_store, tmp_path_factory):
    """A store with one sweep on record, `aaaa`: two architectures, two lengths and two seeds, one run missing."""
    folder = tmp_path_factory.mktemp("filled")
    shutil.copy(empty_store, folder / "mlflow.db")
    records = made_up(["copy"], ["gru", "rnn"], [10, 50], seeds=2, failures=False, points=4)
    keep(folder, "aaaa", records, missing=1)
    return folder / "mlflow.db"


def keep(folder, name, records, missing=0):
    """Writes a sweep to the store in a folder, all but the last few runs of it."""
    store = Store(f"sqlite:///{folder / 'mlflow.db'}")
    plan = [Planned.of(record.spec) for record in records]
    with sweep_log.recording(store, name, SweepSpec(("gru", "rnn"), ("copy",)), "harness run --arch gru,rnn", plan):
        for record in records[: len(records) - missing]:
            store.finish(store.start(record.spec, name), record)


@pytest.fixture
def there(folder, filled):
    """A working folder with that store in it."""
    shutil.copy(filled, folder / "mlflow.db")
    return folder


def test_the_newest_sweep_becomes_one_page_whose_path_is_printed(harness, there):
    said = harness("report")
    assert (said.code, said.err) == (0, "")
    assert said.out == "report-aaaa.html\n"
    page = (there / "report-aaaa.html").read_text()
    assert "1 of 8 runs is missing." in page
    assert "harness report --sweep aaaa" in page
    assert "Cho et al. 2014" in page
    assert "learning curves" in page


def test_every_format_goes_into_the_folder_that_is_named(harness, there):
    said = harness("report --sweep aa --format html,md,csv json --out deep/er --figures figures")
    assert said.code == 0
    paths = [Path(line) for line in said.out.splitlines()]
    assert [path.name for path in paths[:4]] == [f"report-aaaa.{kind}" for kind in ("html", "md", "csv", "json")]
    assert {path.parent for path in paths[:4]} == {Path("deep/er")}
    assert Path("figures/copy-accuracy.pdf") in paths
    assert all((there / path).stat().st_size > 100 for path in paths)


def test_the_terminal_is_a_format_too(harness, there, capsys):
    said = harness("report --format term")
    assert said.code == 0
    assert "gru" in said.out
    assert not list(there.glob("report*"))


def test_every_number_is_the_same_in_the_store_the_csv_and_the_page(harness, here):
    assert harness(f"run --arch rnn,gru --task copy --length 2,3 --seeds 2 --test-length 5 {SMALL}").code == 0
    assert harness("report --format csv,json,html --out out").code == 0
    (path,) = (here / "out").glob("*.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    client = MlflowClient("sqlite:///mlflow.db")
    experiment = client.get_experiment_by_name("harness-copy").experiment_id
    runs = {
        run.data.tags["harness.identity"]: run.data.metrics
        for run in client.search_runs([experiment], "tags.`harness.kind` = 'run'")
    }
    assert len(runs) == 8
    for row in rows:
        metric = row["metric"] if row["metric"] != "score" else "accuracy"
        suffix = "" if row["tested_at"] in ("", row["trained_at"]) else f"_at_{row['tested_at']}"
        if metric != "solved":
            assert float(row["value"]) == runs[row["identity"]][metric + suffix], row
    page = next((here / "out").glob("*.html")).read_text()
    content = json.loads(next((here / "out").glob("*.json")).read_text())
    for one in content["summary"]["tasks"][0]["architectures"]:
        for cell in one["lengths"]:
            key = ("score", one["architecture"], str(cell["length"]))
            scores = [float(r["value"]) for r in rows if (r["metric"], r["architecture"], r["trained_at"]) == key]
            assert cell["mean"] == fmean(scores)
            assert f">{fmean(scores):.1%}</td>" in page
            assert cell["range"] == [min(scores), max(scores)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("report --sweep zz", "zz"),
        ("report --format pdf", "No report 'pdf'. Known: csv, figures, html"),
        ("report --out /proc/nowhere", "cannot be written"),
        ("report --figures /proc/nowhere", "cannot be written"),
        ("report --out mlflow.db", "cannot be written"),
        ("compare", "takes two architectures, or --baseline FILE"),
        ("compare gru", "takes two architectures, or --baseline FILE"),
        ("compare gru rnn --baseline x.json", "takes two architectures, or --baseline FILE"),
        ("compare gru rrnn", "No architecture with a result called 'rrnn'. Did you mean 'rnn'?"),
        ("compare gru rrnn", "(in sweep aaaa, the newest; --sweep NAME takes another)"),
        ("compare gru rrnn --sweep aaaa", "(in sweep aaaa)"),
        ("compare gru rnn --task coppy", "Did you mean 'copy'?"),
        ("compare --baseline nowhere.json", "nowhere.json cannot be read: No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_with_the_way_out(harness, there, line, said):
    done = harness(line)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") <= 3
    assert done.out == ""


@pytest.mark.parametrize("line", ["report", "compare gru rnn"])
def test_without_records_the_way_to_begin_is_said_and_no_store_is_made(harness, folder, line):
    done = harness(line)
    assert done.code == 1
    assert "no records yet: harness run" in done.err
    assert list(folder.iterdir()) == []


def test_two_architectures_are_compared_with_a_verdict_and_a_table(harness, there):
    done = harness("compare gru rnn --task copy")
    assert done.code == 0
    assert done.out.startswith("copy: gru and rnn cannot be told apart (gru minus rnn +0.")
    assert "2 seeds; a test needs 6" in " ".join(done.out.split())
    assert "chance" in done.out
    assert harness("compare rnn gru --task copy").out.startswith(
        "copy: rnn and gru cannot be told apart (rnn minus gru -0."
    )
    assert harness("compare gru rnn --fail-on regression").code == 3
    assert harness("compare rnn gru --fail-on regression").code == 0


def test_a_baseline_of_the_same_records_finds_no_change(harness, there):
    assert harness("report --format json").code == 0
    done = harness("compare --baseline report-aaaa.json --fail-on regression")
    assert done.code == 0
    assert done.out.count("as before (+0.000 of the score") == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: "[" * 100_000, "is nested too deeply"),
        (lambda text: '{"version": 2, "records": [' + "9" * 5000 + "]}", "is not JSON"),
        (lambda text: text.replace('"seed": 0', '"seed": "zero"', 1), "seed"),
        (lambda text: text.replace('"lr": 0.005', '"lr": [1]', 1), "lr"),
        (lambda text: text.replace('"status": "ok"', '"status": "splendid"', 1), "status"),
        (lambda text: re.sub('"accuracy": 0[.0-9]*, "bits"', '"accuracy": 17.0, "bits"', text, count=1), "0 and 1"),
    ],
)
def test_a_damaged_baseline_is_refused_in_a_line_before_anything_is_computed(harness, there, change, complaint):
    harness("report --format json")
    file = there / "report-aaaa.json"
    text = json.dumps(json.loads(file.read_text()), sort_keys=True)
    changed = change(text)
    assert changed != text
    file.write_text(changed)
    said = harness("compare --baseline report-aaaa.json")
    assert (said.code, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1
    assert complaint in said.err


def test_a_regression_and_what_is_gone_end_with_3_where_that_was_asked(harness, there):
    harness("report --format json")
    worse = made_up(["copy"], ["gru"], [10, 50], seeds=2, failures=False, points=4)
    worse = [replace(r, spec=replace(r.spec, lr=0.1), scores={r.spec.length: Scores(0.2, 1.0, 0.0)}) for r in worse]
    keep(there, "bbbb", worse)
    done = harness("compare --baseline report-aaaa.json --fail-on regression")
    assert done.code == 3
    said = " ".join(done.out.split())  # wherever lines are broken
    assert "copy: gru WORSE (-0." in said
    assert "solved up to T=50 before, no length now" in said
    assert "rnn is in the baseline and has no result now" in done.err
    assert harness("compare --baseline report-aaaa.json").code == 0
