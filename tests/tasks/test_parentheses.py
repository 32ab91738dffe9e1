"""Parenthesis matching, against stacks and counters written out step by step."""

import pytest
import torch
from harness.tasks._nesting import mean_outermost, random_nesting
from harness.tasks.parentheses import Parentheses

from harness.testing import TaskContract
from harness.testing._memoryless import memoryless


def generator():
    return torch.Generator().manual_seed(0)


def draw(length, rows=60, **options):
    return Parentheses(**options).sample(generator(), rows, length)


def stacks(string, kinds, *, typed):
    """The stack of (kind, step opened) after each symbol; None from where the string is not well nested."""
    stack, after = [], []
    for step, symbol in enumerate(string):
        if symbol < kinds:
            stack = [*stack, (symbol, step)]
        elif not stack or (typed and stack[-1][0] != symbol - kinds):
            return None
        else:
            stack = stack[:-1]
        after.append(stack)
    return after


def ages(batch):
    """How long ago the innermost open bracket was opened, at the scored steps."""
    return torch.tensor(
        [
            step - after[step][-1][1]
            for string, mask in zip(batch.inputs.tolist(), batch.mask, strict=True)
            for after in [stacks(string, 4, typed=False)]
            for step in mask.nonzero()[:, 0].tolist()
        ]
    )


class TestClosing(TaskContract):
    @pytest.fixture
    def task(self):
        return Parentheses()


class TestClosingAtAnyDistance(TaskContract):
    @pytest.fixture
    def task(self):
        return Parentheses(kinds=2, distance=0.0)


class TestCounting(TaskContract):
    @pytest.fixture
    def task(self):
        return Parentheses(variant="counting")


class TestCountingFewKinds(TaskContract):
    @pytest.fixture
    def task(self):
        return Parentheses(variant="counting", kinds=2)


class TestNext(TaskContract):
    @pytest.fixture
    def task(self):
        return Parentheses(variant="next")


class TestBalanced(TaskContract):
    @pytest.fixture
    def task(self):
        return Parentheses(variant="balanced")


@pytest.mark.parametrize("length", [4, 5, 10, 41])
@pytest.mark.parametrize("distance", [0.0, 0.25, 0.5])
def test_closing_asks_for_the_innermost_open_bracket(length, distance):
    batch = draw(length, distance=distance)
    assert batch.inputs.shape == batch.targets.shape == batch.mask.shape == (60, length)
    assert batch.loss_mask.all()
    for string, targets, mask in zip(*(part.tolist() for part in batch[:3]), strict=True):
        after = stacks(string, 4, typed=False)
        assert len(after[-1]) == length % 2
        assert targets == [stack[-1][0] if stack else 4 for stack in after]
        age = [step - stack[-1][1] if stack else 0 for step, stack in enumerate(after)]
        assert mask == [a > 0 and a >= distance * length for a in age]


@pytest.mark.parametrize("length", [4, 5, 10, 100])
def test_every_string_has_a_scored_step_even_at_the_largest_distance(length):
    assert draw(length, rows=2000, distance=0.5).mask.any(dim=1).all()


def test_what_is_scored_lies_back_in_proportion_to_the_length():
    lengths = (20, 50, 100, 200)
    shares = [ages(draw(length, rows=200)).double().div(length) for length in lengths]
    assert all(0.4 < share.median() < 0.6 for share in shares)
    assert all(0.4 < share.mean() < 0.6 for share in shares)


def test_spans_grow_with_the_length_where_all_of_them_are_scored():
    means = [ages(draw(length, rows=200, distance=0.0)).double().mean() for length in (20, 100, 500)]
    assert 1.6 * means[0] < means[1] < means[2] / 1.6


