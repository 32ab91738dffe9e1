"""A sweep: what it plans, what it leaves out because it is done, and that nothing finished is lost."""

import pytest
import torch

from harness.engines.inline import Inline
from harness.errors import UsageError
from harness.record import Record
from harness.spec import SweepSpec
from harness.sweeps.execute import SweepRequest, execute
from harness.sweeps.plan import plan
from harness.sweeps.progress import Quiet
from harness.tracking.store import Store

SMALL = {"steps": 4, "batch_size": 4, "validate_every": 2, "validation_sequences": 8, "test_sequences": 8}


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


def sweep(**changes):
    asked = {"architectures": ("rnn", "gru"), "tasks": ("copy",), "lengths": (2, 3), "seeds": 2, "settings": SMALL}
    return SweepSpec(**{**asked, "options": {"hidden_size": ("4",)}, **changes})


def run_all(asked, store, engine=None, **kwargs):
    return execute(SweepRequest(asked, plan(asked), **kwargs), engine or Inline(torch.device("cpu")), store, Quiet())


def test_a_plan_is_the_whole_grid_in_the_order_in_which_a_comparison_grows():
    runs = plan(sweep())
    assert [(run.seed, run.length, run.architecture) for run in runs] == [
        (seed, length, name) for seed in (0, 1) for length in (2, 3) for name in ("rnn", "gru")
    ]
    assert all(run.steps == 4 and run.hidden_size == 4 for run in runs)


def test_every_combination_of_options_is_a_variant():
    runs = plan(sweep(architectures=("lstm",), seeds=1, options={"forget_bias": ("0", "1"), "hidden_size": ("4", "8")}))
    assert {(r.architecture_options["lstm.forget_bias"], r.hidden_size) for r in runs} == {
        (0.0, 4),
        (0.0, 8),
        (1.0, 4),
        (1.0, 8),
    }
    assert len({run.label for run in runs}) == 4


def test_lengths_are_the_tasks_own_where_none_are_given():
    from harness.training.build import build_task

    assert [run.length for run in plan(sweep(architectures=("rnn",), lengths=(), seeds=1))] == list(
        build_task("copy", {}).default_lengths
    )


def test_models_of_a_budget_have_as_many_parameters_as_whole_numbers_allow():
    from harness.training.build import build_model, build_task
    from harness.training.model import count_parameters

    runs = plan(sweep(architectures=("rnn", "lstm", "deep:gru"), lengths=(2,), seeds=1, params=20_000, options={}))
    counts = [count_parameters(build_model(run, build_task("copy", {}))) for run in runs]
    assert all(abs(count - 20_000) < 400 for count in counts)
    assert len({run.hidden_size for run in runs}) == 3
    assert all(run.asked["params"] == 20_000 for run in runs)


def test_a_budget_and_a_hidden_size_contradict_each_other():
    with pytest.raises(UsageError, match="leave out one of --params and --set hidden_size"):
        plan(sweep(params=20_000))


def test_what_was_typed_is_kept_beside_what_it_means():
    (run,) = plan(sweep(architectures=("lstm",), lengths=(2,), seeds=1, options={"forget_bias": ("0",)}))
    assert run.asked == {"lstm.forget_bias": 0.0, **SMALL}
    assert run.architecture_options["lstm.forget_bias"] == 0.0


@pytest.mark.parametrize(("lengths", "settings"), [((0,), {}), ((2, 1_000_000), {}), ((2,), {"test_lengths": (0,)})])
def test_a_length_that_the_task_cannot_make_is_refused_before_anything_runs(lengths, settings):
    with pytest.raises(UsageError, match="takes lengths from"):
        plan(sweep(lengths=lengths, settings=settings))


def test_every_planned_run_ends_as_a_record(store):
    outcome = run_all(sweep(), store)
    assert [record.status for record in outcome.records] == ["ok"] * 8
    assert not outcome.interrupted
    assert len(list(store.records(["copy"]))) == 8


def test_runs_are_submitted_seed_by_seed_in_the_order_of_the_plan(store):
    engine = _Refuses()
    order = []
    engine.submit = lambda key, spec: order.append((spec.seed, spec.length))
    run_all(sweep(), store, engine=engine)
    assert order == [(0, 2), (0, 2), (0, 3), (0, 3), (1, 2), (1, 2), (1, 3), (1, 3)]


def test_the_same_sweep_again_runs_nothing(store):
    first = run_all(sweep(), store)
    again = run_all(sweep(), store, engine=_Refuses())
    assert again.reused == 8
    assert [r.scores for r in again.records] == [r.scores for r in first.records]


