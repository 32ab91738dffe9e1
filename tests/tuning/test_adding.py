"""What a search is for: on adding, at equal parameters, it finds settings that learn."""

import json

import pytest

from harness.cli.main import main
from harness.tracking.store import Store

STEPS, TRIALS, ENOUGH = 2000, 30, 0.01


@pytest.mark.slow  # a quarter of an hour on two cores
def test_within_30_trials_lstm_and_gru_reach_a_squared_error_under_one_hundredth(folder, capsys):
    line = f"tune --arch lstm,gru --task adding --length 100 --trials {TRIALS} --params 5k --steps {STEPS} --json"
    assert main([*line.split(), "--confirm-seeds", "0"]) == 0
    found = {one["label"]: one for one in json.loads(capsys.readouterr().out)}
    store = Store(f"sqlite:///{folder / 'mlflow.db'}")
    for label in ("lstm", "gru"):
        one = found[label]
        assert sum(one["counts"].values()) == TRIALS
        query = f"tags.`harness.study` = '{one['study']}' and tags.`harness.trial` = '{one['trial']}'"
        (run,) = store.search("harness-adding", f"{query} and tags.`harness.kind` = 'trial'")
        assert run.data.metrics["validation_loss"] < ENOUGH
        assert run.data.metrics["parameters"] == pytest.approx(5000, rel=0.05)
