"""Ranges say what is in them, and refuse to be nonsense."""

from __future__ import annotations

import pytest

from harness.space import Choice, Float, Int


@pytest.mark.parametrize(
    ("space", "inside", "outside"),
    [
        (Float(0.0, 1.0), [0.0, 0.5, 1.0, 1, 0], [-0.1, 1.1, "0.5", None, True, float("nan")]),
        (Float(1e-4, 1e-1, log=True), [1e-4, 0.01], [0.0, 1.0]),
        (Int(1, 4), [1, 2, 4], [0, 5, 2.0, "2", True, None]),
        (Choice("tanh", "relu"), ["tanh", "relu"], ["gelu", None, 1]),
        (Choice(False, True), [False, True], ["true", None, 2]),
    ],
    ids=str,
)
def test_a_range_holds_what_lies_in_it_and_has_its_type(space, inside, outside):
    assert [value for value in inside if value not in space] == []
    assert [value for value in outside if value in space] == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1.0, 1.0), "low < high, got low=1.0, high=1.0"),
        (lambda: Float(2.0, 1.0), "low < high"),
        (lambda: Float(float("nan"), 1.0), "low < high"),
        (lambda: Int(4, 1), "low < high, got low=4, high=1"),
        (lambda: Float(0.0, 1.0, log=True), "low > 0, got low=0.0"),
        (lambda: Int(-1, 8, log=True), "low > 0, got low=-1"),
        (lambda: Choice("only"), "at least two values"),
        (Choice, "at least two values"),
    ],
)
def test_a_range_without_room_is_refused_with_its_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("space", "text"),
    [
        (Float(0.0, 5.0), "0 .. 5"),
        (Float(1e-4, 1e-1, log=True), "0.0001 .. 0.1 (log)"),
        (Int(1, 4), "1 .. 4"),
        (Choice("tanh", "relu"), "tanh | relu"),
    ],
)
def test_a_range_is_shown_as_it_is_described(space, text):
    assert str(space) == text


def test_ranges_are_compared_by_kind_and_values():
    assert Float(0, 1) == Float(0, 1)
    assert Float(0, 1) != Int(0, 1)
    assert Float(1, 2) != Float(1, 2, log=True)
    assert Choice(1, 2) == Choice(1, 2) != Choice(2, 1)
