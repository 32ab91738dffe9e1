"""Whose turn it is among the runs that wait for a worker."""

from harness.engines.run_queue import Turns
from harness.spec import RunSpec


def run(label, seed=0, length=10):
    return f"{label} {length} {seed}", RunSpec(label, "copy", length, seed, label=label, task_label="copy")


def waiting(*runs):
    turns = Turns()
    for key, spec in runs:
        turns.add(key, spec)
    return turns


def order(turns):
    return [turns.next() for _ in range(len(turns))]


def test_where_nothing_is_known_runs_keep_their_order():
    assert order(waiting(run("b"), run("a"), run("c"))) == ["b 10 0", "a 10 0", "c 10 0"]


def test_of_one_seed_the_longest_known_comes_first_and_the_unknown_before_it():
    turns = waiting(run("quick", 1), run("slow", 1), run("new", 1))
    turns.took(run("quick")[1], 1.0)
    turns.took(run("slow")[1], 9.0)
    assert order(turns) == ["new 10 1", "slow 10 1", "quick 10 1"]


def test_a_later_seed_waits_however_long_it_takes():
    turns = waiting(run("quick", 0), run("slow", 1))
    turns.took(run("slow")[1], 9.0)
    turns.took(run("quick")[1], 1.0)
    assert order(turns) == ["quick 10 0", "slow 10 1"]


def test_lengths_are_known_each_for_itself():
    turns = waiting(run("a", 1, length=10), run("a", 1, length=100))
    turns.took(run("a", 0, length=10)[1], 1.0)
    turns.took(run("a", 0, length=100)[1], 9.0)
    assert order(turns) == ["a 100 1", "a 10 1"]


def test_what_was_handed_back_comes_before_the_rest():
    turns = waiting(run("b"), run("c"))
    turns.add_first([run("x"), run("y")])
    assert order(turns) == ["x 10 0", "y 10 0", "b 10 0", "c 10 0"]


def test_every_run_of_many_gets_its_turn_once():
    runs = [run(label, seed) for seed in range(3) for label in map(str, range(300))]
    turns = waiting(*runs)
    for number, (_, spec) in enumerate(runs[:300]):
        turns.took(spec, number % 7)
    assert sorted(order(turns)) == sorted(key for key, _ in runs)
    assert len(turns) == 0
