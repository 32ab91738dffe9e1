"""What a report says of speed and memory: every row of `harness bench`, beside accuracy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness import registry
from harness.speed.row import Row

from ..made_up import as_results, made_up


def row(label, length, **more):
    known = {"seconds": 1e-3 * length, "tokens_per_second": 32_000.0, "of_product": 0.1, "memory": length * 2**20}
    return Row(label, length, "step", kernel="eager", batch_size=32, hidden_size=128, **{**known, **more})


@pytest.fixture
def written(tmp_path):
    def write(kind, *speeds):
        results = replace(as_results(made_up(["copy"], ["gru", "rnn"], [20, 50], seeds=2)), speeds=speeds)
        return registry.find("report", kind).load()(results, tmp_path)

    return write


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_every_length_is_shown_with_its_time_and_memory_and_failures_with_their_reason(written, kind):
    (path,) = written(kind, row("gru", 20), row("gru", 50), row("rnn", 50, reason="no memory left"))
    text = path.read_text()
    for shown in ("Speed and memory", "ms a step", "compare kernels", "no memory left"):
        assert shown in text


def test_the_page_draws_time_and_memory_against_length(written):
    (path,) = written("html", row("gru", 20), row("gru", 50))
    text = path.read_text()
    assert "ms a step, by length" in text
    assert "mathdefault" not in text  # a formula, which nobody draws
    assert "memory, MiB, by length" in text


def test_memory_is_not_drawn_where_nobody_measured_it(written):
    (path,) = written("html", row("gru", 20, memory=None), row("gru", 50, memory=None))
    assert "memory, MiB, by length" not in path.read_text()


def test_without_a_measurement_there_is_no_section(written):
    (path,) = written("html")
    assert "Speed and memory" not in path.read_text()


def test_figures_for_a_paper_hold_speed_and_memory(written):
    names = {path.name for path in written("figures", row("gru", 20), row("gru", 50))}
    assert {"speed.svg", "speed.pdf", "memory.svg", "memory.pdf"} <= names
