"""Seeded faults: each breaks the promises listed with it and no other, and no check lets every fault pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from harness.architecture import Architecture
from harness.space import Float
from harness.testing import ArchitectureContract, check_architecture

BUILT = "is built from an input size and a hidden size"
SHAPE = "outputs have the promised shape"
FINITE = "outputs and gradients are finite"
GRADIENT = "every parameter and the inputs get a gradient"
SEED = "same seed gives the same outputs"
CAUSAL = "is causal exactly when it says so"
CUT = "state carries over a cut"
BATCH_FIRST = "state has the batch first"
LEFT_ALONE = "inputs and incoming state are left alone"
PADDING = "padding changes nothing"
ROWS = "rows do not see each other"
OBSERVE = "observe shows named internals of every step"
OTHER_SEED = "another seed gives other parameters"
STATE_DICT = "state dict holds all that matters"
PICKLE = "pickling keeps it"
SIZE = "size grows with hidden size"
SPACE = "search space names real options"
RANGES = "works at the ends of its ranges"
DEVICE = "moves to another device"
GROUPS = "parameter groups hold every parameter once"
BFLOAT16 = "runs in bfloat16"
LEARNS = "learns to recall the first symbol"
SOMETHING = "not everything is skipped"

FAULTS: list[tuple[type[Architecture], set[str]]] = []


def breaks(*promises):
    """Lists a faulty architecture with the promises it breaks."""

    def add(cls):
        FAULTS.append((cls, set(promises)))
        return cls

    return add


class Sound(Architecture):
    """A GRU by the book, which the faults below are made from."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.cell = nn.GRUCell(input_size, hidden_size)

    def forward(self, x, state=None, lengths=None):
        h = x.new_zeros(x.shape[0], self.cell.hidden_size) if state is None else state
        out = []
        for t, x_t in enumerate(x.unbind(1)):
            new = self.cell(x_t, h)
            h = new if lengths is None else torch.where((lengths > t).to(x.device).unsqueeze(1), new, h)
            out.append(h)
        return torch.stack(out, dim=1), h


@breaks(CAUSAL, PADDING)
class LooksAhead(Sound):
    stateful = False

    def forward(self, x, state=None, lengths=None):
        return super().forward(x + 0.1 * torch.cat([x[:, 1:], x[:, :1]], dim=1), state, lengths)


