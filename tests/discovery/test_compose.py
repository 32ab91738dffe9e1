"""Architectures are built from their names: parts, options, wrappers, and plain modules behind an adapter."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.architecture import Architecture
from harness.discovery.adapt import PlainModule, as_architecture
from harness.discovery.compose import build_architecture, compose, refuse_other_code
from harness.errors import PluginError, RefusedError, UsageError

INPUT, HIDDEN = 3, 8


class Plain(nn.Module):
    """A linear layer as an architecture; `shown` turns its output into what forward returns."""

    def __init__(self, shown=lambda out: out, width=5):
        super().__init__()
        self.linear, self.shown = nn.Linear(INPUT, width), shown

    def forward(self, x):
        return self.shown(self.linear(x))


def adapted(module):
    return as_architecture(module, INPUT, HIDDEN)


# Parts


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("lstm", ["lstm"]),
        ("deep:gru", ["deep", "gru"]),
        ("deep:bidirectional:rnn", ["deep", "bidirectional", "rnn"]),
        ("deep", ["deep", "lstm"]),
        ("bidirectional", ["bidirectional", "lstm"]),
        ("deep:bidirectional", ["deep", "bidirectional", "lstm"]),
    ],
)
def test_a_wrapper_alone_wraps_an_lstm(name, parts):
    assert [part.name for part in compose(name).parts] == parts


def test_a_strangers_wrapper_says_itself_what_it_wraps_alone(folder):
    (folder / "wrap.py").write_text(
        "from harness import Wrapper\n"
        "class Wrap(Wrapper):\n"
        "    default_base = 'gru'\n"
        "    def __init__(self, input_size, hidden_size, make, *, rate: float = 0.0):\n"
        "        super().__init__(input_size, hidden_size)\n"
        "        self.inner = make(input_size, hidden_size)\n"
    )
    assert [part.name for part in compose("./wrap.py").parts] == ["wrap", "gru"]
    assert [part.name for part in compose("./wrap.py:Wrap:rnn").parts] == ["Wrap", "rnn"]
    assert [part.name for part in compose("deep:./wrap.py:Wrap").parts] == ["deep", "Wrap", "gru"]


@pytest.mark.parametrize("name", ["deep:deep", "deep:deep:lstm", "deep:bidirectional:deep:gru"])
def test_a_wrapper_used_twice_is_refused(name):
    with pytest.raises(UsageError, match=f"'{name}' names a part twice"):
        compose(name)


@pytest.mark.parametrize("name", ["lstm:gru", "deep:lstm:gru"])
def test_what_wraps_nothing_cannot_stand_before_a_colon(name):
    with pytest.raises(UsageError, match="'lstm' wraps nothing: only a wrapper such as 'deep'"):
        compose(name)


def test_a_misspelt_part_is_an_error_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'gru'"):
        compose("deep:gruu")


def test_what_cannot_be_called_is_no_architecture(folder):
    (folder / "cell.py").write_text("NUMBER = 3")
    with pytest.raises(PluginError, match="is a int, not a class or a function"):
        compose("./cell.py:NUMBER")


# Options


def test_options_reach_the_part_they_name():
    built = build_architecture("deep:lstm", INPUT, HIDDEN, {"deep.depth": 3, "lstm.forget_bias": 2.0})
    assert len(built.layers) == 3
    for layer in built.layers:
        assert layer.kernel.bias_ih_l0[HIDDEN : 2 * HIDDEN].eq(2.0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gru.forget_bias": 1.0}, "Option 'gru.forget_bias' names no part of the architecture: deep, lstm"),
        ({"lstm.forget_bais": 1.0}, "No option of lstm 'forget_bais'. Did you mean 'forget_bias'"),
        ({"deep.depth": "3"}, "deep: depth takes int, got '3'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        build_architecture("deep:lstm", INPUT, HIDDEN, options)


def test_a_wrapper_takes_a_loose_plain_module(folder: Path):
    (folder / "cell.py").write_text(
        "from torch import nn\n"
        "class Cell(nn.Module):\n"
        "    def __init__(self, input_size, hidden_size, *, width: int = 5):\n"
        "        super().__init__()\n"
        "        self.linear = nn.Linear(input_size, width)\n"
        "    def forward(self, x):\n"
        "        return self.linear(x)\n"
    )
    built = build_architecture("deep:./cell.py:Cell", INPUT, HIDDEN, {"Cell.width": 4})
    out, _ = built(torch.zeros(2, 6, INPUT))
    assert out.shape == (2, 6, 4)
    assert [layer.module.linear.in_features for layer in built.layers] == [INPUT, 4]


def test_max_length_is_given_to_a_part_that_takes_it_and_is_no_option(folder):
    (folder / "cell.py").write_text(
        "from harness import Architecture\n"
        "class Cell(Architecture):\n"
        "    def __init__(self, input_size, hidden_size, *, rate: float = 0.0, max_length: int | None = None):\n"
        "        super().__init__(input_size, hidden_size)\n"
        "        self.max_length = max_length\n"
    )
    assert list(compose("./cell.py").parts[0].options) == ["rate"]
    assert build_architecture("./cell.py", INPUT, HIDDEN, max_length=70).max_length == 70
    assert build_architecture("deep:./cell.py", INPUT, HIDDEN, max_length=70).layers[1].max_length == 70


# Plain modules


@pytest.mark.parametrize(
    "shown",
    [lambda out: out, lambda out: (out, "anything"), lambda out: (out, (out, out)), lambda out: (out,)],
    ids=["out", "out, anything", "out, state", "out alone in a tuple"],
)
def test_a_plain_module_may_return_its_output_alone_or_with_anything(shown):
    module = Plain(shown)
    x = torch.randn(2, 4, INPUT)
    out, state = adapted(module)(x)
    assert torch.equal(out, module.linear(x))
    assert state is None


def test_a_plain_module_is_taken_to_carry_no_state():
    assert adapted(Plain()).stateful is False
    assert adapted(Plain()).causal is True


def test_the_output_size_of_a_plain_module_is_found_by_running_it():
    assert adapted(Plain(width=5)).output_size == 5


def test_a_plain_module_may_declare_what_it_is():
    module = Plain()
    module.output_size, module.causal, module.max_length = 9, False, 30
    module.parameter_groups = lambda: [{"params": [module.linear.weight], "lr_scale": 0.1}]
    built = adapted(module)
    assert (built.output_size, built.causal, built.max_length) == (9, False, 30)
    assert built.parameter_groups()[0]["lr_scale"] == 0.1


def test_all_parameters_of_a_plain_module_are_trained_where_it_says_nothing_else():
    built = adapted(Plain())
    assert {id(p) for group in built.parameter_groups() for p in group["params"]} == {id(p) for p in built.parameters()}


def test_what_keeps_the_contract_is_not_wrapped():
    architecture = Architecture(INPUT, HIDDEN)
    assert adapted(architecture) is architecture
    assert isinstance(adapted(Plain()), PlainModule)


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        (lambda out: out[:, -1], r"\(2, 5\)"),
        (lambda out: out.transpose(0, 1), r"\(3, 2, 5\)"),
        (lambda out: out[:, :-1], r"\(2, 2, 5\)"),
        (lambda out: out.unsqueeze(3), r"\(2, 3, 5, 1\)"),
        (lambda out: out.sum(dim=2), r"\(2, 3\)"),
        (lambda out: [out, out], "list"),
        (lambda out: None, "NoneType"),
        (lambda out: ((out, out), out), "tuple"),
    ],
    ids=["last step only", "time first", "a step short", "four axes", "two axes", "list", "nothing", "state first"],
)
def test_a_wrong_shape_is_refused_with_what_was_seen_and_the_rule(shown, seen):
    with pytest.raises(
        RefusedError, match=rf"^Plain turned an input of shape \(2, 3, 3\) into {seen}; .*batch first\.$"
    ):
        adapted(Plain(shown))


class Delicate(nn.Module):
    """Draws numbers, counts batches, and keeps one part in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.norm, self.frozen, self.drop = nn.BatchNorm1d(INPUT), nn.Dropout(0.5), nn.Dropout(0.5)
        self.frozen.eval()

    def forward(self, x):
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return self.drop(self.frozen(normed)) + torch.rand_like(x)


