"""A study is read from a file, and what is wrong with the file is said in one line."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.studies.question import Difference, Equal, Value

from .conftest import HEAD, SWEEP

MORE = 'more = "lstm"\nthan = "rnn"\nin = "score"'


def test_a_difference_is_read_in_either_direction(study):
    fewer = 'less = "lstm"\nthan = "rnn"\nin = "steps_to_solve"\nfactor = 2'
    more, less = study(MORE + "\nby = 0.1", fewer).expectations
    assert isinstance(more, Difference)
    assert (more.first, more.second, more.by, more.less) == ("lstm", "rnn", 0.1, False)
    assert (less.first, less.second, less.factor, less.less) == ("rnn", "lstm", 2, True)


def test_a_printed_number_becomes_bounds(study):
    by_factor, absolute = study(
        'of = "lstm"\nin = "loss"\nprinted = 0.0006\nwithin = "factor 3"',
        'of = "lstm"\nin = "accuracy"\nprinted = 0.9\nwithin = 0.05',
    ).expectations
    assert isinstance(by_factor, Value)
    assert (by_factor.low, by_factor.high) == pytest.approx((0.0002, 0.0018))
    assert (absolute.low, absolute.high) == pytest.approx((0.85, 0.95))


def test_equality_has_a_margin(study):
    (one,) = study('equal = ["lstm", "rnn"]\nin = "score"\nmargin = 0.05\nlength = "longest"').expectations
    assert isinstance(one, Equal)
    assert (one.margin, one.lengths) == (0.05, "longest")


def test_the_digest_covers_what_is_asked_and_nothing_else(study):
    plain = study(MORE).digest
    assert study(MORE + '\nsays = "It is so."').digest == plain
    assert study(MORE, head=HEAD.replace("every textbook", "somebody")).digest == plain
    assert study(MORE, sweep=SWEEP.replace("seeds = 6", "seeds = 20")).digest == plain
    assert study(MORE + "\nby = 0.1").digest != plain
    assert study(MORE, head=HEAD.replace("longer than", "as long as")).digest != plain
    assert study(MORE, sweep=SWEEP.replace("[5, 10]", "[5, 20]")).digest != plain


def test_a_digest_outlives_additions_to_the_schema(study):
    """A digest that is on record must be that of today's file: a new key with a default may not change it."""
    assert study(MORE).digest == "7a0e0309f821dc54"


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        (MORE + "\nbye = 1", "[[expect]] 1: No key 'bye'. Did you mean 'by'?"),
        ('more = "lstm"\nthan = "rnn"\nin = "scores"', "No metric 'scores'. Did you mean 'score'"),
        ('more = "lstm"\nin = "score"', "[[expect]] 1, than: takes a text, and is missing."),
        ('more = "lstm"\nthan = "lstm"\nin = "score"', "lstm is compared with itself"),
        ('than = "rnn"\nin = "score"', "takes one of more (with than), less (with than), of and equal, got none."),
        (MORE + '\nof = "rnn"', "got more and of."),
        (MORE + '\nthan_sweep = "x"', "than_sweep: No sweep in this study called 'x'."),
        (MORE + "\nby = 0.1\nfactor = 2", "by and factor say the same thing in two ways"),
        (MORE + "\nfactor = 0.5", "factor: takes a number above 1, got 0.5."),
        (MORE + "\nlength = 0", "length: takes a length, a list of lengths, 'all' or 'longest', got 0."),
        (MORE + '\nsweep = "second"', "No sweep in this study called 'second'."),
        ('of = "lstm"\nin = "score"', "takes at_least or at_most or both, or printed together with within."),
        ('of = "lstm"\nin = "loss"\nprinted = 1.0', "takes at_least or at_most or both, or printed together with"),
        ('of = "lstm"\nin = "loss"\nprinted = 1.0\nwithin = "factor 1"', "within: takes a number above 0, or 'factor"),
        ('of = "lstm"\nin = "loss"\nprinted = -1.0\nwithin = "factor 2"', "a factor is for numbers above 0"),
        ('of = "lstm"\nin = "score"\nat_least = 1.0\nat_most = 0.5', "at_least must be below at_most"),
        ('of = "lstm"\nin = "score"\nat_least = 1.0\nshare = 1.0', "share: takes a number above 0 and below 1"),
        ('equal = ["lstm"]\nin = "score"\nmargin = 0.1', "equal: takes a list of two architectures"),
        ('equal = ["lstm", "rnn"]\nin = "score"', "equal needs a margin"),
        ('more = "lstm"\nthan = "rnn"\nin = "horizon"\nlength = 5', "a horizon is found over all lengths"),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_refused(study, expectation, said):
    with pytest.raises(UsageError) as refused:
        study(expectation)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "claim"', 'kind = "claims"', "No kind of study 'claims'. Did you mean 'claim'?"),
        ('kind = "claim"', 'knd = "claim"', "No key 'knd'. Did you mean 'kind'?"),
        ("longer than an RNN?", "longer.", "question: takes a sentence that ends with '?'"),
        ('source = "every textbook"', "", "source: takes a text, and is missing."),
        ('source = "every textbook"', "source = 3", "source: takes a text, got 3."),
        ("question =", "question", "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(study, old, new, said):
    with pytest.raises(UsageError) as refused:
        study(MORE, head=HEAD.replace(old, new))
    assert said in str(refused.value)


def test_a_printed_number_without_what_it_is_is_refused(study):
    head = HEAD.replace('printed_is = "mean over 10 seeds"', "")
    with pytest.raises(UsageError, match="printed_is is missing: say what the printed number is"):
        study('of = "lstm"\nin = "loss"\nprinted = 1.0\nwithin = "factor 2"', head=head)


def test_a_study_has_expectations_and_named_sweeps(study):
    with pytest.raises(UsageError, match="needs at least one expectation"):
        study()
    with pytest.raises(UsageError, match="needs a table \\[sweep\\]"):
        study(MORE, sweep="")
    with pytest.raises(UsageError, match="\\[\\[sweep\\]\\] 1, name: takes a text, and is missing"):
        study(MORE, sweep='[[sweep]]\narch = "rnn"\n[[sweep]]\nname = "b"\n')