def test_a_wider_sweep_runs_what_is_missing(store):
    run_all(sweep(seeds=1), store)
    outcome = run_all(sweep(), store)
    assert (outcome.reused, len(outcome.records)) == (4, 8)


def test_nothing_is_reused_where_that_is_asked(store):
    run_all(sweep(seeds=1), store)
    assert run_all(sweep(seeds=1), store, reuse="none").reused == 0


def test_records_of_older_plugin_code_stand_only_where_that_is_asked(store, tmp_path):
    cell = tmp_path / "cell.py"
    text = "from torch import nn\nclass Cell(nn.RNN):\n    def __init__(self, input_size, hidden_size):\n"
    cell.write_text(text + "        super().__init__(input_size, hidden_size, batch_first=True)\n")
    asked = sweep(architectures=(str(cell),), lengths=(2,), seeds=1)
    run_all(asked, store)
    assert run_all(asked, store).reused == 1
    cell.write_text(cell.read_text() + "VERSION = 2\n")
    from harness.discovery.source import fingerprint

    fingerprint.cache_clear()  # a file does not change while a command runs
    assert run_all(asked, store, engine=_Fails()).reused == 0
    assert run_all(asked, store, reuse="any", engine=_Refuses()).reused == 1


def test_a_failed_run_is_run_again(store):
    asked = sweep(lengths=(2,), seeds=1)
    failed = run_all(asked, store, engine=_Fails())
    assert [record.status for record in failed.records] == ["error", "error"]
    assert [record.status for record in run_all(asked, store).records] == ["ok", "ok"]


def test_an_interrupt_keeps_what_is_finished_and_marks_what_was_running(store):
    asked = sweep(seeds=1)
    outcome = run_all(asked, store, engine=_Interrupts(after=2))
    assert outcome.interrupted
    assert sorted(record.status for record in outcome.records) == ["interrupted", "ok", "ok"]
    assert run_all(asked, store).reused == 2


def test_curves_hold_what_was_finished_before_too(store, client):
    run_all(sweep(architectures=("rnn",), lengths=(2,), seeds=1), store)
    run_all(sweep(architectures=("rnn",), lengths=(2, 3), seeds=1), store)
    query = "tags.`harness.kind` = 'curve' and attributes.run_name = 'rnn seed=0'"
    newest, older = client.search_runs([store.task_experiment("copy")], query)
    lengths = [
        sorted(p.step for p in client.get_metric_history(curve.info.run_id, "accuracy_by_length"))
        for curve in (newest, older)
    ]
    assert lengths == [[2, 3], [2]]


class _Refuses:
    """An engine that must not be used."""

    def submit(self, key, spec):
        raise AssertionError(f"{spec} was run again")

    def collect(self, listener):
        return []

    def cancel(self):
        pass


class _Fails:
    def __init__(self):
        self.specs = {}

    def submit(self, key, spec):
        self.specs[key] = spec

    def collect(self, listener):
        if not self.specs:
            return []
        key, spec = self.specs.popitem()
        return [(key, Record(spec, "error", "no luck"))]

    def cancel(self):
        self.specs.clear()


class _Interrupts(Inline):
    """Ctrl-C in the middle of a run."""

    def __init__(self, after):
        super().__init__(torch.device("cpu"))
        self.left = after

    def collect(self, listener):
        if self.left == 0 and self.waiting:
            key = self.waiting.take().key
            assert listener.claim(key)
            listener.started(key)
            raise KeyboardInterrupt
        self.left -= 1
        return super().collect(listener)


def test_records_of_another_identity_version_are_not_reused(store, monkeypatch):
    asked = sweep(lengths=(2,), seeds=1)
    run_all(asked, store)
    monkeypatch.setattr("harness.spec.IDENTITY_VERSION", 99)
    assert run_all(asked, store, engine=_Fails()).reused == 0


def test_code_that_changed_since_the_plan_is_not_recorded_as_planned(store, tmp_path):
    from harness.discovery.source import fingerprint

    cell = tmp_path / "cell.py"
    text = "from torch import nn\nclass Cell(nn.RNN):\n    def __init__(self, input_size, hidden_size):\n"
    cell.write_text(text + "        super().__init__(input_size, hidden_size, batch_first=True)\n")
    asked = sweep(architectures=(str(cell),), lengths=(2,), seeds=1)
    runs = plan(asked)
    cell.write_text(cell.read_text() + "VERSION = 2\n")
    fingerprint.cache_clear()
    outcome = execute(SweepRequest(asked, runs), Inline(torch.device("cpu")), store, Quiet())
    assert [record.status for record in outcome.records] == ["error"]
    assert f"{cell} has changed since the run was planned" in outcome.records[0].reason
