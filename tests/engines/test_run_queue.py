"""Whose turn it is among the runs that wait for a worker."""

from harness.engines.run_queue import RunQueue, WaitingRun
from harness.spec import RunSpec


def run(label, seed=0, length=10, code=""):
    spec = RunSpec(label, "copy", length, seed, label=label, task_label="copy")
    return WaitingRun(f"{label} {length} {seed}", spec, code)


def waiting(*runs):
    queue = RunQueue()
    for each in runs:
        queue.add(each)
    return queue


def order(queue):
    return [queue.take().key for _ in range(len(queue))]


def test_where_nothing_is_known_runs_keep_their_order():
    assert order(waiting(run("b"), run("a"), run("c"))) == ["b 10 0", "a 10 0", "c 10 0"]


def test_of_one_seed_the_longest_known_comes_first_and_the_unknown_before_it():
    queue = waiting(run("quick", 1), run("slow", 1), run("new", 1))
    queue.record_duration(run("quick").spec, 1.0)
    queue.record_duration(run("slow").spec, 9.0)
    assert order(queue) == ["new 10 1", "slow 10 1", "quick 10 1"]


def test_a_later_seed_waits_however_long_it_takes():
    queue = waiting(run("quick", 0), run("slow", 1))
    queue.record_duration(run("slow").spec, 9.0)
    queue.record_duration(run("quick").spec, 1.0)
    assert order(queue) == ["quick 10 0", "slow 10 1"]


def test_lengths_are_known_each_for_itself():
    queue = waiting(run("a", 1, length=10), run("a", 1, length=100))
    queue.record_duration(run("a", 0, length=10).spec, 1.0)
    queue.record_duration(run("a", 0, length=100).spec, 9.0)
    assert order(queue) == ["a 100 1", "a 10 1"]


def test_what_was_handed_back_comes_before_the_rest():
    queue = waiting(run("b"), run("c"))
    queue.put_back([run("x"), run("y")])
    assert order(queue) == ["x 10 0", "y 10 0", "b 10 0", "c 10 0"]


def test_every_run_of_many_gets_its_turn_once():
    runs = [run(label, seed) for seed in range(3) for label in map(str, range(300))]
    queue = waiting(*runs)
    for number, each in enumerate(runs[:300]):
        queue.record_duration(each.spec, number % 7)
    assert sorted(order(queue)) == sorted(each.key for each in runs)
    assert len(queue) == 0


def test_only_runs_of_one_code_are_taken_where_that_is_asked_for():
    queue = waiting(run("mine", code="x"), run("ours"), run("theirs", code="y"), run("mine", 1, code="x"))
    assert queue.take("").key == "ours 10 0"
    assert queue.take("") is None
    assert queue.take("y").key == "theirs 10 0"
    assert [queue.take("x").key for _ in range(2)] == ["mine 10 0", "mine 10 1"]
    assert queue.take() is None
