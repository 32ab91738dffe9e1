"""The task contract catches broken tasks, each by the check that names the broken promise."""

import random

import pytest
import torch

from harness import Batch, Classes, FiniteTask, Task, Tokens, Vectors, WritingTask
from harness.testing import TaskContract, check_task
from harness.testing.findings import checks


class First(Task):
    """At every step, the first symbol; a sound task to break."""

    min_length = 2
    inputs = Tokens(8)
    targets = Classes(8)

    def sample(self, generator, batch_size, length):
        inputs = torch.randint(8, (batch_size, length), generator=generator)
        mask = torch.ones_like(inputs, dtype=torch.bool)
        mask[:, 0] = False
        return Batch(inputs, inputs[:, :1].repeat(1, length), mask)

    def chance(self, length):
        return 1 / 8


class TestFirst(TaskContract):
    @pytest.fixture
    def task(self):
        return First()


class WithOracle(First):
    min_length = 30
    default_lengths = (30, 50)

    def oracle(self, inputs, lengths):
        return inputs[:, :1].expand_as(inputs)


class TestTheOracleAndALaterBeginning(TaskContract):
    @pytest.fixture
    def task(self):
        return WithOracle()


class GlobalGenerator(First):
    def sample(self, generator, batch_size, length):
        return super().sample(torch.default_generator, batch_size, length)


class PythonsGenerator(First):
    def sample(self, generator, batch_size, length):
        return super().sample(torch.Generator().manual_seed(random.getrandbits(32)), batch_size, length)


class OwnSeed(First):
    def sample(self, generator, batch_size, length):
        return super().sample(torch.Generator().manual_seed(0), batch_size, length)


class Rewound(First):
    def sample(self, generator, batch_size, length):
        return super().sample(torch.Generator().manual_seed(generator.initial_seed()), batch_size, length)


class FewSequences(First):
    def sample(self, generator, batch_size, length):
        pool = super().sample(torch.Generator().manual_seed(0), 50, length)
        chosen = torch.randint(50, (batch_size,), generator=generator)
        return Batch(*(part[chosen] for part in pool[:3]))


class LengthIgnored(First):
    def sample(self, generator, batch_size, length):
        return super().sample(generator, batch_size, 20)


class Chance(First):
    def __init__(self, chance):
        self.said = chance

    def chance(self, length):
        return self.said


class WholeSequences(First):
    """The first symbol at every step, the whole sequence or nothing."""

    accuracy_over = "sequences"

    def __init__(self, chance=1 / 8):
        self.said = chance

    def chance(self, length):
        return self.said


class TestWholeSequences(TaskContract):
    @pytest.fixture
    def task(self):
        return WholeSequences()


class CurrentSymbolTells(First):
    def sample(self, generator, batch_size, length):
        batch = super().sample(generator, batch_size, length)
        return batch._replace(inputs=batch.targets)


class NextSymbolTells(First):
    def sample(self, generator, batch_size, length):
        batch = super().sample(generator, batch_size, length)
        targets = batch.inputs.roll(-1, dims=1)
        targets[:, -1] = 0
        return batch._replace(targets=targets, mask=torch.arange(length).expand(batch_size, -1) < length - 1)


class NeverRight(First):
    """Real answers, and no tolerance: nothing is near enough."""

    targets = Vectors(1)

    def sample(self, generator, batch_size, length):
        batch = super().sample(generator, batch_size, length)
        return batch._replace(targets=batch.targets[..., None].float())


class WrongOracle(First):
    def oracle(self, inputs, lengths):
        return inputs


class NeedlesslyCausal(First):
    needs_causal = True


class TakesAll(First):
    def refuse_length(self, length):
        pass


class RefusesItsOwn(First):
    def refuse_length(self, length):
        super().refuse_length(length)
        if length % 100 == 0:
            raise ValueError("takes no hundreds")


class Remembers(First):
    def __init__(self, what):
        self.what = what

    def remembered(self, batch):
        return self.what(batch)


class Shorter(First):
    """Rows end before the last step, and something is remembered there."""

    def sample(self, generator, batch_size, length):
        batch = super().sample(generator, batch_size, length)
        lengths = torch.full((batch_size,), length - 1)
        return batch._replace(lengths=lengths, mask=batch.mask & (torch.arange(length) < length - 1))

    def remembered(self, batch):
        return batch.targets


class Features(First):
    def __init__(self, what):
        self.what = what

    def features(self, batch):
        return self.what(batch)


class Named(First):
    def __init__(self, symbols):
        self.input_symbols = symbols


class SkipsAll(First):
    def sample(self, generator, batch_size, length):
        pytest.skip("needs a file that is not here")

    def chance(self, length):
        pytest.skip("needs a file that is not here")

    def refuse_length(self, length):
        pytest.skip("needs a file that is not here")

    @property
    def input_symbols(self):
        pytest.skip("needs a file that is not here")


class Given(FiniteTask):
    """The first symbol of one of 300 sequences, after the last of them."""

    readout, inputs, targets = "last", Tokens(8), Classes(8)
    min_length = 2  # of one symbol, the first is the last

    def __init__(self, shift=0):
        self.shift = shift

    def count(self, split, length):
        return 300

    def take(self, split, length, numbers):
        of = {"train": 0, "validation": 1000, "test": 2000}[split]
        inputs = torch.stack([self._sequence(of + int(n), length) for n in numbers])
        targets = inputs[:, :1] if not self.shift else inputs[:, :1].add(len(numbers) * self.shift) % 8
        return Batch(inputs, targets, torch.ones(len(numbers), 1, dtype=torch.bool))

    @staticmethod
    def _sequence(number, length):
        return torch.randint(8, (length,), generator=torch.Generator().manual_seed(number))


