"""What every check of an architecture needs: the fixture to override, sizes, a model and inputs for it."""

from __future__ import annotations

from typing import ClassVar

import pytest
from torch import Tensor

from harness.architecture import Architecture
from harness.discovery.plugin_errors import describe_error
from harness.errors import RefusedError
from harness.testing._probes import Make, build, noise


class Subject:
    """The architecture to be checked, and the class attributes where it needs other sizes or more training."""

    input_size: ClassVar[int] = 5
    hidden_size: ClassVar[int] = 16
    tolerance: ClassVar[float] = 1e-5  # largest difference between equal results, relative to the larger of 1 and them
    learning_rate: ClassVar[float] = 1e-2
    learning_updates: ClassVar[int] = 300

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError("override the fixture `make`: return a callable (input_size, hidden_size) -> module")

    def test_is_built_from_an_input_size_and_a_hidden_size(self, make: Make) -> None:
        """It is built by (input_size, hidden_size), both positional; all other arguments have a default.

        Way out: write `def __init__(self, input_size: int, hidden_size: int, *, mine: float = 0.1)`.
        """
        try:
            self._build(make)
        except RefusedError:
            return  # it is built, and what it gives is for the other checks
        except Exception as error:
            raise AssertionError(f"it must be built by (input_size, hidden_size); {describe_error(error)}") from error

    def _build(self, make: Make, seed: int = 0) -> Architecture:
        return build(make, self.input_size, self.hidden_size, seed)

    def _stateful(self, make: Make) -> Architecture:
        model = self._build(make)
        if not model.stateful:
            pytest.skip("declares stateful=False")
        return model

    def _sizes(self, model: Architecture) -> list[tuple[int, int]]:
        return [(rows, steps) for rows in (1, 3) for steps in (1, 2, 7) if steps <= (model.max_length or 7)]

    def _x(self, model: Architecture, *, rows: int = 3, at_least: int = 1, seed: int = 0) -> Tensor:
        """Inputs of 7 steps, or as many as the model takes."""
        steps = min(7, model.max_length or 7)
        if steps < at_least:
            pytest.skip(f"takes at most {steps} steps, this check needs {at_least}")
        return noise(rows, steps, self.input_size, seed=seed)
