"""What making a batch costs beside training on it; wanted at length 100: under 3 %.

python benchmarks/task_generation.py [length]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch

from harness import Task, Tokens
from harness.discovery import registry
from harness.training.build import build_task

BATCH, HIDDEN, REPEATS = 32, 128, 40
VARIANTS = {  # beside the defaults of every built-in task
    "copy": {"selective": (True,)},
    "adding": {"variant": ("anywhere", "hochreiter")},
    "parentheses": {"variant": ("counting", "next", "balanced")},
}


def built_in() -> dict[str, Task]:
    """Every task of ours, with its defaults and in its variants."""
    names = [plugin.name for plugin in registry.plugins("task") if plugin.module.startswith("harness.tasks.")]
    tasks = {name: build_task(name, {}) for name in names}
    for name, options in VARIANTS.items():
        for option, values in options.items():
            tasks |= {f"{name} {option}={value}": build_task(name, {option: value}) for value in values}
    return dict(sorted(tasks.items()))


def median_ms(call: Callable[[], object]) -> float:
    """The median of the repeated calls' times."""
    times = []
    for _ in range(REPEATS + 5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[5:])


def training_step(task: Task, length: int) -> Callable[[], None]:
    """A step of an LSTM over the steps the task feeds; the answers make no difference to its time."""
    inputs = task.sample(torch.Generator(), BATCH, length).inputs
    x = torch.nn.functional.one_hot(inputs, task.inputs.size).float() if isinstance(task.inputs, Tokens) else inputs
    lstm, head = torch.nn.LSTM(x.shape[2], HIDDEN, batch_first=True), torch.nn.Linear(HIDDEN, 10)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()])

    def step() -> None:
        optimizer.zero_grad()
        head(lstm(x)[0]).square().mean().backward()
        optimizer.step()

    return step


def main(length: int) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    generator = torch.Generator().manual_seed(0)
    print(f"length {length}, batch {BATCH}, LSTM hidden {HIDDEN}, one thread, medians of {REPEATS}")
    print(f"{'task':<30}{'batch ms':>10}{'step ms':>10}{'ratio':>9}")
    for name, task in built_in().items():
        batch = median_ms(lambda task=task: task.sample(generator, BATCH, length))  # type: ignore[misc]
        step = median_ms(training_step(task, length))
        print(f"{name:<30}{batch:>10.3f}{step:>10.1f}{batch / step:>9.2%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