@pytest.mark.parametrize("training", [True, False])
def test_finding_the_output_size_disturbs_neither_generator_nor_buffers_nor_modes(training):
    module = Delicate()
    module.norm.train(training)
    modes = [part.training for part in module.modules()]
    buffers = [buffer.clone() for buffer in module.buffers()]
    before = torch.get_rng_state()
    adapted(module)
    assert torch.equal(torch.get_rng_state(), before)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(a, b) for a, b in zip(module.buffers(), buffers, strict=True))
    assert all(parameter.grad is None for parameter in module.parameters())


# Other machines


@pytest.mark.parametrize("planned", [{"architecture_code": "0" * 16}, {"task_code": "0" * 16}])
def test_other_code_than_the_run_was_planned_with_is_refused(small, planned):
    with pytest.raises(
        PluginError,
        match=r"^(lstm|copy) has changed since the run was planned, or is another version on .*: train it again",
    ):
        refuse_other_code(small(**planned))


# What torch's own layers get wrong


@pytest.mark.parametrize("first", [False, True])
def test_a_wrong_shape_of_a_layer_that_takes_time_first_says_so(first):
    class LastOnly(nn.GRU):
        def forward(self, x):
            return super().forward(x)[0][1:]

    with pytest.raises(RefusedError) as refusal:
        adapted(LastOnly(INPUT, HIDDEN, batch_first=first))
    assert ("LastOnly: batch_first=False; pass batch_first=True." in str(refusal.value)) is not first


def test_a_plain_modules_dry_run_leaves_every_generator_alone():
    before = random.getstate()
    adapted(Plain(lambda out: out * random.random()))
    assert random.getstate() == before
