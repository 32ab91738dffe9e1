"""Planning: a task that cannot be used, and a sweep without end, are refused in a line before anything runs."""

import pytest

from harness.errors import HarnessError, PluginError, UsageError
from harness.spec import SweepSpec
from harness.sweeps.plan import plan

TASK = """
import torch
from harness import Batch, Classes, Task, Tokens


class Mine({base}):
    {declared}

    def __init__(self, *, size: int = 4):
        {constructor}
        self.size = size

    def sample(self, generator, batch_size, length):
        steps = torch.randint(2, (batch_size, length), generator=generator)
        {sample}
        return Batch(steps, steps, torch.ones(batch_size, length, dtype=torch.bool))

    def chance(self, length):
        {chance}
        return 0.5
"""


@pytest.fixture
def planned(folder):
    """Plans a run on a task with one fault."""

    def plan_it(declared="inputs, targets = Tokens(4), Classes(4)", base="Task", constructor="", sample="", chance=""):
        parts = {"base": base, "declared": declared, "constructor": constructor, "sample": sample, "chance": chance}
        (folder / "mine.py").write_text(TASK.format(**{k: v or "pass" for k, v in parts.items()}))
        return plan(SweepSpec(("rnn",), ("./mine.py",), (3,)))

    return plan_it


def test_the_task_without_a_fault_is_planned(planned):
    assert len(planned()) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "complaint"),
    [
        ({"constructor": "raise ValueError('size must be odd')"}, UsageError, "mine: size must be odd"),
        (
            {"constructor": "raise TypeError('odd')"},
            PluginError,
            "task mine cannot be made: TypeError: odd (mine.py:10)",
        ),
        ({"constructor": "{}['x']"}, PluginError, "task mine cannot be made: KeyError: 'x' (mine.py:10)"),
        (
            {"constructor": "import sys; sys.exit(3)"},
            PluginError,
            "task mine cannot be made: the plugin called sys.exit(3) (mine.py:10)",
        ),
        ({"base": "object"}, PluginError, "Mine (mine.py:6) is no harness.Task: derive it from that."),
        (
            {"declared": "targets = Classes(4)"},
            PluginError,
            "Mine (mine.py:6) declares nothing as its inputs: it must be Tokens or Vectors.",
        ),
        (
            {"declared": "inputs, targets = Tokens(4), 4"},
            PluginError,
            "Mine (mine.py:6) declares 4 as its targets: it must be Classes or Vectors.",
        ),
        (
            {"sample": "raise IndexError('empty')"},
            PluginError,
            "task mine cannot be sampled, or told its chance: IndexError: empty (mine.py:15)",
        ),
        (
            {"sample": "return steps, steps"},
            PluginError,
            "Mine.sample (mine.py:6) returned a tuple, not a harness.Batch.",
        ),
        (
            {"chance": "return 1 / 0"},
            PluginError,
            "task mine cannot be sampled, or told its chance: ZeroDivisionError: division by zero (mine.py:19)",
        ),
    ],
)
def test_a_task_that_cannot_be_used_is_refused_in_one_line_with_its_place(planned, fault, kind, complaint):
    with pytest.raises(HarnessError) as refusal:
        planned(**fault)
    assert type(refusal.value) is kind
    assert str(refusal.value) == complaint


@pytest.mark.parametrize("sweep", [{"seeds": 10**12}, {"seeds": 50_001, "lengths": (2, 3)}], ids=["seeds", "lengths"])
def test_a_sweep_without_end_is_refused_before_it_is_written_down(sweep):
    with pytest.raises(UsageError, match=r"makes [\d,]+ runs, and 100,000 are the most"):
        plan(SweepSpec(("rnn",), ("copy",), **{"lengths": (2,), **sweep}))


def test_more_variants_than_anybody_can_want_are_refused_before_they_are_written_down():
    values = tuple(map(str, range(1, 1001)))
    with pytest.raises(UsageError, match=r"makes 1,000,000,000 runs"):
        plan(
            SweepSpec(("deep:lstm",), ("copy",), options=dict.fromkeys(("hidden_size", "depth", "forget_bias"), values))
        )


def test_sizes_are_matched_by_the_state_of_the_first_architecture():
    names = ("lstm", "gru", "linear_attention")
    sizes = {spec.architecture: spec.hidden_size for spec in plan(SweepSpec(names, ("copy",), (2,), match="state"))}
    assert sizes == {"lstm": 96, "gru": 192, "linear_attention": 24}  # 4 heads with 6 x 6 and 6 numbers carry 168
    (first, second) = plan(SweepSpec(("lstm", "gru"), ("copy",), (2,), params=10_000, match="state"))
    assert second.hidden_size == 2 * first.hidden_size
    assert first.asked == {"params": 10_000, "match": "state"}


@pytest.mark.parametrize(
    ("names", "options", "complaint"),
    [
        (("lstm", "transformer"), {}, "cannot be matched by the state, since Transformer carries none: leave it out"),
        (("transformer", "lstm"), {}, "cannot be matched by the state, since Transformer carries none: leave it out"),
        (("lstm", "mlp"), {}, "No hidden_size up to 1,048,576 gives 192 numbers of state"),
        (("lstm",), {"hidden_size": ("8",)}, "--match state solves hidden_size; leave out one of --match state"),
    ],
)
def test_states_that_cannot_be_matched_are_refused(names, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        plan(SweepSpec(names, ("copy",), (2,), options=options, match="state"))
