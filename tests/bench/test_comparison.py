"""Which differences between two sessions are told, on samples that are made up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.bench.comparison import changes, noise, refuse_other_machine, refuse_other_settings
from harness.errors import UsageError
from harness.spec import RunSpec

SPEC = RunSpec("rnn", "adding", 10, label="rnn")


def test_a_tenth_more_time_is_found_in_every_pass(session):
    assert {one.verdict for one in changes(session(0), session(1, slower=1.1))} == {"slower"}
    assert {one.verdict for one in changes(session(0), session(1, slower=0.9))} == {"faster"}


def test_the_ratio_is_that_of_the_times(session):
    found = changes(session(0, jitter=0.001), session(1, slower=1.1, jitter=0.001))
    assert [one.ratio for one in found] == pytest.approx([1.1] * 3, rel=0.02)


def test_sessions_of_the_same_are_told_apart_in_one_of_twenty_cases_at_most(session):
    alarms = [any(c.verdict != "same" for c in changes(session(i), session(i + 1000))) for i in range(60)]
    assert sum(alarms) <= 3 + 3  # 5 % of 60, and what chance adds to it 19 of 20 times


def test_a_machine_that_is_slower_as_a_whole_is_no_slower_architecture(session):
    assert {one.verdict for one in changes(session(0), session(1, drift=1.5))} == {"same"}


def test_a_difference_within_what_processes_differ_by_is_not_told(session):
    assert {one.verdict for one in changes(session(0, jitter=0.1), session(1, 1.1, jitter=0.1))} == {"same"}


def test_one_process_has_no_noise_to_compare_with_so_nothing_is_told(session):
    found = changes(session(0, processes=1), session(1, slower=1.3, processes=1))
    assert {one.verdict for one in found} == {"same"}


def test_the_noise_told_grows_with_the_noise(session):
    assert noise(session(0, jitter=0.01)) < noise(session(0, jitter=0.1))


@pytest.mark.parametrize("key", ["cpu", "cores", "threads", "device", "version.torch"])
def test_another_machine_is_refused_and_what_differs_is_named(key, session):
    with pytest.raises(UsageError, match=rf"{key} was .*, is other"):
        refuse_other_machine(session(0), {**session(0).environment, key: "other"})


def test_other_settings_are_refused_and_other_code_is_what_is_compared(session):
    refuse_other_settings(session(0), [replace(SPEC, architecture_code="changed")])
    with pytest.raises(UsageError, match="batch_size was 32, is 64"):
        refuse_other_settings(session(0), [replace(SPEC, batch_size=64)])
    with pytest.raises(UsageError, match="there is rnn T=10"):
        refuse_other_settings(session(0), [replace(SPEC, label="lstm")])


def test_less_than_sessions_of_the_same_code_differ_by_is_not_told_however_quiet_their_processes(session):
    quiet = {"jitter": 0.0005, "processes": 6}
    before = session(0, **quiet)
    small, large = (changes(before, session(1, slower=ratio, **quiet)) for ratio in (1.03, 1.08))
    assert {change.verdict for change in small} == {"same"}
    assert {change.verdict for change in large} == {"slower"}
