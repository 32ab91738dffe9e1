"""SIGKILL at random moments of a search, of the driver or a worker: the asked number of trials, none counted twice."""

import contextlib
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from harness.tracking.store import Store
from harness.tuning import storage

pytestmark = pytest.mark.slow

TRIALS, DEATHS = 12, 8
LINE = (
    f"tune --arch rnn,lstm --task copy --length 5 --trials {TRIALS} --steps 150 --validate-every 25 "
    "--validation-sequences 50 --jobs 2 --confirm-seeds 1 --top 2 --retry 9 --quiet"
)


def test_a_search_that_was_killed_again_and_again_ends_with_the_asked_number_of_trials(tmp_path):
    chance, deaths = random.Random(5), Counter()
    while deaths.total() < DEATHS:
        disturb(begin(tmp_path), chance, deaths)
    assert min(deaths["driver"], deaths["worker"]) > 1, deaths
    assert begin(tmp_path).wait(timeout=300) == 0
    assert begin(tmp_path).wait(timeout=300) == 0  # and has nothing left to do

    kept = storage.open_storage(str(tmp_path / storage.DEFAULT_NAME))
    for name in optuna.get_all_study_names(kept):
        trials = optuna.load_study(study_name=name, storage=kept).trials
        standing = [trial for trial in trials if not trial.user_attrs.get("stale")]
        assert [trial.state.is_finished() for trial in standing] == [True] * TRIALS
        assert len({repr(trial.params) for trial in standing}) == TRIALS
        assert all(trial.state == TrialState.FAIL for trial in trials if trial not in standing)
        assert any(trial.params["lr"] == 0.005 for trial in standing)  # the default was not lost
        assert one_record_each(tmp_path, name.split()[-1], standing)


def one_record_each(folder, study, trials):
    """Whether MLflow holds exactly one ended run of each trial that counts, and none that still runs."""
    store = Store(f"sqlite:///{folder / 'mlflow.db'}")
    runs = list(store.search("harness-copy", f"tags.`harness.study` = '{study}'"))
    assert all(run.info.status != "RUNNING" for run in runs)
    done = [run.data.tags for run in runs if run.data.tags.get("harness.status") in ("ok", "pruned", "diverged")]
    counts = Counter(int(tags["harness.trial"]) for tags in done if tags["harness.kind"] == "trial")
    return all(counts[trial.number] == 1 for trial in trials)


def begin(folder):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "harness.cli.main", *shlex.split(LINE)]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)


def disturb(process, chance, deaths):
    """Kills workers, until the driver is killed or ends; now and then before there are workers."""
    patience = chance.uniform(0, 15) if chance.random() < 0.2 else 60
    while process.poll() is None and deaths.total() < DEATHS:
        deadline = time.monotonic() + patience
        while process.poll() is None and not descendants(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 2))
        workers = descendants(process.pid)
        victim = "worker" if workers and chance.random() < 0.5 else "driver"
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(workers) if victim == "worker" else process.pid, signal.SIGKILL)
            deaths[victim] += 1
        if victim == "driver":
            process.wait(timeout=60)
    process.wait(timeout=300)  # where a worker was the last to die, the search goes on to its end


def descendants(pid):
    """The children of its children: workers are forked by the fork server."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    return [one for one, parent in parents.items() if parents.get(parent) == pid]
