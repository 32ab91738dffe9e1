"""The display of a running sweep in a notebook: what it shows at first, meanwhile and afterwards."""

from __future__ import annotations

import pytest

from harness.analysis.sweep_results import SweepResults
from harness.record import Progress
from harness.sweeps.live import LiveDisplay, live_display

from ..made_up import made_up


class Handle:
    """Where a notebook shows something, and what it has shown so far."""

    def __init__(self):
        self.shown = []

    def update(self, data, raw):
        self.shown.append(data["text/html"])


@pytest.fixture
def handle(monkeypatch):
    handle = Handle()

    def display(data, raw, display_id=False):
        handle.update(data, raw)
        return handle

    monkeypatch.setattr("IPython.display.display", display)
    return handle


@pytest.fixture
def records():
    found = made_up(["copy"], ["lstm", "<b>gru</b>"], [5, 20], seeds=1, points=0, failures=False)
    return {str(place): record for place, record in enumerate(found)}


def test_a_sweep_is_shown_while_it_runs_and_afterwards(handle, records, monkeypatch):
    monkeypatch.setattr("harness.sweeps.live._SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr("harness.sweeps.live._SECONDS_BETWEEN_RESULTS", 0)
    monkeypatch.setattr("harness.sweeps.live._SHARE_FOR_RESULTS", 1e9)
    with LiveDisplay(1) as live:
        live.planned({key: record.spec for key, record in records.items()}, {"0": records["0"]})
        assert "1 of 4 runs" in handle.shown[-1]
        live.started("1")
        live.progressed("1", Progress(50, 0.25, 0.4, 12345.0))
        assert "loss 0.25, validation 40.0%" in handle.shown[-1]
        assert '<progress value="50" max="5000">' in handle.shown[-1]
        assert "left" in handle.shown[-1]
        live.retrying("1", records["1"])
        assert "is repeated" in handle.shown[-1]
        for key in ("1", "2", "3"):
            live.started(key)
            live.ended(key, records[key])
        live.waiting_for_store("The store is locked")
        assert "The store is locked" in handle.shown[-1]
    last = handle.shown[-1]
    assert "4 of 4 runs" in last
    assert "runs are missing" not in last
    assert (last.count("<svg"), last.count("<table>")) == (1, 1)
    assert not any("<b>gru</b>" in shown for shown in handle.shown)


def test_a_sweep_that_is_stopped_shows_what_has_ended(handle, records):
    with LiveDisplay(1) as live:
        live.planned({key: record.spec for key, record in records.items()}, {})
        live.started("1")
        live.ended("1", records["1"])
    assert "1 of 4 runs, stopped" in handle.shown[-1]
    assert "3 runs are missing" in handle.shown[-1]


def test_outside_a_notebook_there_is_no_live_display():
    assert live_display() is None


def test_results_are_not_shown_twice_in_one_cell(handle, records, monkeypatch):
    import IPython

    class Shell:
        execution_count = 7

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    SweepResults(list(records.values()), shown_in_cell=7)._ipython_display_()
    assert handle.shown == []
    SweepResults(list(records.values()), shown_in_cell=6)._ipython_display_()
    assert len(handle.shown) == 1
