"""Training on a range of lengths, from the command to the points of the curve."""

import json
import re
from dataclasses import replace

import pytest
import torch

from harness.analysis.aggregation import summarise
from harness.cli.main import main
from harness.errors import RefusedError
from harness.report import Results
from harness.training.execution import refuse_execution

FEW = ["--steps", "4", "--batch", "4", "--validation-sequences", "40", "--test-sequences", "8", "--engine", "inline"]


@pytest.fixture
def ranged(small):
    return lambda **changes: small(length=40, length_from=3, **changes)


def test_a_range_is_tested_at_the_lengths_asked_only(ranged, small):
    assert ranged(test_lengths=(64, 128)).tested == [64, 128]
    assert ranged(test_lengths=(64, 128)).points == [64, 128]
    assert ranged().tested == ranged().points == [40]
    assert small(length=40, test_lengths=(64,)).tested == [40, 64]
    assert small(length=40, test_lengths=(64,)).points == [40]
    assert ranged().longest == 40
    assert ranged(test_lengths=(64,)).longest == 64


def test_the_range_is_in_the_identity(ranged, small):
    assert len({ranged().identity, small(length=40).identity, replace(ranged(), length_from=4).identity}) == 3


def test_the_curve_has_a_point_for_each_tested_length(folder, store_uri, capsys):
    command = ["run", "--arch", "rnn,gru", "--task", "parity", "--length", "3..6", "--test-length", "6..20:3", *FEW]
    assert main([*command, "--seeds", "2", "--json", "--quiet"]) == 0
    runs = json.loads(capsys.readouterr().out)
    assert [sorted(map(int, run["scores"])) for run in runs] == [[6, 13, 20]] * 4
    for run in runs:
        found = [scores["accuracy"] for scores in run["scores"].values()]
        assert run["accuracy"] == pytest.approx(sum(found) / 3)
    assert main([*command, "--seeds", "2"]) == 0
    shown = capsys.readouterr()
    assert "4 of 4 runs were finished before" in shown.err
    assert "trained on T=3 to 6" in shown.out
    assert re.search(r"length .* 6 .* 13 .* 20", shown.out)
    assert main(["show", runs[0]["identity"]]) == 0
    shown = capsys.readouterr().out
    assert "length 3..6, seed" in shown
    assert "--length 3..6 " in shown
    assert "--test-length 6,13,20" in shown
    assert main(["report", "--format", "html,csv,json,markdown"]) == 0


def test_the_summary_has_horizon_and_scores_over_tested_lengths(finished):
    lengths = (6, 13, 20)
    records = []
    for seed, accuracy in enumerate((0.95, 0.97, 0.99)):
        record = finished(accuracy=accuracy, length=6, length_from=3, test_lengths=lengths, seed=seed)
        found = {6: accuracy, 13: accuracy, 20: 0.3}
        record.scores = {length: replace(record.scores[6], accuracy=found[length]) for length in lengths}
        record.chances = dict.fromkeys(lengths, 0.125)
        records.append(record)
    task = summarise(Results(records)).tasks[0]
    assert task.lengths == lengths
    assert task.architectures[0].horizon == 13
    assert [at.solving for at in task.architectures[0].lengths.values()] == [3, 3, 0]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--length 40..3", "takes a range as SHORTEST..LONGEST, the shortest first, got 40..3"),
        ("--length 3..3", "takes a range as SHORTEST..LONGEST, the shortest first, got 3..3"),
        ("--length 3..40,50", "--length 3..40 is one range for every run: leave out the other lengths."),
        ("--length 3..40,20..60", "--length 3..40 is one range for every run"),
        ("--length 0..40", "must be at least 1, got 0"),
        ("--length 3..", "takes a range as SHORTEST..LONGEST, got '3..'"),
        ("--length 3..40:5", "takes a range as SHORTEST..LONGEST, got '3..40:5'"),
        ("--length 3..1000000", "takes lengths from 2 to 100,000, got 1,000,000."),
        ("--length 10 --test-length 40..256", "needs a number of lengths behind a range: 40..256:8"),
        ("--length 10 --test-length 40..256:1", "must be from 2 to 217, got 1"),
        ("--length 10 --test-length 40..44:9", "must be from 2 to 5, got 9"),
    ],
)
def test_what_is_no_range_is_refused_before_anything_is_trained(folder, store_uri, capsys, flags, complaint):
    try:
        code = main(["run", "--arch", "rnn", "--task", "parity", *flags.split(), *FEW])
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr()
    assert complaint in told.err + told.out
    assert code == 2


def test_a_range_is_refused_where_batches_must_have_one_shape(ranged):
    spec = ranged(execution="compile")
    with pytest.raises(RefusedError, match="needs batches of one shape, and a range of lengths has many"):
        refuse_execution(spec, torch.device("cuda"))
    refuse_execution(spec, torch.device("cpu"))  # generated loops take sequences of any length


def test_a_task_whose_shortest_length_is_above_the_range_says_so(folder, store_uri, capsys):
    assert main(["run", "--arch", "rnn", "--task", "parentheses", "--length", "2..9", *FEW]) == 2
    assert "parentheses: takes lengths from 4, got 2." in capsys.readouterr().err
