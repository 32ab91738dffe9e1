"""`harness inspect`: runs are trained or found, looked into, reported and recorded; what cannot be done is said."""

from __future__ import annotations

import json
import re

import pytest

from harness.tracking import tags as names
from harness.tracking.store import Store
from harness.tracking.tags import Kind, equals

TINY = "--steps 6 --batch 4 --validate-every 3 --validation-sequences 8 --test-sequences 8 --set hidden_size=6"
LINE = f"inspect --arch rnn,lstm --task first_token --length 6 --seeds 2 --engine inline {TINY}"


def test_what_is_missing_is_trained_then_looked_into_and_written(harness, here):
    said = harness(f"{LINE} --format html,csv,json")
    assert said.code == 0, said.err
    assert "Inside models of first_token, T=6" in said.out
    written = [line for line in said.out.splitlines() if line.startswith("report-")]
    assert [name.partition(".")[2] for name in written] == ["inspection.html", "csv", "inspection.csv", "json"]
    content = json.loads((here / written[-1]).read_text())
    assert [(one["label"], one["seed"]) for one in content["inspections"]] == [
        ("rnn", 0),
        ("lstm", 0),
        ("rnn", 1),
        ("lstm", 1),
    ]


def test_typed_again_nothing_is_trained_and_mlflow_has_each_inspection_once(harness, here):
    harness(LINE)
    again = harness(LINE)
    assert "4 finished before" in again.err
    found = list(Store("sqlite:///mlflow.db").search("harness-first_token", equals(names.KIND, Kind.INSPECTION)))
    assert len(found) == 4
    assert {"gradient_by_lag", "gradient_by_lag_at_start", "decoded_by_lag"} <= found[0].data.metrics.keys()


def test_runs_on_record_are_looked_into_by_their_identity_each_into_a_file_of_its_own(harness, here):
    harness(f"run --arch gru --task copy --length 3 --seeds 2 --engine inline {TINY}")
    first, second = (one["identity"] for one in json.loads(harness("runs --json").out))
    said = harness(f"inspect {first[:8]}")
    assert said.code == 0, said.err
    assert "gru" in said.out
    harness(f"inspect {second[:8]}")
    assert harness(f"inspect {first[:8]}").out.splitlines()[-1] == said.out.splitlines()[-1]
    written = sorted(path.name for path in here.glob("report*"))
    assert len(written) == 2
    assert all(re.fullmatch(r"report-[0-9a-f]{8}\.inspection\.html", name) for name in written)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("inspect", "needs runs (harness runs lists them), or --arch and --task"),
        ("inspect --arch lstm", "needs runs (harness runs lists them), or --arch and --task"),
        ("inspect 1f3a --arch lstm --task copy", "takes runs, or --arch and --task"),
        ("inspect --arch lstm --task copy,adding", "looks at one task at a time"),
        ("inspect --arch lstmm --task copy", "Did you mean 'lstm'"),
    ],
)
def test_a_wrong_line_is_refused_before_anything_is_trained(refused, here, line, complaint):
    assert complaint in refused(line)


def test_an_unknown_symbol_and_a_run_without_weights_are_refused_in_words(harness, here):
    line = f"inspect --arch lstm --task first_token --length 6 --engine inline {TINY}"
    assert "'Z' is no symbol of this task" in harness(f"{line} --sequence ZA").err
    without = harness(f"{line.replace('lstm', 'gru')} --keep-weights none")
    assert without.code == 2
    assert "has no weights" in without.err
    assert "Traceback" not in without.err
