"""`harness check`: every kind of plugin is examined promise by promise, and whatever is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.testing.worker import answers

TESTS = Path(__file__).parent.parent
ARCHITECTURE_FAULTS = TESTS / "plugins" / "test_contract_faults.py"
TASK_FAULTS = TESTS / "tasks" / "test_task_contract.py"
CELLS = """
import ctypes, os, time
from torch import nn


class Plain(nn.Module):
    def __init__(self, input_size, hidden_size, *, scale: float = 1.0):
        super().__init__()
        self.kernel, self.scale = nn.GRU(input_size, hidden_size, batch_first=True), scale

    def forward(self, x):
        return self.scale * self.kernel(x)[0]


class TimeFirst(Plain):
    def forward(self, x):
        return super().forward(x).transpose(0, 1)


class NoHiddenSize(nn.Module):
    def __init__(self, input_size):
        super().__init__()

    def forward(self, x):
        return x


class Unbuildable(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size)


class Hangs(Plain):
    def __init__(self, input_size, hidden_size):
        time.sleep(60)


class Dies(Plain):
    def forward(self, x):
        ctypes.string_at(0)


class Noisy(Plain):
    def forward(self, x):
        os.write(1, b'{"found": "nothing"}')
        print("noise")
        return super().forward(x)
"""
PLAIN = CELLS.split("class TimeFirst")[0]
TASK = """
import torch
from harness import Batch, Classes, Task, Tokens


class First(Task):
    min_length = 2
    inputs = Tokens(8)
    targets = Classes(8)

    def __init__(self, *, said: float = 0.125):
        self.said = said

    def sample(self, generator, batch_size, length):
        inputs = torch.randint(8, (batch_size, length), generator=generator)
        mask = torch.arange(length).expand(batch_size, -1) > 0
        return Batch(inputs, inputs[:, :1].repeat(1, length), mask)

    def chance(self, length):
        return self.said
