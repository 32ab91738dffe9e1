"""A model that breaks a rule is refused before training, whatever it declares; a sound one passes untouched."""

import numpy
import pytest
import torch
from torch import nn

from harness.discovery.adapt import as_architecture
from harness.errors import RefusedError
from harness.training.build import build_task
from harness.training.compatibility import why_not
from harness.training.data import batches
from harness.training.model import Model
from harness.training.sanity import refuse_if_unsound


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(4, 8, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]


class LooksAhead(Base):
    def forward(self, x):
        out = self.rnn(x)[0]
        return out + out.roll(-1, dims=1)


class LooksFarAhead(Base):
    def forward(self, x):
        out = self.rnn(x)[0]
        return torch.cat([out[:, :1] + out[:, -1:], out[:, 1:]], dim=1)


class AveragesOverTime(Base):
    def forward(self, x):
        out = self.rnn(x)[0]
        return out + out.mean(dim=1, keepdim=True)


class MixesRows(Base):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x):
        return self.norm(self.rnn(x)[0].transpose(1, 2)).transpose(1, 2)


class NotFinite(Base):
    def forward(self, x):
        return self.rnn(x)[0] / 0


class TimeFirst(Base):
    def forward(self, x):
        return self.rnn(x.transpose(0, 1).contiguous())[0]


class TorchsOwn(nn.GRU):
    """As torch has it: time first."""

    def __init__(self):
        super().__init__(10, 8)


class NoisyByNumpy(Base):
    def forward(self, x):
        noise = numpy.random.rand(1, 1, 8) if self.training else numpy.ones((1, 1, 8))
        return self.rnn(x)[0] * torch.tensor(noise, dtype=torch.float32)


class LastOnly(Base):
    def forward(self, x):
        return self.rnn(x)[0][:, -1]


class WithDropout(Base):
    def forward(self, x):
        return torch.dropout(self.rnn(x)[0], 0.5, self.training)


def probe(module, variant="next"):
    task = build_task("parentheses", {"variant": variant})
    torch.manual_seed(0)
    width = task.inputs.size
    module.rnn = nn.RNN(width, 8, batch_first=True)
    model = Model(as_architecture(module, width, 8), task)
    refuse_if_unsound(model, task, next(batches(task, 0, "probe", 12, [4])))
    return model


@pytest.mark.parametrize("module", [LooksAhead, LooksFarAhead, AveragesOverTime])
def test_a_model_that_sees_the_future_is_refused_where_the_future_answers(module):
    module.causal = True
    with pytest.raises(RefusedError, match=r"sees the future: .* moved the output at step \d+ by"):
        probe(module())


def test_a_model_that_sees_the_future_may_be_run_where_the_future_does_not_answer():
    probe(LooksAhead(), variant="closing")


def test_a_model_that_mixes_rows_is_refused():
    with pytest.raises(RefusedError, match=r"other rows by up to .*rows of a batch must not see each other"):
        probe(MixesRows())


def test_a_model_that_is_not_finite_is_refused():
    with pytest.raises(RefusedError, match=r"% of its outputs are not finite"):
        probe(NotFinite())


@pytest.mark.parametrize("module", [TimeFirst, LastOnly])
def test_a_wrong_shape_is_refused_with_both_shapes(module):
    with pytest.raises(RefusedError, match=r"input of shape \(.*\) into \(.*batch first"):
        probe(module())


def test_a_layer_of_torchs_that_takes_time_first_is_told_so():
    task = build_task("copy", {})
    model = Model(as_architecture(TorchsOwn(), 10, 8), task)
    with pytest.raises(
        RefusedError, match=r"not see each other .* TorchsOwn: batch_first=False; pass batch_first=True\.$"
    ):
        refuse_if_unsound(model, task, next(batches(task, 0, "probe", 5, [4])))


@pytest.mark.parametrize("module", [Base, WithDropout, NoisyByNumpy])
def test_a_sound_model_passes(module):
    probe(module())


def test_probing_leaves_mode_buffers_and_generators_alone():
    module = Base()
    module.register_buffer("seen", torch.zeros(1))
    module.forward_hook = module.register_forward_hook(lambda m, x, out: m.seen.add_(1) and None)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    task = build_task("parentheses", {"variant": "next"})
    with torch.random.fork_rng():
        module.rnn = nn.RNN(task.inputs.size, 8, batch_first=True)
        model = Model(as_architecture(module, task.inputs.size, 8), task)
        seen = module.seen.clone()
        refuse_if_unsound(model, task, next(batches(task, 0, "probe", 12, [4])))
    assert torch.equal(module.seen, seen)
    assert model.training
    assert torch.equal(before, torch.get_rng_state())


def test_declared_limits_are_reasons():
    task = build_task("parentheses", {"variant": "next"})
    architecture = as_architecture(Base(), 4, 8)
    assert why_not(architecture, task, 100) is None
    architecture.max_length = 50
    assert "at most 50 steps" in why_not(architecture, task, 100)
    architecture.causal = False
    assert "looks ahead" in why_not(architecture, task, 10)
    assert why_not(architecture, build_task("copy", {}), 10) is None