class TestGiven(TaskContract):
    @pytest.fixture
    def task(self):
        return Given()


class Writes(First, WritingTask):
    """The first symbol again and again, each time behind the one that was answered."""

    def __init__(self, shift=0):
        self.shift = shift

    def sample(self, generator, batch_size, length):
        batch = super().sample(generator, batch_size, length)
        return batch._replace(inputs=batch.inputs[:, :1].repeat(1, length))

    def prompt(self, text):
        return torch.tensor([[int(text)]])

    def fed_back(self, answers):
        return (answers[:, None] + self.shift) % 8

    def text_of(self, answers):
        return "".join(map(str, answers))


class Altered(First):
    """The sound batch with some parts replaced."""

    def __init__(self, **change):
        self.change = change

    def sample(self, generator, batch_size, length):
        batch = super().sample(generator, batch_size, length)
        return batch._replace(**{name: change(batch) for name, change in self.change.items()})


def full(batch, value):
    return torch.full((len(batch.inputs),), value)


FAULTS = {
    "test_same_seed_gives_the_same_batch": [GlobalGenerator(), PythonsGenerator()],
    "test_another_seed_gives_another_batch": [OwnSeed(), Rewound()],
    "test_global_generators_are_left_alone": [GlobalGenerator(), PythonsGenerator()],
    "test_inputs_are_what_is_declared": [
        Altered(inputs=lambda b: b.inputs.int()),
        Altered(inputs=lambda b: b.inputs + 1),
        Altered(inputs=lambda b: b.inputs[..., None]),
    ],
    "test_targets_are_what_is_declared": [
        Altered(targets=lambda b: b.targets.float()),
        Altered(targets=lambda b: b.targets - 1),
        Altered(targets=lambda b: b.targets[:, -1:]),
    ],
    "test_lengths_are_on_the_cpu_and_within_the_batch": [
        Altered(lengths=lambda b: full(b, 0)),
        Altered(lengths=lambda b: full(b, b.inputs.shape[1] + 1)),
        Altered(lengths=lambda b: full(b, 2).int()),
    ],
    "test_masks_lie_inside_the_lengths_and_are_never_empty": [
        Altered(lengths=lambda b: full(b, b.inputs.shape[1] - 1)),
        Altered(mask=lambda b: b.mask.long()),
        Altered(mask=lambda b: b.mask & (b.inputs[:, :1] > 3)),
        Altered(loss_mask=lambda b: torch.zeros_like(b.mask)),
    ],
    "test_starts_mark_rows": [Altered(starts=lambda b: b.mask)],
    "test_targets_vary": [Altered(targets=lambda b: torch.zeros_like(b.targets))],
    "test_longer_lengths_give_longer_sequences": [LengthIgnored()],
    "test_splits_share_no_sequence": [FewSequences()],
    "test_chance_is_a_share_below_solved_at": [Chance(1.5), Chance(-0.1), Chance(0.995)],
    "test_chance_is_what_the_best_predictor_without_memory_reaches": [
        Chance(0.1),
        Chance(0.2),
        CurrentSymbolTells(),
        WholeSequences(0.05),
        WholeSequences(0.25),
    ],
    "test_a_perfect_oracle_scores_one": [NeverRight(), WrongOracle()],
    "test_needs_causal_exactly_when_the_next_input_helps": [NextSymbolTells(), NeedlesslyCausal()],
    "test_lengths_that_do_not_fit_are_refused": [TakesAll(), RefusesItsOwn()],
    "test_what_is_remembered_has_a_class_for_each_step": [
        Remembers(lambda b: b.targets.float()),
        Remembers(lambda b: b.targets[:, :1]),
        Remembers(lambda b: b.targets - 2),
        Remembers(lambda b: torch.full_like(b.targets, -1)),
        Remembers(lambda b: torch.randint(8, b.targets.shape)),
        Remembers(lambda b: b.targets.mul_(0)),
        Shorter(),
    ],
    "test_what_is_remembered_has_been_shown": [Remembers(lambda b: b.inputs[:, -1:].expand_as(b.inputs))],
    "test_features_have_a_number_for_each_step": [
        Features(lambda b: {"first": b.targets}),
        Features(lambda b: {"first": b.targets[:, :1].float()}),
        Features(lambda b: {"first": b.targets.float() / 0}),
        Features(lambda b: {f"first of {b.targets.shape[1]}": b.targets.float()}),
    ],
    "test_symbols_are_named_all_or_none": [Named("abc"), Named("abcdefgg")],
    "test_given_sequences_stay_as_they_are": [Given(shift=1)],
    "test_answers_fed_back_are_the_next_inputs": [Writes(shift=1)],
    "test_not_everything_is_skipped": [SkipsAll()],
}


@pytest.mark.parametrize(
    ("check", "task"),
    [pytest.param(check, task, id=f"{check}-{i}") for check, tasks in FAULTS.items() for i, task in enumerate(tasks)],
)
def test_a_broken_task_is_caught_by_the_check_for_it(check, task):
    with torch.random.fork_rng(), pytest.raises(AssertionError, match=r"\bmust\b|every check was skipped"):
        getattr(TaskContract(), check)(task)


def test_a_sound_task_that_writes_feeds_back_what_it_shows():
    TaskContract().test_answers_fed_back_are_the_next_inputs(Writes())


def test_every_check_catches_some_fault():
    assert set(FAULTS) == set(checks(TaskContract))


def test_what_samples_something_else_is_told_so():
    class Pair(First):
        def sample(self, generator, batch_size, length):
            return tuple(super().sample(generator, batch_size, length))

    found = {finding.detail for finding in check_task(Pair()) if finding.promise == "targets vary"}
    assert found == {"sample must return a harness.Batch, got tuple"}