"""


@pytest.fixture
def plugins(folder):
    """A folder with a file of architectures and one of a task."""
    (folder / "cells.py").write_text(CELLS)
    (folder / "first.py").write_text(TASK)
    return folder


@pytest.fixture
def broken(harness):
    """Checks plugins, one of which breaks a promise; the broken ones of each, with what was seen and the way out."""

    def run(line, code=1):
        said = harness(f"check {line} --json")
        assert (said.code, said.err) == (code, "")
        return [
            {p["promise"]: (p["detail"], p["way_out"]) for p in report["promises"] if p["status"] == "broken"}
            for report in json.loads(said.out)
        ]

    return run


def test_a_plain_module_is_told_promise_by_promise(harness, plugins):
    said = harness("check ./cells.py:Plain")
    assert (said.code, said.err) == (0, "")
    first, *told, last = said.out.splitlines()
    assert first == "architecture ./cells.py:Plain"
    assert "  kept     outputs have the promised shape" in told
    assert "  skipped  state carries over a cut: declares stateful=False" in told
    assert last == "23 promises: 19 kept, 4 skipped"


def test_a_wrapper_and_a_task_are_checked_in_one_go_and_json_says_what_each_promise_is(harness, plugins):
    said = harness("check deep:./cells.py:Plain ./first.py --json")
    assert (said.code, said.err) == (0, "")
    wrapper, task = json.loads(said.out)
    assert (wrapper["plugin"], wrapper["kind"], wrapper["kept"]) == ("deep:./cells.py:Plain", "architecture", True)
    assert (task["plugin"], task["kind"], task["kept"]) == ("./first.py", "task", True)
    for promise in wrapper["promises"] + task["promises"]:
        assert promise["status"] in ("kept", "skipped")
        assert promise["says"].endswith(".")
        assert promise["way_out"].startswith("Way out: ")


def test_a_broken_promise_is_told_with_what_was_seen_and_what_to_do(harness, plugins):
    said = harness("check ./cells.py:TimeFirst")
    assert (said.code, said.err) == (1, "")
    told = " ".join(said.out.split())
    assert "BROKEN outputs have the promised shape TimeFirst turned an input of shape (2, 3, 5) into (3, 2, 16)" in told
    assert "Way out: look for a layer of torch's without batch_first=True" in told
    assert "BROKEN for the reason given at 'outputs have the promised shape': outputs and gradients are finite" in told


def test_what_cannot_be_built_is_asked_for_no_more(harness, plugins):
    said = harness("check ./cells.py:Unbuildable")
    assert said.code == 1
    told = " ".join(said.out.split())
    assert "it must be built by (input_size, hidden_size); TypeError" in told
    assert "22 more not checked, since it does not keep 'is built from an input size and a hidden size'" in told
    assert said.out.splitlines()[-1] == "23 promises: 1 broken, 22 skipped"


def test_a_constructor_that_cannot_take_both_sizes_is_refused_as_a_run_refuses_it(harness, plugins):
    said = harness("check ./cells.py:NoHiddenSize")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "harness: architecture './cells.py:NoHiddenSize' cannot be built from (input_size, hidden_size): "
        "its constructor is (input_size) (too many positional arguments).\n"
    )


def test_a_plugin_that_hangs_dies_or_makes_noise_harms_no_other(broken, plugins):
    hangs, dies, noisy = broken("./cells.py:Hangs ./cells.py:Dies ./cells.py:Noisy --timeout 5")
    (told,) = [detail for detail, _ in hangs.values()]
    assert told == f"it took longer than 5 s at {place('time.sleep')}: shorten it, or let it take longer by --timeout"
    assert [detail for detail, _ in dies.values()] == [
        f"its process was killed by SIGSEGV at {place('ctypes.string_at')}"
    ]
    assert noisy == {}


def test_a_file_that_hangs_at_import_is_told_with_its_line(harness, plugins):
    (plugins / "slow.py").write_text("import time\ntime.sleep(60)\n")
    said = harness("check ./slow.py --timeout 3")
    assert said.code == 1
    assert said.out.splitlines()[1] == "  BROKEN   is imported"
    assert "it took longer than 3 s at slow.py:2" in said.out


def test_a_wrong_request_is_refused_in_a_line(refused, folder):
    assert "No architecture or task 'lstmm'. Did you mean 'lstm'" in refused("check lstmm")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("class Cell(:\n    pass", "SyntaxError: invalid syntax (cell.py, line 1)"),
        ("import nothing_like_it", "cannot be imported: ModuleNotFoundError: No module named 'nothing_like_it'"),
        (
            CELLS,
            "holds 6 architectures: Dies, Hangs, Noisy, Plain, TimeFirst, Unbuildable. Say which: cell.py:Dies or ",
        ),
        (
            "from torch import nn\nclass Cell(nn.Module):\n    def __init__(self, size): ...",
            "no class of its own with a constructor (input_size, hidden_size). There is Cell(size).",
        ),
        (PLAIN + TASK, "is both an architecture and a task: say --arch or --task."),
    ],
    ids=["syntax error", "missing import", "two plugins", "no hidden_size", "two kinds"],
)
def test_a_file_that_cannot_be_taken_is_refused_with_its_cause(text, complaint, folder):
    (folder / "cell.py").write_text(text)
    assert complaint in refusal("./cell.py")


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("cells", {}, "No architecture 'cells'. Did you mean './cells.py'?"),
        ("./cell.py", {}, "Did you mean "),
        ("./cells.py:Plane", {}, "cells.py called 'Plane'. Did you mean 'Plain'?"),
        ("lstm", {"leak": ["1"]}, "No option 'leak'. Known: forget_bias, hidden_size, "),
        ("lstm", {"forget_bias": ["0", "1"]}, "One forget_bias at a time is checked, got 0, 1."),
    ],
)
def test_a_plugin_or_an_option_that_is_not_there_is_refused(name, options, complaint, plugins):
    assert complaint in refusal(name, options)


SHORT = (
    PLAIN
    + """
