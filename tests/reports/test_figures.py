"""Figures for a paper, and the axis they stand on."""

from __future__ import annotations

import importlib

import pytest

from harness.discovery import registry

from ..made_up import as_results, made_up

axes = importlib.import_module("harness.reports._axes")


def test_every_figure_is_written_as_svg_and_pdf_the_same_bytes_each_time(tmp_path):
    write = registry.find("report", "figures").load()
    results = as_results(made_up(tasks=["copy"], seeds=2))
    first = write(results, tmp_path / "a")
    again = write(results, tmp_path / "b" / "deeper")
    assert sorted(path.name for path in first) == sorted(
        f"{name}.{kind}"
        for name in ("horizon", "copy-accuracy", "copy-learning", "copy-steps", "copy-generalisation")
        for kind in ("svg", "pdf")
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_task_names_make_file_names_that_any_system_takes(tmp_path):
    write = registry.find("report", "figures").load()
    paths = write(as_results(made_up(tasks=["../a b<c>=1"], seeds=1, lengths=[5])), tmp_path)
    assert {path.parent for path in paths} == {tmp_path}
    assert any(path.name == "a-b-c-1-accuracy.svg" for path in paths)


@pytest.mark.parametrize(
    ("lengths", "geometric"),
    [
        ((10, 20, 50, 100), True),
        ((1, 5, 20, 50, 100), True),
        ((10, 20, 30, 40), False),
        ((10, 20), False),
        ((10, 100), True),
        ((7,), False),
    ],
)
def test_the_axis_is_logarithmic_where_lengths_are_geometric(lengths, geometric):
    assert axes.is_geometric(lengths) is geometric


def test_accuracy_is_drawn_against_another_axis(tmp_path):
    records = made_up(["copy"], ["lstm", "gru"], [10, 20], seeds=2, failures=False)
    for place, record in enumerate(records):
        record.state_size = 32 * (1 + place % 2)
    plain = registry.find("report", "figures").load()(as_results(records), tmp_path / "plain")
    against = registry.find("report", "figures").load()(as_results(records, axis="state_size"), tmp_path / "axis")
    new = {path.name for path in against} - {path.name for path in plain}
    assert new == {"copy-accuracy-by-state_size.svg", "copy-accuracy-by-state_size.pdf"}
    assert "state size" in (tmp_path / "axis" / "copy-accuracy-by-state_size.svg").read_text()
