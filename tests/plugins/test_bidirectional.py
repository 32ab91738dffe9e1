"""Both directions: equal to torch's own bidirectional kernels, and turned round within each row's own length."""

from __future__ import annotations

import pytest
import torch
from harness.plugins.bidirectional import Bidirectional
from harness.plugins.gru import GRU
from harness.plugins.lstm import LSTM
from harness.plugins.rnn import RNN
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from harness.discovery.compose import build_architecture

ROWS, STEPS, INPUTS, HIDDEN = 4, 7, 3, 5
LENGTHS = torch.tensor([7, 1, 4, 6])
THEIRS = {RNN: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}


@pytest.mark.parametrize("base", THEIRS)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "padded"])
def test_equals_torchs_own_in_values_and_gradients(base, lengths):
    torch.manual_seed(0)
    ours = Bidirectional(INPUTS, HIDDEN, base).double()
    theirs = THEIRS[base](INPUTS, HIDDEN, batch_first=True, bidirectional=True).double()
    with torch.no_grad():
        for name, p in ours.ahead.kernel.named_parameters():
            theirs.get_parameter(name).copy_(p)
        for name, p in ours.back.kernel.named_parameters():
            theirs.get_parameter(f"{name}_reverse").copy_(p)
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.double, requires_grad=True)
    out, (ahead, back) = ours(x, None, lengths)
    expected, final = run_torch(theirs, x, lengths)
    torch.testing.assert_close(out, expected)
    for a, b, f in zip(as_tuple(ahead), as_tuple(back), as_tuple(final), strict=True):
        torch.testing.assert_close(torch.stack([a, b]), f)

    weights = torch.randn_like(out)
    found = torch.autograd.grad((out * weights).sum(), [x, *ours.parameters()])
    wanted = torch.autograd.grad((expected * weights).sum(), [x, *theirs.parameters()])
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_sum_adds_the_directions_that_concat_joins():
    concat, total = (Bidirectional(INPUTS, HIDDEN, GRU, merge=merge) for merge in ("concat", "sum"))
    total.load_state_dict(concat.state_dict())
    x = torch.randn(ROWS, STEPS, INPUTS)
    both, added = concat(x, None, LENGTHS)[0], total(x, None, LENGTHS)[0]
    assert (concat.output_size, total.output_size) == (2 * HIDDEN, HIDDEN)
    torch.testing.assert_close(added, both[..., :HIDDEN] + both[..., HIDDEN:])


def test_its_default_base_is_lstm():
    assert isinstance(build_architecture("bidirectional", INPUTS, HIDDEN).ahead, LSTM)


def test_declares_that_it_looks_ahead_and_carries_no_state():
    model = build_architecture("bidirectional:gru", INPUTS, HIDDEN)
    assert (model.causal, model.stateful) == (False, False)


def test_combines_the_parameter_groups_of_both_directions():
    model = Bidirectional(INPUTS, HIDDEN, SlowRecurrence)
    groups = model.parameter_groups()
    scales = {id(p): group.get("lr_scale", 1.0) for group in groups for p in group["params"]}
    assert {scales[id(layer.kernel.weight_hh_l0)] for layer in (model.ahead, model.back)} == {0.1}
    assert len(scales) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_unknown_merge_names_the_rule_and_the_value():
    with pytest.raises(ValueError, match="merge must be 'concat' or 'sum', got 'mean'"):
        Bidirectional(INPUTS, HIDDEN, GRU, merge="mean")


class SlowRecurrence(RNN):
    """A base with parameter groups of its own."""

    def parameter_groups(self):
        slow = [self.kernel.weight_hh_l0]
        rest = [p for p in self.parameters() if p is not slow[0]]
        return [{"params": rest}, {"params": slow, "lr_scale": 0.1}]


def run_torch(kernel: nn.RNNBase, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    if lengths is None:
        return kernel(x)
    out, final = kernel(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    return pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])[0], final


def as_tuple(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)
