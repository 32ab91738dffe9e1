"""`harness study`: a study is checked, run, judged, reported and kept; what cannot be meant is refused at once."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.cli import study as cli_study

STUDY = """
question = "Does an LSTM learn the first token in a few steps?"
kind = "published"
source = "nobody"
printed_is = "one run"
deviations = ["It is tiny."]

[sweep]
arch = ["rnn", "lstm"]
task = "first_token"
length = 4
seeds = 7
steps = 4
validation_sequences = 8
test_sequences = 16
validate_every = 2

[sweep.set]
hidden_size = 4

[[expect]]
less = "lstm"
than = "rnn"
in = "steps_to_solve"

[[expect]]
of = "lstm"
in = "accuracy"
length = 4
printed = 0.01
within = "factor 2"
"""
RUN = "study run ./tiny.toml --engine inline --quiet"


@pytest.fixture
def tiny(folder):
    """Writes the study, with a text replaced; its path is ./tiny.toml."""

    def write(old="", new=""):
        assert old in STUDY
        (folder / "tiny.toml").write_text(STUDY.replace(old, new) if old else STUDY)
        return folder

    return write


@pytest.fixture
def stored(empty_store, folder):
    """An empty store in the working folder: making one takes seconds."""
    shutil.copy(empty_store, folder / "mlflow.db")


@pytest.mark.usefixtures("stored")
def test_a_study_is_run_judged_reported_and_kept(tiny, harness):
    folder = tiny()
    said = harness(f"{RUN} --json")
    assert said.code == 0, said.err
    record = json.loads(said.out)
    assert (record["verdict"], record["runs"], record["missing"], record["seeds"]) == ("not reproduced", 14, 0, 7)
    assert [one["verdict"] for one in record["findings"]] == ["undecided", "refuted"]
    assert record["written"] > 0
    assert record["runs_before"] == 0

    again = harness(RUN)
    assert "tiny: not reproduced" in again.out

    kept = harness("study report ./tiny.toml --keep --format html,md --out pages")
    assert kept.out.split() == [
        "results/tiny.json",
        "results/tiny.md",
        "pages/study-tiny.html",
        "pages/study-results.md",
    ]
    page = (folder / "pages" / "study-tiny.html").read_text()
    for text in ("tiny: not reproduced", "0.01, within a factor of 2", "It is tiny.", "harness study run tiny.toml"):
        assert text in page
    assert (folder / "results" / "tiny.md").read_text() in (folder / "pages" / "study-results.md").read_text()

    (folder / "mlflow.db").rename(folder / "elsewhere.db")
    from_kept = harness("study report ./tiny.toml --out again")
    assert from_kept.code == 0
    assert "not reproduced" in (folder / "again" / "study-tiny.html").read_text()


@pytest.mark.usefixtures("stored")
def test_what_was_changed_and_how_often_it_was_looked_at_is_told(tiny, harness):
    tiny()
    assert harness(RUN).code == 0
    assert harness(f"{RUN} --seeds 8").code == 0
    record = json.loads(harness(f"{RUN} --seeds 8 --json").out)
    assert [look["seeds"] for look in record["looks"]] == [7, 8]
    tiny("factor 2", "factor 90")
    said = harness(RUN.removesuffix(" --quiet"))
    assert "when 14 of its runs were finished" in said.err
    assert "It was changed after data were there: 1 other wording judged before" in said.err


@pytest.mark.usefixtures("stored")
def test_a_sweep_that_was_stopped_decides_nothing_and_is_no_look(tiny, harness, monkeypatch):
    folder = tiny()
    whole = cli_study.execute_work

    def stopped(arguments, uri, asked):
        planned, outcome = whole(arguments, uri, asked)
        outcome.records, outcome.interrupted = outcome.records[:-1], True
        return planned, outcome

    monkeypatch.setattr(cli_study, "execute_work", stopped)
    said = harness(RUN.removesuffix(" --quiet"))
    assert said.code == 130
    assert "tiny: undecided" in said.out
    assert "1 of 14 runs is missing" in said.out
    assert "1 run is missing: the same command runs the rest." in said.err
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    again = harness(RUN.removesuffix(" --quiet"))
    assert "tiny: not reproduced" in again.out
    assert "looked at" not in again.err


def test_a_study_that_was_not_run_as_it_is_written_has_no_report(tiny, refused):
    tiny()
    complaint = refused("study report ./tiny.toml", code=1)
    assert complaint == "harness: Study tiny was not run as it is written now: harness study run tiny.toml\n"


def test_check_says_what_is_asked_and_how_many_seeds_it_takes(tiny, harness):
    tiny()
    said = harness("study check ./tiny.toml")
    assert said.code == 0, said.err
    assert "1. On first_token, the number of steps to solve of lstm is lower than that of rnn." in said.out
    assert "2 expectations can be confirmed from 6 seeds on; the study has 7, enough" in said.out
    assert "the study has 5, too few: --seeds 6" in harness("study check ./tiny.toml --seeds 5").out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "published"', 'kindd = "published"', "No key 'kindd'. Did you mean 'kind'?"),
        ('printed_is = "one run"', "", "printed_is is missing"),
        ("steps = 4", "stepss = 4", "tiny.toml, [sweep]: No key 'stepss'. Did you mean 'steps'?"),
        ("steps = 4", "steps = 0", "[sweep]: argument --steps: must be at least 1, got 0"),
        ("steps = 4", "dry_run = true", "[sweep]: dry_run does not belong to a sweep."),
        ('task = "first_token"', "", "[sweep]: the following arguments are required: --task"),
        ('["rnn", "lstm"]', '["rnn", "lstmm"]', "[sweep]: No architecture 'lstmm'. Did you mean 'lstm'"),
        ("hidden_size = 4", "hidden_sizes = 4", "No option 'hidden_sizes'. Did you mean 'hidden_size'?"),
        ('of = "lstm"', 'of = "gru"', "[[expect]] 2: No architecture in the sweep called 'gru'."),
        ("length = 4\nprinted", "length = 5\nprinted", "[[expect]] 2: length = 5: the sweep tests at 4."),
        ("length = 4\nprinted", "trained_at = 3\nprinted", "[[expect]] 2: trained_at = 3: the sweep trains at 4."),
        ("length = 4\nprinted", 'task = "copy"\nprinted', "[[expect]] 2: No task in the sweep called 'copy'."),
        ('"first_token"', '["first_token", "copy"]', "[[expect]] 1: the sweep has 2 tasks: say task = "),
        ("length = 4\nseeds", "length = 4_000_000\nseeds", "[sweep]: first_token: takes lengths from"),
    ],
)
def test_a_study_that_cannot_be_meant_is_refused_before_anything_is_trained(tiny, refused, old, new, said):
    folder = tiny(old, new)
    for verb in ("check", "run"):
        complaint = refused(f"study {verb} ./tiny.toml" + " --engine inline" * (verb == "run"))
        assert said in complaint
    assert not (folder / "mlflow.db").exists()


def test_bits_of_a_task_whose_answers_are_vectors_are_refused(tiny, refused):
    folder = tiny('"first_token"', '"adding"')
    path = folder / "tiny.toml"
    path.write_text(path.read_text().replace('in = "accuracy"', 'in = "bits"'))
    assert "[[expect]] 2: adding has no bits: its answers are vectors, not classes. Take loss." in refused(
        "study check ./tiny.toml"
    )


def test_a_sweep_that_its_task_refuses_is_refused_before_anything_is_trained(tiny, refused):
    folder = tiny('["rnn", "lstm"]', '["rnn", "lstm", "bidirectional:lstm"]')
    path = folder / "tiny.toml"
    path.write_text(path.read_text().replace('"first_token"', '"charlm"'))
    complaint = refused("study run ./tiny.toml --engine inline")
    assert "tiny.toml, [sweep]: bidirectional:lstm on charlm: refused" in complaint


def test_a_name_that_no_study_has_is_refused(folder, refused):
    assert "No study 'nothing'." in refused("study run nothing")
    (folder / "mine.toml").write_text("")
    assert "The file here is named by its path: ./mine.toml" in refused("study check mine")
    assert "nowhere.toml cannot be read: No such file or directory." in refused("study check ./nowhere.toml")


def test_the_list_has_every_installed_study(harness):
    said = harness("study list --json")
    assert said.code == 0
    for row in json.loads(said.out):
        assert row["question"].endswith("?")
        assert row["from"].startswith("rnn-harness ")