class Short(Plain):
    def __init__(self, input_size, hidden_size, *, limit: int = 20):
        assert hidden_size < 90 or limit > 20, "too wide"
        super().__init__(input_size, hidden_size)
        self.limit = limit

    def forward(self, x):
        assert x.shape[1] <= self.limit, f"{x.shape[1]} steps"
        return super().forward(x)
"""
)


@pytest.mark.parametrize(
    ("options", "length", "detail"),
    [
        ({}, 2, "AssertionError: too wide"),
        ({"limit": ["21"]}, 200, "AssertionError: 220 steps"),
        ({"limit": ["220"]}, 200, ""),
        ({"limit": ["220"], "symbols": ["5"]}, 200, ""),
    ],
    ids=["the run's hidden size", "the task's steps", "fits", "option of the task"],
)
def test_on_a_task_an_architecture_is_examined_as_a_run_does(options, length, detail, folder):
    (folder / "short.py").write_text(SHORT)
    begun, *found = answers("./short.py:Short", None, options, "copy", length)
    name = f"a run on copy at length {length} accepts it"
    assert begun["promises"][-1]["name"] == name
    last = found[-1]["found"]
    assert (last["promise"], last["status"]) == (name, "broken" if detail else "kept")
    assert last["detail"].startswith(detail)


def test_a_wrong_task_or_length_to_be_tried_on_is_refused(refused, plugins):
    assert "--length is for a task" in refused("check ./cells.py:Plain --length 20")
    assert "No task 'copyy'" in refused("check ./cells.py:Plain --on copyy")
    assert "--on tries an architecture" in refused("check ./first.py --on copy")
    assert "first: " in refused("check ./cells.py:Plain --on ./first.py --length 1")


def test_options_are_those_of_a_run(plugins):
    _, *found = answers("./first.py", None, {"said": ["0.5"]})
    (told,) = [each["found"]["detail"] for each in found if each["found"]["status"] == "broken"]
    assert "chance=0.5000 must be reached without memory" in told


def test_a_plugin_that_skips_everything_has_failed(folder):
    (folder / "skips.py").write_text(PLAIN.replace("super()", "__import__('pytest').skip('no GPU'), super()"))
    _, *found = answers("./skips.py", None, {})
    assert [each["found"]["promise"] for each in found if each["found"]["status"] != "skipped"] == [
        "not everything is skipped"
    ]


def place(call):
    """The line of `cells.py` with a call, as it is told."""
    return f"cells.py:{CELLS[: CELLS.index(call)].count(chr(10)) + 1}"


def refusal(name, options=None):
    """Why a request is refused: what the process that examines answers, in this one."""
    (answer,) = answers(name, None, options or {})
    return answer["refused"]


SEEDED = {
    ARCHITECTURE_FAULTS: {
        "LooksAhead": "is causal exactly when it says so",
        "IgnoresTheIncomingState": "state carries over a cut",
        "OverwritesTheIncomingState": "inputs and incoming state are left alone",
        "StateHasTheBatchSecond": "state has the batch first",
        "PaddingMovesTheFinalState": "padding changes nothing",
        "NormalisesOverRowsInTraining": "rows do not see each other",
        "HasAnUnusedParameter": "every parameter and the inputs get a gradient",
        "IgnoresHiddenSize": "size grows with hidden size",
        "HasNoMemory": "learns to recall the first symbol",
    },
    TASK_FAULTS: {
        "PythonsGenerator": "same seed gives the same batch",
        "GlobalGenerator": "global generators are left alone",
        "FewSequences": "splits share no sequence",
        "CurrentSymbolTells": "chance is what the best predictor without memory reaches",
        "WrongOracle": "a perfect oracle scores one",
        "LengthIgnored": "longer lengths give longer sequences",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("file", SEEDED, ids=["9 of architectures", "6 of tasks"])
def test_every_seeded_fault_is_caught_and_the_promise_named(file, broken):
    found = broken(" ".join(f"{file}:{name}" for name in SEEDED[file]))
    for (name, promise), promises in zip(SEEDED[file].items(), found, strict=True):
        assert promise in promises, name
        assert promises[promise][0], name