def test_depth_grows_much_more_slowly_than_the_length():
    deepest = []
    for length in (100, 1000):
        nesting = random_nesting(generator(), 500, length // 2)
        change = torch.empty(500, length).scatter_(1, nesting.opens, 1.0).scatter_(1, nesting.closes, -1.0)
        deepest.append(change.cumsum(dim=1).max(dim=1).values.mean())
    assert deepest[1] < 2 * deepest[0]  # the square root of the length would make it 3.2 times


@pytest.mark.parametrize("pairs", [2, 3, 10, 50])
def test_the_number_of_outermost_brackets_is_as_computed(pairs):
    outermost = (random_nesting(generator(), 20_000, pairs).around == pairs).sum(dim=1).double()
    assert outermost.mean() == pytest.approx(mean_outermost(pairs), abs=4 * float(outermost.std()) / 20_000**0.5)


@pytest.mark.parametrize("length", [4, 5, 30])
def test_counting_counts_the_open_brackets_of_each_kind(length):
    batch = draw(length, variant="counting", kinds=3)
    assert batch.targets.shape == (60, length, 3)
    for string, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        counts = [0, 0, 0]
        for symbol, target in zip(string, targets, strict=True):
            if symbol < 6:
                counts[symbol % 3] = min(10, max(0, counts[symbol % 3] + (1 if symbol < 3 else -1)))
            assert target == counts


def test_counting_stops_at_ten_and_scores_the_last_step():
    batch = draw(200, variant="counting", kinds=1)
    assert batch.targets.min() == 0
    assert batch.targets.max() == 10
    assert batch.mask[:, -1].all()
    assert not batch.mask[:, :-1].any()


@pytest.mark.parametrize("length", [4, 5, 10, 41])
def test_next_says_which_symbols_may_follow(length):
    batch = draw(length, variant="next", kinds=3)
    assert batch.mask.all()
    for string, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        for stack, valid in zip(stacks(string, 3, typed=True), targets, strict=True):
            assert valid == [1, 1, 1, *(int(bool(stack) and stack[-1][0] == kind) for kind in range(3))]


@pytest.mark.parametrize("kinds", [1, 2, 5])
@pytest.mark.parametrize("length", [4, 5, 9, 30])
def test_chance_of_next_is_exact_for_few_kinds_and_odd_lengths(length, kinds):
    task = Parentheses(variant="next", kinds=kinds)
    found = memoryless(task, length, 2000)
    assert found.accuracy == pytest.approx(task.chance(length), abs=4 * found.error + 1e-9)


@pytest.mark.parametrize("length", [4, 5, 10, 41])
def test_balanced_tells_well_nested_strings_from_others(length):
    batch = draw(length, rows=300, variant="balanced", kinds=3)
    assert batch.inputs.shape == (300, length + length % 2)
    nested = [stacks(string, 3, typed=True) is not None for string in batch.inputs.tolist()]
    assert nested == batch.targets[:, 0].bool().tolist()
    assert 120 < sum(nested) < 180


def test_counting_and_depth_do_not_tell_what_is_balanced():
    batch = draw(30, rows=300, variant="balanced", kinds=3)
    counts = torch.nn.functional.one_hot(batch.inputs, 6).sum(dim=1)
    assert torch.equal(counts[:, :3], counts[:, 3:])
    assert all(stacks(string, 3, typed=False)[-1] == [] for string in (batch.inputs.clamp(max=3)).tolist())


def test_a_spoilt_string_is_spoilt_early_or_late():
    batch = draw(100, rows=1000, variant="balanced")
    spoilt = [string for string, good in zip(batch.inputs.tolist(), batch.targets[:, 0], strict=True) if not good]
    first_wrong = torch.tensor([next(n for n in range(101) if stacks(s[:n], 2, typed=True) is None) for s in spoilt])
    assert (first_wrong < 30).double().mean() > 0.2
    assert (first_wrong > 60).double().mean() > 0.2


def test_seeing_a_symbol_and_the_one_before_hardly_tells_what_is_balanced():
    batch = draw(100, rows=1000, variant="balanced")
    opener, follower = batch.inputs[:, :-1], batch.inputs[:, 1:]
    wrong_pair = ((opener < 2) & (follower >= 2) & (follower != opener + 2)).any(dim=1)
    right = (wrong_pair == (batch.targets[:, 0] == 0)).double().mean()
    assert right < 0.62


def test_only_next_needs_causality():
    causal = [v for v in ("closing", "counting", "next", "balanced") if Parentheses(variant=v).needs_causal]
    assert causal == ["next"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"variant": "matching"}, "'matching'.*Known: balanced, closing, counting, next"),
        ({"kinds": 1}, "closing needs kinds >= 2, got kinds=1"),
        ({"variant": "counting", "kinds": 0}, "counting needs kinds >= 1, got kinds=0"),
        ({"distance": 0.6}, "0 to 0.5, got distance=0.6"),
        ({"variant": "next", "distance": 0.1}, "leave distance out"),
    ],
)
def test_a_wrong_option_is_refused_with_the_way_out(options, named):
    with pytest.raises(ValueError, match=named):
        Parentheses(**options)