@breaks(CAUSAL)
class LooksAheadInTrainingOnly(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out - 0.1 * out.mean(dim=1, keepdim=True) if self.training else out, state


@breaks(CAUSAL, PADDING)
class KnowsHowLongTheSequenceIs(Sound):
    stateful = False

    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out / x.shape[1], state


@breaks(CAUSAL)
class SaysItLooksAheadButDoesNot(Sound):
    causal = False


@breaks(CUT)
class IgnoresTheIncomingState(Sound):
    def forward(self, x, state=None, lengths=None):
        return super().forward(x, None, lengths)


@breaks(LEFT_ALONE, PADDING)
class OverwritesTheIncomingState(Sound):
    def forward(self, x, state=None, lengths=None):
        out, new = super().forward(x, state, lengths)
        return out, new if state is None else state.copy_(new.detach())


@breaks(LEFT_ALONE)
class OverwritesTheInputs(Sound):
    def forward(self, x, state=None, lengths=None):
        x.detach().clamp_(-1, 1)
        return super().forward(x, state, lengths)


@breaks(BATCH_FIRST, PADDING, OBSERVE)  # the default of `observe` shows the state
class StateHasTheBatchSecond(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, None if state is None else state[0], lengths)
        return out, state.unsqueeze(0)


@breaks(PADDING)
class PaddingMovesTheFinalState(Sound):
    def forward(self, x, state=None, lengths=None):
        return super().forward(x, state)


@breaks(ROWS)
class NormalisesOverRowsInTraining(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out - 0.1 * out.mean(dim=0) if self.training else out, state


@breaks(ROWS, PADDING)
class RowsSeeEachOther(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out - 0.1 * out.mean(dim=0), state


@breaks(GRADIENT)
class HasAnUnusedParameter(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.unused = nn.Parameter(torch.zeros(3))


@breaks(GRADIENT)
class CutsTheInputsOff(Sound):
    def forward(self, x, state=None, lengths=None):
        return super().forward(x.detach(), state, lengths)


@breaks(SIZE)
class IgnoresHiddenSize(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, 16)


@breaks(SEED, CAUSAL, CUT, PADDING)
class AddsNoiseInEvaluation(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out + 0.01 * torch.randn_like(out), state


@breaks(OBSERVE)
class ObservesTheLastStepOnly(Sound):
    def observe(self, x, state=None, lengths=None):
        return {"hidden": self(x, state, lengths)[0][:, -1]}


@breaks(OTHER_SEED)
class SeedsTorchItself(Sound):
    def __init__(self, input_size, hidden_size):
        torch.manual_seed(42)
        super().__init__(input_size, hidden_size)


@breaks()
class SaysThatItStartsAlike(SeedsTorchItself):
    fixed_start = True


@breaks()
class DrawsWeightsByNumpy(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        start = np.linalg.qr(np.random.randn(hidden_size, hidden_size))[0]
        self.cell.weight_hh.data[:hidden_size] = torch.as_tensor(start).float()


@breaks(SEED, STATE_DICT)
class DrawsFromAGeneratorOfItsOwn(Sound):
    source = torch.Generator()

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.register_buffer("shift", torch.randn(hidden_size, generator=self.source), persistent=False)

    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out + self.shift, state


@breaks(STATE_DICT)
class LeavesABufferOutOfTheStateDict(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.register_buffer("shift", torch.randn(hidden_size), persistent=False)

    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out + self.shift, state


@breaks(FINITE, LEARNS)
class HasAGradientThatIsNotANumber(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out + (0.0 * out).sqrt(), state


@breaks(FINITE, SEED, CAUSAL, CUT, PADDING, ROWS, STATE_DICT, PICKLE, BFLOAT16, LEARNS)
class GivesNotANumber(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out / 0.0 * 0.0, state


@breaks(SHAPE, LEARNS)
class GivesAnotherWidthThanItSays(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.output_size = 2 * hidden_size


@breaks(PICKLE)
class CannotBePickled(Sound):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.activation = lambda x: x


@breaks(SPACE)
class SearchesAMissingArgument(Sound):
    search_space = {"leak": Float(0.0, 1.0)}  # noqa: RUF012


@breaks(SPACE)
class HasADefaultOutsideItsRange(Sound):
    search_space = {"leak": Float(0.1, 1.0)}  # noqa: RUF012

    def __init__(self, input_size, hidden_size, *, leak=0.0):
        super().__init__(input_size, hidden_size)


@breaks(RANGES)
class FailsAtTheEndOfARange(Sound):
    search_space = {"scale": Float(0.0, 1.0)}  # noqa: RUF012

    def __init__(self, input_size, hidden_size, *, scale=0.5):
        super().__init__(input_size, hidden_size)
        self.scale = scale

    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out / self.scale, state


@breaks(DEVICE)
class MakesItsStateOnTheCPU(Sound):
    def forward(self, x, state=None, lengths=None):
        first = torch.zeros(x.shape[0], self.cell.hidden_size, dtype=x.dtype) if state is None else state
        return super().forward(x, first, lengths)


@breaks(DEVICE)
class ComparesLengthsWithWhatIsOnTheDevice(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        if lengths is not None:
            out = torch.where((torch.arange(x.shape[1]) < lengths[:, None])[..., None], out, 0)
        return out, state


@breaks(GROUPS)
class ForgetsParametersInItsGroups(Sound):
    def parameter_groups(self):
        return [{"params": [self.cell.weight_ih, self.cell.weight_hh, self.cell.bias_ih]}]


@breaks(BFLOAT16)
class AlwaysAnswersInFloat32(Sound):
    def forward(self, x, state=None, lengths=None):
        out, state = super().forward(x, state, lengths)
        return out.float(), state


@breaks(LEARNS)
class HasNoMemory(Sound):
    def forward(self, x, state=None, lengths=None):
        zero = x.new_zeros(x.shape[0] * x.shape[1], self.cell.hidden_size)
        return self.cell(x.flatten(0, 1), zero).unflatten(0, x.shape[:2]), None


class NeedsNoHiddenSize(Sound):
    def __init__(self, input_size):
        super().__init__(input_size, 16)


def test_a_constructor_without_hidden_size_breaks_all_and_first_of_all_that_it_is_built():
    found = check_architecture(NeedsNoHiddenSize)
    assert (found[0].promise, found[0].status) == (BUILT, "broken")
    assert "it must be built by (input_size, hidden_size); TypeError" in found[0].detail
    assert {finding.status for finding in found[:-1]} == {"broken"}


def test_the_sound_one_breaks_nothing():
    assert broken(Sound) == {}


@pytest.mark.parametrize(("fault", "promises"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_is_caught_by_the_right_checks(fault, promises):
    assert set(broken(fault)) == promises


def test_no_check_lets_every_fault_pass():
    checks = {name.removeprefix("test_").replace("_", " ") for name in dir(ArchitectureContract) if "test_" in name}
    assert set().union(*(promises for _, promises in FAULTS)) == checks - {BUILT, SOMETHING}


def test_an_architecture_that_skips_everything_has_failed():
    findings = check_architecture(lambda i, h: pytest.skip("needs a GPU"))
    assert [finding.promise for finding in findings if finding.status == "broken"] == [SOMETHING]
    assert len([finding for finding in findings if finding.status == "skipped"]) == len(findings) - 1


def test_an_error_in_the_architecture_is_a_broken_promise_with_its_cause():
    findings = check_architecture(lambda i, h: nn.Linear(i, h)(None))
    assert {finding.status for finding in findings[:-1]} == {"broken"}
    assert all("TypeError" in finding.detail for finding in findings[:-1])


@pytest.mark.parametrize(
    ("fault", "promise", "said"),
    [
        (LooksAhead, CAUSAL, "output t depends on inputs up to t only; leaving out steps from 1 on moved earlier ones"),
        (SaysItLooksAheadButDoesNot, CAUSAL, "declares causal=False, so the future must change the past"),
        (IgnoresTheIncomingState, CUT, "a state passed in continues the sequence; cut after step 1, outputs differ by"),
        (StateHasTheBatchSecond, BATCH_FIRST, "batch first, got shape (1, 2, 16) for 2 rows"),
        (PaddingMovesTheFinalState, PADDING, "padding a row of 3 steps moved its final state by"),
        (NormalisesOverRowsInTraining, ROWS, "in training mode one row moved others by"),
        (HasAnUnusedParameter, GRADIENT, "got no gradient for unused"),
        (IgnoresHiddenSize, SIZE, "got [1104, 1104, 1104] parameters for sizes [16, 32, 64]"),
        (SearchesAMissingArgument, SPACE, "names 'leak', which is no argument of "),
        (HasADefaultOutsideItsRange, SPACE, "the default of 'leak', 0.0, lies outside its range 0.1 .. 1"),
        (FailsAtTheEndOfARange, RANGES, "outputs must be finite at the ends of its ranges, not so at scale=0.0"),
        (MakesItsStateOnTheCPU, DEVICE, "it must compute there; RuntimeError"),
        (HasNoMemory, LEARNS, "after 300 updates the accuracy is"),
    ],
)
def test_the_message_names_the_promise_and_what_was_seen(fault, promise, said):
    assert said in broken(fault)[promise]


def broken(make):
    """The broken promises, each with what was seen."""
    return {f.promise: f.detail for f in check_architecture(make) if f.status == "broken"}
